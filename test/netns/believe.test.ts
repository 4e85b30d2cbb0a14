// Which answers the running agent believes in watch mode: two devices (each a namespace with its own MAC), a
// router, and an Internet with a bank, a resolver, and an attacker that answers STUN on port 53 with DNS
// messages. The bank's port answers by the direct way only: a proxied flow is refused.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PLAIN } from '../fixtures/uci.ts';
import { WHP_TEXT } from '../lib/bare.ts';

const FOLDER = resolve(`out/netns/believe-${process.pid}`);
mkdirSync(`${FOLDER}/state`, { recursive: true });
test.after(() => rmSync(FOLDER, { recursive: true }));

const BANK = '93.184.216.34';
const ROUTED = '93.184.216.35';

/** Minimal DNS messages. */
const DNS = `
const name = (text) => Buffer.concat([...text.split('.').map((one) => Buffer.from([one.length, ...Buffer.from(one)])), Buffer.from([0])]);
const query = (id, text) => Buffer.concat([Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), name(text), Buffer.from([0, 1, 0, 1])]);
const answer = (asked, addresses) => {
  const head = Buffer.from(asked); head[2] = 0x81; head[3] = 0x80; head[6] = addresses.length >> 8; head[7] = addresses.length & 255;
  const record = (one) => Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 1, 81, 128, 0, 4, ...one.split('.').map(Number)]);
  return Buffer.concat([head, ...addresses.map(record)]);
};
const dgram = require('dgram');`;

/** ADDRESS TOLD...: a resolver with the same answer for every name. */
const RESOLVER = `${DNS}
const [, , address, ...told] = process.argv;
const udp = dgram.createSocket('udp4');
udp.on('message', (asked, from) => udp.send(answer(asked, told), from.port, from.address));
udp.bind(53, address, () => console.log('ready'));`;

/** Answers queries that are no DNS with answers for the app's names, thousands of addresses. */
const ATTACKER = `${DNS}
const udp = dgram.createSocket('udp4');
udp.on('message', (stun, from) => {
  for (let i = 0; i < 100; i++) {
    const many = Array.from({ length: 30 }, (_, at) => '90.' + (i >> 4) + '.' + i + '.' + (at + 1));
    const asked = query(i, 'x' + i + '.skype.com');
    udp.send(answer(asked, ['${BANK}', ...many]), from.port, from.address);
  }
  // An answer that echoes no question.
  const bare = answer(query(0, 'ui.skype.com'), ['${BANK}']); bare[5] = 0;
  udp.send(bare, from.port, from.address);
});
udp.bind(53, '8.8.4.4', () => console.log('ready'));`;

const SERVER = `
require('net').createServer((one) => { one.on('data', () => one.write('bank\\n')); one.on('error', () => {}); }).listen(443, () => console.log('ready'));`;

/** One connection to ADDRESS: prints "open" and, at its end, the reason. "held": keeps sending. */
const CALLER = `
const [, , to, held] = process.argv;
const end = (word) => { console.log(word); process.exit(); };
const tcp = require('net').connect(443, to, () => { tcp.write('x'); if (held) setInterval(() => tcp.write('x'), 50); });
tcp.once('data', () => { console.log('open'); if (!held) process.exit(); });
tcp.on('error', (error) => end(error.code));
tcp.on('close', () => end('closed'));
setTimeout(() => held || end('nothing'), 2000);`;

const STUN = `
const udp = require('dgram').createSocket('udp4');
udp.on('message', () => {});
// Binding request, RFC 8489 section 5: type, length, magic cookie, transaction.
udp.bind(40000, () => udp.send(Buffer.from([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...Array(12).fill(7)]), 53, '8.8.4.4'));
setTimeout(() => process.exit(), 1500);`;

/** Asks ADDRESS for NAME. */
const CLIENT = `${DNS}
const [, , address, text] = process.argv;
const udp = dgram.createSocket('udp4');
const end = (word) => { console.log(word); process.exit(); };
udp.on('message', (told) => end([...told.subarray(-4)].join('.')));
udp.send(query(4711, text), 53, address);
setTimeout(() => end('nothing'), 2000);`;

for (const [file, text] of Object.entries({
  resolver: RESOLVER,
  attacker: ATTACKER,
  server: SERVER,
  caller: CALLER,
  stun: STUN,
  client: CLIENT,
})) {
  writeFileSync(`${FOLDER}/${file}.cjs`, text);
}
writeFileSync(`${FOLDER}/whp`, PLAIN);
const OPTIONS = `--config ${FOLDER}/whp --profiles ${resolve('agent/profiles')} --state ${FOLDER}/state --socket ${FOLDER}/sock`;

const SCRIPT = `
exec 2>&1
sysctl -qw net.ipv4.ip_forward=1
for one in phone tv outside; do unshare -n sleep 1000 & eval $one=$!; done
sleep 0.2
at() { pid=$1; shift; nsenter -t $pid -n "$@"; }
ip link set lo up; ip link add br-lan type bridge; ip addr add 192.168.1.1/24 dev br-lan; ip link set br-lan up
for one in phone:11 tv:12; do
  eval pid=\\$\${one%:*}
  ip link add \${one%:*} type veth peer name eth0 netns $pid; ip link set \${one%:*} master br-lan up
  at $pid sh -c "ip link set lo up; ip link set eth0 up; ip addr add 192.168.1.\${one#*:}/24 dev eth0; ip route add default via 192.168.1.1"
done
ip link add wan type veth peer name eth0 netns $outside; ip addr add 198.51.100.10/24 dev wan; ip link set wan up
ip route add default via 198.51.100.1
nft 'table inet fw { chain post { type nat hook postrouting priority 100; oifname "wan" masquerade; }; }'
at $outside sh -c 'ip link set lo up; ip link set eth0 up; ip addr add 198.51.100.1/24 dev eth0; for one in 9.9.9.9 8.8.4.4 ${BANK} ${ROUTED}; do ip addr add $one/32 dev lo; done'
serve() { pid=$1; shift; : >ready; at $pid node "$@" >ready & for i in $(seq 100); do grep -q ready ready && break; sleep 0.05; done; }
serve $outside resolver.cjs 9.9.9.9 ${BANK}; serve $outside attacker.cjs; serve $outside server.cjs
serve $$ resolver.cjs 192.168.1.1 ${ROUTED}
${WHP_TEXT} daemon ${OPTIONS} >log & agent=$!
for i in $(seq 200); do grep -q '^whp: enforcing' log && break; sleep 0.1; done
say() { echo "$1: $(shift; "$@" | tr -s '\\n ' ' ')"; }
elements() { nft list set inet whp skype_$1 | grep -c expires; }
at $tv node caller.cjs ${BANK} held >held & for i in $(seq 100); do grep -q open held && break; sleep 0.05; done
at $phone node stun.cjs
say 'addresses after the attack' elements addr4
say 'pairs after the attack' elements peer4
say 'status' ${WHP_TEXT} status ${OPTIONS}
say 'phone asks outside' at $phone node client.cjs 9.9.9.9 ui.skype.com
for i in $(seq 40); do [ "$(elements peer4)" = 1 ] && break; sleep 0.05; done
say 'pairs' elements peer4
say 'pairs by MAC' elements peermac4
say 'addresses' elements addr4
say 'phone to the bank' at $phone node caller.cjs ${BANK}
say 'tv to the bank' at $tv node caller.cjs ${BANK}
say 'why' ${WHP_TEXT} why ${BANK} ${OPTIONS}
say 'tv asks the router' at $tv node client.cjs 192.168.1.1 api.skype.com
for i in $(seq 40); do [ "$(elements addr4)" = 1 ] && break; sleep 0.05; done
say 'addresses by the router' elements addr4
say 'phone to the other' at $phone node caller.cjs ${ROUTED}
sleep 0.3
say 'held' cat held
kill $agent; wait $agent
`;

const { stdout } = spawnSync(
  'unshare',
  ['-n', '-m', '-p', '-f', '--mount-proc', '--kill-child', 'sh', '-c', SCRIPT],
  { encoding: 'utf8', cwd: FOLDER, timeout: 60000 },
);
const said = new Map(
  stdout.split('\n').flatMap((line): [string, string][] => {
    const at = line.indexOf(': ');
    return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 2).trim()]];
  }),
);

function says(what: string, wanted: string): void {
  assert.is(said.get(what), wanted, `${what}\n${stdout}`);
}

test('DNS messages that answer a STUN teach nothing', () => {
  says('addresses after the attack', '0');
  says('pairs after the attack', '0');
  assert.match(said.get('status') ?? '', /10[01] refused \(10[01] unasked\)/, stdout);
});

test('what a resolver outside says is for the device that asked, and says so', () => {
  says('phone asks outside', BANK);
  says('pairs', '1');
  says('pairs by MAC', '1');
  says('addresses', '0');
  assert.is.not(said.get('phone to the bank'), 'open', stdout);
  assert.match(said.get('why') ?? '', '9.9.9.9 told 192.168.1.11 that it is ui.skype.com');
});

test('another device reaches the bank as before, and its connection goes on', () => {
  says('tv to the bank', 'open');
  says('held', 'open');
});

test('what the router’s own resolver says is for the home', () => {
  says('tv asks the router', ROUTED);
  says('addresses by the router', '1');
  assert.is.not(said.get('phone to the other'), 'open', stdout);
});

test.run();
