// Packets that the host program deals with alone: a device, the router with a running agent, and a resolver outside.
// Strangers pass and are counted; an unrelated name that leads to one of the application is learned, and so is the name
// that the device was led to. The same with the script looking at every packet. A kernel without nft's queue only watches the
// answers: then the host program notes queries alone.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { homeWith } from '../fixtures/uci.ts';
import { WHP_TEXT } from '../lib/bare.ts';
import { DEVICE_AND_OUTSIDE, startShell } from './shell.ts';

const FOLDER = resolve(`out/netns/strangers-${process.pid}`);
mkdirSync(FOLDER, { recursive: true });

/** Answers NAME with an address by its first label: `aN` 20.1.0.N; `cN.…` by a CNAME to N.api.skype.com, `led` as an
 * application's server by a CNAME to edge.led.example. */
const RESOLVER = `
const name = (text) => Buffer.concat([...text.split('.').map((one) => Buffer.from([one.length, ...Buffer.from(one)])), Buffer.from([0])]);
const udp = require('dgram').createSocket('udp4');
udp.on('message', (query, from) => {
  const first = query.subarray(13, 13 + query[12]).toString();
  const number = Number(/\\d+/.exec(first)?.[0] ?? 0);
  const target = first === 'led' ? name('edge.led.example') : first[0] === 'c' ? name('x' + number + '.api.skype.com') : null;
  const lead = target === null ? [] : [Buffer.from([0xc0, 12, 0, 5, 0, 1, 0, 0, 1, 44, 0, target.length]), target];
  const owner = target === null ? 12 : query.length + 12;
  const address = first === 'led' ? [] : [Buffer.from([0xc0 | owner >> 8, owner & 255, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 20, first === 'edge' ? 3 : target === null ? 1 : 2, 0, number])];
  const answer = Buffer.concat([query, ...lead, ...address]);
  answer[2] = 0x81; answer[3] = 0x80; answer[7] = (target === null ? 0 : 1) + address.length;
  udp.send(answer, from.port, from.address);
});
udp.bind(53, '9.9.9.9', () => console.log('ready'));`;

/** Asks for the names one after the other; prints how many were answered. */
const CLIENT = `
const [, , ...names] = process.argv;
const udp = require('dgram').createSocket('udp4');
let id = 0, answered = 0;
const next = () => {
  const name = names.shift();
  if (name === undefined) { console.log('answered ' + answered); process.exit(); }
  id += 1;
  const labels = name.split('.').flatMap((one) => [one.length, ...Buffer.from(one)]);
  udp.send(Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]), 53, '9.9.9.9');
  late = setTimeout(next, 1000);
};
let late;
udp.on('message', (told) => { if (told.readUInt16BE(0) !== id) return; answered += 1; clearTimeout(late); next(); });
next();`;

writeFileSync(`${FOLDER}/resolver.cjs`, RESOLVER);
writeFileSync(`${FOLDER}/client.cjs`, CLIENT);
writeFileSync(`${FOLDER}/whp`, homeWith("\toption hold '1'\n"));
const OPTIONS = `--config ${FOLDER}/whp --profiles ${resolve('agent/profiles')} --state ${FOLDER}/state --socket ${FOLDER}/sock`;

const HOME = `${DEVICE_AND_OUTSIDE}at $device sh -c 'ip link set lo up; ip link set eth0 up; ip addr add 192.168.1.11/24 dev eth0; ip route add default via 192.168.1.1'
at $outside sh -c 'ip link set lo up; ip link set eth0 up; ip addr add 198.51.100.1/24 dev eth0; ip addr add 9.9.9.9/32 dev lo; ip route add 192.168.1.0/24 via 198.51.100.10'
at $outside node ${FOLDER}/resolver.cjs >${FOLDER}/ready &
for i in $(seq 100); do grep -q ready ${FOLDER}/ready && break; sleep 0.05; done
ask() { at $device node ${FOLDER}/client.cjs "$@"; sleep 0.5; nft list set inet whp skype_peer4 | grep -o '20\\.[0-9.]*' | sort -u | tr '\\n' ' '; echo; }
whp() { command=$1; shift; ${WHP_TEXT} $command ${OPTIONS} "$@"; }
seen() { whp status --json | grep -o '"\\(answers\\|matched\\|queries\\|refused\\|unasked\\|malformed\\)":[0-9]*' | tr '\\n' ' '; echo; }
agent() { : >${FOLDER}/log; ${WHP_TEXT} daemon ${OPTIONS} >${FOLDER}/log 2>&1 & agent=$!; for i in $(seq 200); do grep -q '^whp: enforcing' ${FOLDER}/log && break; sleep 0.1; done; }
leave() { kill $agent; wait $agent; }`;

const shell = startShell('processes');
test.after(async () => {
  await shell.stop();
  rmSync(FOLDER, { recursive: true });
});

const STRANGERS = Array.from({ length: 30 }, (_, i) => `a${i}.shop.example`).join(' ');

for (const [who, setting] of [
  ['by the host program', ''],
  ['by the script alone', 'export WHP_GLANCE=0'],
] as const) {
  test(`strangers pass and are counted, an application's names are held: ${who}`, async () => {
    const { text } = await shell.run(`${setting === '' ? HOME : setting}
rm -rf ${FOLDER}/state; agent; ask ${STRANGERS}; seen
ask c1.shop.example a40.shop.example c2.shop.example; seen
ask edge.led.example; ask led.skype.com a41.shop.example edge.led.example; seen; leave`);
    const lines = text
      .split('\n')
      .filter((line) => /^(answered|20\.|"| ?$)/.test(line.trim()) && line.trim() !== '');
    assert.equal(
      lines.map((line) => line.trim()),
      [
        'answered 30',
        '"answers":30 "matched":0 "queries":30 "refused":0 "unasked":0 "malformed":0',
        'answered 3',
        '20.2.0.1 20.2.0.2',
        '"answers":33 "matched":2 "queries":33 "refused":0 "unasked":0 "malformed":0',
        'answered 1',
        '20.2.0.1 20.2.0.2',
        'answered 3',
        '20.2.0.1 20.2.0.2 20.3.0.0',
        '"answers":37 "matched":4 "queries":37 "refused":0 "unasked":0 "malformed":0',
      ],
      text,
    );
  });
}

test.run();
