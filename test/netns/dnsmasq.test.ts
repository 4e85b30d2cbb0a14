// The real dnsmasq as a second writer of the sets where answers are not held (this kernel has no nft queue):
// the element is added before the answer, also while the agent is stopped. The agent writes dnsmasq's file,
// restarts dnsmasq when it changes, and removes it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PLAIN } from '../fixtures/uci.ts';
import { WHP_TEXT } from '../lib/bare.ts';
import { ownEtc, startShell } from './shell.ts';

execFileSync('bash', ['-c', '. scripts/lib/packages.sh; need dnsmasq=dnsmasq-base nft=nftables'], {
  stdio: 'inherit',
});
const FOLDER = resolve(`out/netns/dnsmasq-${process.pid}`);
mkdirSync(`${FOLDER}/etc`, { recursive: true });
test.after(() => rmSync(FOLDER, { recursive: true }));
writeFileSync(`${FOLDER}/whp`, PLAIN);

/** dnsmasq's upstream resolver: each A question gets an address of its own. */
writeFileSync(
  `${FOLDER}/upstream.cjs`,
  `let next = 1;
const server = require('dgram').createSocket('udp4');
server.on('message', (asked, from) => {
  const end = asked.indexOf(0, 12) + 5;
  const head = Buffer.from(asked.subarray(0, end));
  head.writeUInt16BE(0x8180, 2); head.writeUInt16BE(1, 6); head.writeUInt16BE(0, 8); head.writeUInt16BE(0, 10);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 93, 184, 216, next++]);
  server.send(Buffer.concat([head, record]), from.port, from.address);
});
server.bind(5354, '127.0.0.2');`,
);
/** Resolves each name and prints, when the answer arrives, whether the set has the address. */
writeFileSync(
  `${FOLDER}/ask.cjs`,
  `const { spawnSync } = require('child_process');
const names = process.argv.slice(2);
const socket = require('dgram').createSocket('udp4');
const ask = () => {
  const name = names[0];
  if (name === undefined) process.exit(0);
  const labels = name.split('.').map((one) => String.fromCharCode(one.length) + one).join('');
  const head = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const message = Buffer.concat([head, Buffer.from(labels), Buffer.from([0, 0, 1, 0, 1])]);
  socket.send(message, 53, '127.0.0.1');
};
socket.on('message', (answer) => {
  const address = Array.from(answer.subarray(-4)).join('.');
  const { status } = spawnSync('nft', ['get', 'element', 'inet', 'whp', 'skype_addr4', '{ ' + address + ' }']);
  console.log(names.shift() + ' ' + (status === 0 ? 'there' : 'missing'));
  ask();
});
ask();`,
);
/** The parts of OpenWrt's init script that the agent uses. */
const SCRIPT = `#!/bin/sh
[ "$1" = restart ] || exit 1
echo restart >>${FOLDER}/restarts
kill $(cat ${FOLDER}/dnsmasq.pid 2>/dev/null) 2>/dev/null
sleep 0.2
exec /usr/sbin/dnsmasq --user=root --no-resolv --no-hosts --server=127.0.0.2#5354 --listen-address=127.0.0.1 \
  --bind-interfaces --pid-file=${FOLDER}/dnsmasq.pid --conf-file=/dev/null --conf-dir=/tmp/dnsmasq.cfg01411c.d`;
writeFileSync(`${FOLDER}/script`, SCRIPT, { mode: 0o755 });

const OPTIONS = `--config ${FOLDER}/whp --profiles ${resolve('agent/profiles')} --state ${FOLDER}/state --socket ${FOLDER}/sock`;
const ASK = `node ${FOLDER}/ask.cjs`;

test('an address is in the set before its answer is there, with the agent stopped as well', async () => {
  const shell = startShell('processes');
  const run = async (command: string) => (await shell.run(command)).text;
  await run(`${ownEtc(`${FOLDER}/etc`)}
    mount -t tmpfs tmpfs /tmp
    mkdir -p /etc/init.d /tmp/dnsmasq.cfg01411c.d && cp ${FOLDER}/script /etc/init.d/dnsmasq
    ip link set lo up; ip link add br-lan type dummy; ip link set br-lan up
    node ${FOLDER}/upstream.cjs &
    /etc/init.d/dnsmasq restart; sleep 0.3`);
  const whp = (words: string) => run(`timeout 20 ${WHP_TEXT} ${words} ${OPTIONS}`);
  try {
    assert.is(await run(`${ASK} ui.skype.com`), 'ui.skype.com missing\n', 'without the agent');
    await run(`${WHP_TEXT} daemon ${OPTIONS} >${FOLDER}/log 2>&1 & echo $! >${FOLDER}/agent
      for i in $(seq 200); do ${WHP_TEXT} status ${OPTIONS} >/dev/null 2>&1 && break; sleep 0.1; done
      for i in $(seq 100); do test -s /tmp/dnsmasq.cfg01411c.d/whp.conf && break; sleep 0.1; done; sleep 1`);
    const log = await run(`cat ${FOLDER}/log`);
    assert.match(log, /dnsmasq fills the sets before it answers \(nftset\)/);
    assert.match(await whp('status'), /put into the sets by dnsmasq/);
    await run(`kill -STOP $(cat ${FOLDER}/agent)`);
    const names = 'api.skype.com below.config.skype.com edge.skype.com www.example.org';
    assert.is(
      await run(`${ASK} ${names}`),
      'api.skype.com there\nbelow.config.skype.com there\nedge.skype.com missing\nwww.example.org missing\n',
    );
    await run(`kill -CONT $(cat ${FOLDER}/agent)`);
    const restarts = await run(`wc -l <${FOLDER}/restarts`);
    await whp('reload');
    assert.is(await run(`wc -l <${FOLDER}/restarts`), restarts, 'nothing changed');
    writeFileSync(`${FOLDER}/whp`, PLAIN.replace("'0'\n", "'0'\n\toption dnsmasq '0'\n"));
    await whp('reload');
    assert.is(await run('ls /tmp/dnsmasq.cfg01411c.d'), '', await run(`tail -5 ${FOLDER}/log`));
    assert.match(await whp('status'), /watched only/);
    assert.is(await run(`${ASK} ui.skype.com`), 'ui.skype.com missing\n', 'left alone');
    writeFileSync(`${FOLDER}/whp`, PLAIN);
    await whp('reload');
    assert.is(await run('ls /tmp/dnsmasq.cfg01411c.d'), 'whp.conf\n');
    await run(`kill $(cat ${FOLDER}/agent); sleep 2`);
    assert.is(await run('ls /tmp/dnsmasq.cfg01411c.d; nft list tables'), '', 'nothing is left');
  } finally {
    await shell.stop();
  }
});

test('where dnsmasq cannot fill sets, status says that answers are only watched', async () => {
  const shell = startShell('processes');
  const run = async (command: string) => (await shell.run(command)).text;
  writeFileSync(
    `${FOLDER}/plain`,
    '#!/bin/sh\necho "Compile time options: IPv6 DHCP no-nftset auth"\n',
    {
      mode: 0o755,
    },
  );
  await run(`mount -t tmpfs tmpfs /tmp; mkdir /tmp/dnsmasq.d
    mount --bind ${FOLDER}/plain /usr/sbin/dnsmasq; ip link set lo up
    ${WHP_TEXT} daemon ${OPTIONS} >${FOLDER}/log 2>&1 & echo $! >${FOLDER}/agent
    for i in $(seq 200); do ${WHP_TEXT} status ${OPTIONS} >/dev/null 2>&1 && break; sleep 0.1; done; sleep 1`);
  try {
    assert.match(await run(`${WHP_TEXT} status ${OPTIONS}`), /are watched only/);
    const log = await run(`cat ${FOLDER}/log; ls /tmp/dnsmasq.d`);
    assert.match(log, /answers are not held: dnsmasq cannot fill sets; install dnsmasq-full/);
    assert.not.match(log, /whp\.conf/);
  } finally {
    await shell.stop();
  }
});

test.run();
