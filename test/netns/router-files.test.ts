// The agent in a namespace with the test's /etc and /tmp: leases of several DHCP servers in their own files, a
// changing and a broken /etc/config/dhcp, and the time zone in each of its places.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { StatusAnswer } from '../../agent/src/answers/status.ts';
import { PLAIN } from '../fixtures/uci.ts';
import { unbroken } from '../lib/alarms.ts';
import { answerOf } from '../lib/answers.ts';
import { WHP_TEXT } from '../lib/bare.ts';
import { ownEtc, startShell } from './shell.ts';

const FOLDER = resolve(`out/netns/files-${process.pid}`);
mkdirSync(`${FOLDER}/profiles`, { recursive: true });
copyFileSync('agent/profiles/skype.json', `${FOLDER}/profiles/skype.json`);
const OPTIONS = ['config', 'profiles', 'state', 'socket']
  .map((one) => `--${one} ${FOLDER}/${one}`)
  .join(' ');

const shell = startShell();

async function must(command: string): Promise<string> {
  const { status, text } = await shell.run(command);
  assert.is(status, 0, `${command}: ${text}`);
  return text;
}

/** Writes a file inside the namespace. */
async function put(path: string, content: string | Buffer): Promise<void> {
  writeFileSync(`${FOLDER}/next`, content);
  await must(`mkdir -p $(dirname ${path}) && cat ${FOLDER}/next >${path}`);
}

async function until(what: () => Promise<boolean>, why: string): Promise<void> {
  for (let i = 0; i < 60; i++) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.unreachable(`${why}\n${(await shell.run(`cat ${FOLDER}/log`)).text}`);
}

async function table(): Promise<string> {
  return (await shell.run('nft -s list table inet whp')).text;
}

async function learns(mac: string): Promise<void> {
  await until(async () => (await table()).includes(mac), `${mac} is not known`);
}

test.before(async () => {
  writeFileSync(`${FOLDER}/config`, PLAIN);
  await must(`ip link set lo up && mount -t tmpfs tmpfs /tmp && ${ownEtc(`${FOLDER}/etc`)}`);
  await must('rm -rf /etc/TZ /etc/localtime /etc/config && mkdir /etc/config');
  await must(`${WHP_TEXT} daemon ${OPTIONS} >${FOLDER}/log 2>&1 & echo $! >${FOLDER}/pid`);
  await until(async () => (await table()).includes('chain prerouting'), 'no table');
});

test.after(async () => {
  await shell.run(`kill $(cat ${FOLDER}/pid); wait $(cat ${FOLDER}/pid)`);
  await shell.stop();
  rmSync(FOLDER, { recursive: true, force: true });
});

const mac = (last: string): string => `02:00:00:00:00:${last}`;

test('leases of two dnsmasq and of odhcpd, and a configuration that changes and breaks', async () => {
  const names = ['one', 'two', 'three', 'four', 'five', 'six'];
  const list = names.map((name) => `\tlist name '${name}'\n`).join('');
  writeFileSync(`${FOLDER}/config`, `${PLAIN}\tlist device 'all'\nconfig device 'all'\n${list}`);
  const dhcp = `config odhcpd 'odhcpd'
	option leasefile '/tmp/hosts/odhcpd'
config dnsmasq
	option leasefile '/tmp/dhcp.leases'
config dnsmasq 'guest'
	option leasefile '/tmp/guest leases' # of the guests
`;
  await put('/etc/config/dhcp', dhcp);
  await must(`${WHP_TEXT} reload ${OPTIONS}`);
  await put('/tmp/dhcp.leases', `1 ${mac('01')} 192.168.1.1 one *\n`);
  await learns(mac('01'));
  await put("'/tmp/guest leases'", `1 ${mac('02')} 192.168.2.2 two *\n`);
  await learns(mac('02'));
  await put(
    '/tmp/hosts/odhcpd',
    '# br-lan 020000000003 ipv4 three -1 c0a80103 32 192.168.1.3/32\n',
  );
  await learns(mac('03'));
  // The same file replaced by a rename, with an IPv6 lease.
  await put('/tmp/hosts/.odhcpd', '# br-lan 00030001020000000004 1 four -1 4 128 fd00::4/128\n');
  await must('mv /tmp/hosts/.odhcpd /tmp/hosts/odhcpd');
  await learns(mac('04'));
  // Another lease file, given in a form that OpenWrt accepts too.
  await put('/tmp/new', `1 ${mac('05')} 192.168.1.5 five *\n`);
  await put('/etc/config/dhcp', `${dhcp}c dnsmasq x\no leasefile /tmp/new#\n`);
  await learns(mac('05'));
  // A broken file: the known hosts and lease files stay in force.
  await put('/etc/config/dhcp', `${dhcp}config dnsmasq 'x\n`);
  await put('/tmp/new', `1 ${mac('06')} 192.168.1.6 six *\n`);
  await learns(mac('06'));
  const said = unbroken((await shell.run(`${WHP_TEXT} check --explain ${OPTIONS}`)).text);
  assert.match(said, "/etc/config/dhcp:7: ' is never closed; add the second '; until then");
  assert.match(
    said,
    'dhcp leases and static hosts: /tmp/hosts/odhcpd: 1 lease, /tmp/dhcp.leases: 1 lease, /tmp/guest leases: 1 lease, /tmp/new: 1 lease, /etc/config/dhcp: 0 static hosts',
  );
  writeFileSync(`${FOLDER}/config`, PLAIN);
  await must(`${WHP_TEXT} reload ${OPTIONS}`);
});

/** Compiled zone data: two headers without a table, and the rules; no UTF-8 before them. */
function compiled(rules: string): Buffer {
  const header = Buffer.alloc(44);
  header.write('TZif2', 'latin1');
  return Buffer.concat([header, header, Buffer.from(`\xc3\n${rules}\n`, 'latin1')]);
}

test('the time zone in each of its places; without one the app is proxied at all hours', async () => {
  const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
  // The day after tomorrow, which is today where the clocks are two days ahead.
  const after = days[(new Date().getUTCDay() + 2) % 7]!;
  writeFileSync(`${FOLDER}/config`, `${PLAIN}\tlist schedule '${after} 00:00-24:00'\n`);
  const told = async (): Promise<string> => {
    await must(`${WHP_TEXT} reload ${OPTIONS}`);
    const { apps } = answerOf<StatusAnswer>(
      ['status'],
      await must(`${WHP_TEXT} status --json ${OPTIONS}`),
    );
    // Outside its hours, or else: this namespace has no tunnel.
    return apps[0]!.new_connections.cause === 'schedule' ? 'schedule' : 'proxied';
  };
  const system = (zone: string): string => `config system\n\toption timezone '${zone}'\n`;
  const [here, there] = ['UTC', '<+48>-48'];
  assert.is(await told(), 'proxied', 'nobody knows the zone');
  const { text } = await shell.run(`${WHP_TEXT} check ${OPTIONS}`);
  assert.match(
    unbroken(text),
    'the time zone is not known: schedules do not count, skype is proxied',
  );
  const places: [string, (zone: string) => string | Buffer][] = [
    ['/etc/localtime', compiled],
    ['/etc/config/system', system],
    ['/tmp/TZ', (zone) => `${zone}\n`],
    ['/etc/TZ', (zone) => `${zone}\n`],
  ];
  for (const [path, write] of places) {
    await put(path, write(`${here}0`));
    assert.is(await told(), 'schedule', `${path}: its hours have not come`);
    await put(path, write(there));
    assert.is(await told(), 'proxied', `${path}: its hours have come`);
    await put(path, 'nonsense');
    assert.is(await told(), 'proxied', `${path}: nonsense`);
    await put(path, write(here === 'UTC' && path !== '/etc/localtime' ? here : `${here}0`));
    assert.is(await told(), 'schedule', path);
    await must(`rm ${path}`);
    assert.is(await told(), 'proxied', `${path} is gone`);
  }
  // As a router with a zoneinfo package is: /etc/TZ leads nowhere.
  await must('ln -s /tmp/TZ /etc/TZ; ln -s /tmp/localtime /etc/localtime');
  await must('mkdir -p /tmp/zoneinfo; ln -s /tmp/zoneinfo/here /tmp/localtime');
  await put('/tmp/zoneinfo/here', compiled('UTC0'));
  assert.is(await told(), 'schedule');
});

test.run();
