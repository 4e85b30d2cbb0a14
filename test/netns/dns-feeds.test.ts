// Watch mode decodes everything: long answers, long ClientHellos, bursts of names, and flows older than the
// table. A running agent between a device and an Internet, with real packets.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clientHello, extension, serverName } from '../fixtures/tls.ts';
import { PLAIN } from '../fixtures/uci.ts';
import { WHP_TEXT } from '../lib/bare.ts';
import { DEVICE_AND_OUTSIDE, startShell } from './shell.ts';

const FOLDER = resolve(`out/netns/dns-feeds-${process.pid}`);
mkdirSync(FOLDER, { recursive: true });

/** Answers UDP and TCP on port 53 with as many addresses (20.N.x.y) as the first label of the name says,
 * N being the second number in it ("200-7.api.skype.com"), for the name behind that label. */
const RESOLVER = `
const [, , ...places] = process.argv;
const answerTo = (query) => {
  const length = query[12];
  const [count, block] = query.subarray(13, 13 + length).toString().split('-').map(Number);
  // The question contains the label; the answer is for the app's name after it.
  const records = Array.from({ length: count }, (_, i) => [0xc0, 13 + length, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 20, block & 255, (block >> 8) + (i >> 8), i & 255]);
  const answer = Buffer.concat([query, Buffer.from(records.flat())]);
  answer[2] = 0x81; answer[3] = 0x80; answer[6] = count >> 8; answer[7] = count & 255;
  return answer;
};
for (const address of places) {
  const udp = require('dgram').createSocket('udp4');
  udp.on('message', (query, from) => udp.send(answerTo(query), from.port, from.address));
  udp.bind(53, address);
  require('net').createServer((one) => one.on('error', () => {}).on('data', (query) => {
    const answer = answerTo(query.subarray(2));
    one.write(Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer]));
  })).listen(53, address);
}
require('net').createServer((one) => one.on('error', () => {})).listen(443, '0.0.0.0').on('error', () => {});
setTimeout(() => console.log('ready'), 100);`;

/** Commands, one a line: "udp ADDRESS NAME...", all from one socket; "tcp ADDRESS NAME", on the same
 * connection while it lasts; "hello ADDRESS HEX HEX". Prints one result of each: a connection that is reset
 * between two commands is no result. */
const CLIENT = `
const query = (name) => Buffer.from([1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name.split('.').flatMap((one) => [one.length, ...Buffer.from(one)]), 0, 0, 1, 0, 1]);
const udp = require('dgram').createSocket('udp4');
udp.bind(5353);
let tcp = null;
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const [kind, address, ...words] = line.split(' ');
  let left = words.length;
  let ended = false;
  const end = (word) => { clearTimeout(late); udp.removeAllListeners('message'); if (!ended) console.log(word); ended = true; };
  const late = setTimeout(() => end('nothing'), 4000);
  if (kind === 'udp') {
    udp.on('message', (answer) => { left -= 1; if (left === 0) end('answered ' + answer.length); });
    for (const name of words) udp.send(query(name), 53, address);
  } else if (kind === 'hello') {
    const one = require('net').connect(443, address, async () => {
      one.setNoDelay(true);
      for (const part of words) { one.write(Buffer.from(part, 'hex')); await new Promise((done) => setTimeout(done, 50)); }
      end('sent');
    });
    one.on('error', () => {});
  } else {
    const bytes = query(words[0]);
    let rest = 0;
    const send = () => tcp.write(Buffer.concat([Buffer.from([0, bytes.length]), bytes]));
    if (tcp === null) tcp = require('net').connect(53, address, send); else send();
    tcp.removeAllListeners('error').removeAllListeners('data');
    tcp.on('error', (error) => { tcp = null; end(error.code); });
    tcp.on('data', (part) => { rest += part.length; if (rest > bytes.length + 4) end('answered'); });
  }
});`;
writeFileSync(`${FOLDER}/resolver.cjs`, RESOLVER);
writeFileSync(`${FOLDER}/client.cjs`, CLIENT);
writeFileSync(
  `${FOLDER}/whp`,
  PLAIN.replace("option hold '0'", "option hold '0'\n\toption hello 'watch'"),
);
const OPTIONS = `--config ${FOLDER}/whp --profiles ${resolve('agent/profiles')} --state ${FOLDER}/state --socket ${FOLDER}/sock`;

const HOME = `${DEVICE_AND_OUTSIDE}at $device sh -c 'ip link set lo up; ip link set eth0 up; ip addr add 192.168.1.11/24 dev eth0; ip route add default via 192.168.1.1'
at $outside sh -c 'ip link set lo up; ip link set eth0 up; ip addr add 198.51.100.1/24 dev eth0; ip addr add 9.9.9.9/32 dev lo; ip addr add 93.184.216.40/32 dev lo; ip route add 192.168.1.0/24 via 198.51.100.10'
nft 'table ip nat { chain post { type nat hook postrouting priority 100; oifname "wan" masquerade; }; }'
node ${FOLDER}/resolver.cjs 192.168.1.1 >${FOLDER}/ready & at $outside node ${FOLDER}/resolver.cjs 9.9.9.9 >${FOLDER}/ready2 &
for i in $(seq 50); do grep -q ready ${FOLDER}/ready && grep -q ready ${FOLDER}/ready2 && break; sleep 0.1; done
mkfifo ${FOLDER}/in; : >${FOLDER}/out; at $device node ${FOLDER}/client.cjs <${FOLDER}/in >${FOLDER}/out & exec 7>${FOLDER}/in
lines() { wc -l <${FOLDER}/out; }
ask() { a=$(lines); echo "$@" >&7; for i in $(seq 100); do [ $(lines) -gt $a ] && break; sleep 0.05; done; tail -n 1 ${FOLDER}/out; }
whp() { command=$1; shift; ${WHP_TEXT} $command ${OPTIONS} "$@"; }
# Of the router's resolver for the home, of one outside for the device.
known() { { nft list set inet whp skype_addr4; nft list set inet whp skype_peer4; } | grep -o "20\\.$1\\.[0-9]*\\.[0-9]*" | sort -u | wc -l; }
until_known() { for i in $(seq $3); do [ $(known $1) -ge $2 ] && break; sleep 0.2; done; echo "known $(known $1)"; }
agent() { ${WHP_TEXT} daemon ${OPTIONS} >${FOLDER}/log 2>&1 & for i in $(seq 200); do grep -q '^whp: enforcing' ${FOLDER}/log && break; sleep 0.1; done; }`;

const shell = startShell('processes');
test.after(async () => {
  await shell.stop();
  rmSync(FOLDER, { recursive: true });
});
const run = async (command: string): Promise<string> => (await shell.run(command)).text;

test('flows that are older than the table: the next packet is seen, a connection begins anew', async () => {
  const out = await run(`${HOME}
ask udp 9.9.9.9 1-1.api.skype.com; ask tcp 9.9.9.9 1-1.api.skype.com
agent; for i in $(seq 50); do conntrack -L -p udp --dport 53 2>&1 | grep -q ' 0 flow entries' && break; sleep 0.1; done
ask udp 9.9.9.9 1-2.api.skype.com; until_known 2 1 20
ask tcp 9.9.9.9 1-3.api.skype.com; ask tcp 9.9.9.9 1-4.api.skype.com; until_known 4 1 20`);
  const lines = out.split('\n').filter((line) => /^(answered|known|nothing|E[A-Z]+)/.test(line));
  // The connection is reset at once: its next use opens another one.
  assert.match(
    lines.map((line) => line.replace(/answered.*/, 'answered')).join(),
    /^answered,answered,answered,known 1,(?:ECONNRESET|answered),answered,known 1$/,
    out,
  );
});

test('an answer with 200 addresses, and one over TCP', async () => {
  const out = await run(`
ask udp 192.168.1.1 200-5.api.skype.com; until_known 5 200 30
ask tcp 9.9.9.9 58-6.api.skype.com; until_known 6 58 30; whp status --json`);
  assert.match(out, /answered 32\d\d\nknown 200\nanswered\nknown 58\n/);
  assert.match(out, /"malformed":0,.*"lost":0,/);
});

test('two hundred names at once: each is learned, the last a little later', async () => {
  const names = Array.from({ length: 200 }, (_, i) => `1-${7 + 256 * i}.api.skype.com`).join(' ');
  const out = await run(`ask udp 192.168.1.1 ${names}; until_known 7 200 150; whp status`);
  assert.match(out, /answered \d+\nknown 200\n/);
});

test('where another table drops packets to lo, transactions add what is learned, and status says so', async () => {
  const out = await run(`
nft 'table inet other { chain p { type filter hook output priority -2147483648; oifname "lo" drop; }; }'
ask udp 192.168.1.1 1-9.api.skype.com; until_known 9 1 50; whp status | grep -A1 'by transactions'
nft delete table inet other
ask udp 192.168.1.1 1-10.api.skype.com; until_known 10 1 50; sleep 10; ask udp 192.168.1.1 1-11.api.skype.com; until_known 11 1 50; whp status | grep -c 'by transactions'`);
  assert.match(out, /known 1\n! elements are added by transactions/, out);
  assert.match(out, /answered \d+\nknown 1\n0\n/, out);
});

test('a ClientHello of 1,800 bytes in two segments', async () => {
  const hello = clientHello([extension(21, new Uint8Array(1700)), serverName('api.skype.com')]);
  const hex = Buffer.from(hello).toString('hex');
  const out = await run(`ask hello 93.184.216.40 ${hex.slice(0, 2800)} ${hex.slice(2800)}
for i in $(seq 30); do nft list set inet whp skype_hello4 | grep -q 93.184.216.40 && break; sleep 0.1; done
nft list set inet whp skype_hello4`);
  assert.match(out, /192\.168\.1\.11 \. 93\.184\.216\.40/);
});

test.run();
