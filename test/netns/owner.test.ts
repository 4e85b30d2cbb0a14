// The agent in a namespace, controlled by its command line: devices by name from DHCP leases, schedules, pause,
// pin, proxies, rules, and broken files. The kernel's table is read for the result.
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DeviceAnswer } from '../../agent/src/answers/devices.ts';
import type { ProxyAnswer } from '../../agent/src/answers/proxies.ts';
import type { Rows } from '../../agent/src/answers/rows.ts';
import type { StatusAnswer } from '../../agent/src/answers/status.ts';
import type { WhyAnswer } from '../../agent/src/answers/why-parts.ts';
import { COMMAND_NAMES } from '../../agent/src/cli/commands.ts';
import { flat, unbroken } from '../lib/alarms.ts';
import { answerOf } from '../lib/answers.ts';
import { WHP_TEXT } from '../lib/bare.ts';
import { fits } from '../lib/screen.ts';
import { ownEtc, startShell } from './shell.ts';

const FOLDER = resolve(`out/netns/owner-${process.pid}`);
const NFT = '/usr/sbin/nft';
const LEASES = '/tmp/dhcp.leases';
const hadLeases = existsSync(LEASES);
if (!hadLeases) writeFileSync(LEASES, '');
mkdirSync(`${FOLDER}/profiles`, { recursive: true });
copyFileSync('agent/profiles/skype.json', `${FOLDER}/profiles/skype.json`);
writeFileSync(`${FOLDER}/leases`, '');
// A wrapper of nft that counts loads, not listings.
mkdirSync(`${FOLDER}/bin`);
copyFileSync(NFT, `${FOLDER}/bin/real`);
writeFileSync(
  `${FOLDER}/bin/nft`,
  `#!/bin/sh\ncase "$1" in -f) echo >>${FOLDER}/loads;; esac\nexec ${FOLDER}/bin/real "$@"\n`,
  { mode: 0o755 },
);

const OPTIONS = [
  `--config ${FOLDER}/whp`,
  `--profiles ${FOLDER}/profiles`,
  `--state ${FOLDER}/state`,
  `--socket ${FOLDER}/sock`,
].join(' ');

const HEAD = `config globals 'globals'
	option hold '0'
config proxy 'cloud'
	option address '203.0.113.10'
	option local '10.254.1.2'
	option remote '10.254.1.1'
config proxy 'second'
	option address '203.0.113.11'
	option local '10.254.2.2'
	option remote '10.254.2.1'
config app 'skype'
	list proxy 'cloud'
	list proxy 'second'
`;

function configure(text: string): void {
  writeFileSync(`${FOLDER}/whp`, HEAD + text);
}

const shell = startShell();

async function whp(words: string): Promise<{ status: number; text: string }> {
  return shell.run(`${WHP_TEXT} ${words} ${OPTIONS}`);
}

async function json<T>(words: string): Promise<T> {
  const { status, text } = await whp(`${words} --json`);
  assert.is(status, 0, `${words}: ${text}`);
  return answerOf<T>(words.split(' '), text);
}

/** What a command prints on standard output and on standard error. */
async function streams(words: string): Promise<[out: string, err: string]> {
  await shell.run(`${WHP_TEXT} ${words} ${OPTIONS} >${FOLDER}/out 2>${FOLDER}/err`);
  const read = async (name: string) => (await shell.run(`cat ${FOLDER}/${name}`)).text;
  return [await read('out'), await read('err')];
}

async function table(): Promise<string> {
  return (await shell.run('nft -s list table inet whp')).text;
}

/** The table without the gates, which depend on when the proxies are given up. */
async function settled(): Promise<string> {
  return (await table()).replace(/\s*elements = \{ ipv4, ipv6 \}/g, '');
}

/** Waits ten seconds at most: the agent looks every five. */
async function until(what: () => Promise<boolean>, why: string): Promise<void> {
  for (let i = 0; i < 50; i++) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.unreachable(`${why}\n${(await shell.run(`cat ${FOLDER}/log`)).text}`);
}

async function startAgent(): Promise<void> {
  await shell.run(`${WHP_TEXT} daemon ${OPTIONS} >${FOLDER}/log 2>&1 & echo $! >${FOLDER}/pid`);
  await until(async () => (await whp('status')).status === 0, 'no agent');
  await until(async () => (await table()).includes('chain prerouting'), 'no table');
}

async function stopAgent(): Promise<void> {
  const command = `kill $(cat ${FOLDER}/pid); wait $(cat ${FOLDER}/pid)`;
  assert.is((await shell.run(command)).status, 0);
}

async function loads(): Promise<number> {
  return (await shell.run(`cat ${FOLDER}/loads`)).text.length;
}

const PAUSED = /set skype_paused \{[^}]*elements = \{ ipv4, ipv6 \}/;

async function reload(): Promise<void> {
  const { status, text } = await whp('reload');
  assert.is(status, 0, text);
}

test.before(async () => {
  const { status, text } = await shell.run(
    `nft() { ${FOLDER}/bin/real "$@"; }; ip link set lo up && ip link add br-lan type bridge && mount --bind ${FOLDER}/bin/nft ${NFT} && mount --bind ${FOLDER}/leases ${LEASES} && ${ownEtc(`${FOLDER}/etc`)} && echo UTC0 >/etc/TZ`,
  );
  assert.is(status, 0, text);
  configure('');
  await startAgent();
});

test.after(async () => {
  await stopAgent();
  await shell.stop();
  rmSync(FOLDER, { recursive: true, force: true });
  if (!hadLeases) rmSync(LEASES, { force: true });
});

test('a device told by its name applies as soon as DHCP knows it, and is remembered', async () => {
  configure("	list device 'box'\nconfig device 'box'\n	list name 'xbox'\n");
  await reload();
  assert.not.match(await table(), /jump skype_new4/);
  writeFileSync(`${FOLDER}/leases`, '1 02:00:00:00:00:0A 192.168.1.50 XBOX *\n');
  await until(async () => (await table()).includes('02:00:00:00:00:0a'), 'no MAC');
  assert.match(await table(), /ether saddr @skype_mac .*jump skype_new4/);
  const { rows } = await json<Rows<DeviceAnswer>>('devices');
  assert.equal(
    rows.map(({ device, mac, apps }) => [device, mac, apps]),
    [['box', '02:00:00:00:00:0a', ['skype']]],
  );
  // After a reboot of the router the leases are gone, and the device keeps its address.
  await stopAgent();
  writeFileSync(`${FOLDER}/leases`, '');
  await startAgent();
  assert.match(await table(), /02:00:00:00:00:0a/);
});

test('a bad file changes nothing, is named with section, option and line, and is shown', async () => {
  const before = await settled();
  configure("	list device 'nobody'\n	option fallback 'maybe'\n");
  const [told, err] = await streams('reload');
  const out = unbroken(told);
  assert.is((await whp('reload')).status, 1);
  assert.match(out, /^whp\.skype\.device \(.*:14\): "nobody" is no MAC/m);
  assert.match(out, /^whp\.skype\.fallback \(.*:15\): "maybe" is not one of/m);
  // `whp check` says the same words at the same place.
  assert.equal(
    unbroken((await streams('check'))[0])
      .split('\n')
      .slice(0, 2),
    out.split('\n').slice(0, 2),
  );
  assert.is(err, 'whp: reload: not loaded, the last good configuration stands\n  whp check\n');
  assert.equal((await streams('check'))[1], '');
  assert.is(await settled(), before);
  assert.match(
    (await whp('status')).text,
    /! the last good configuration stands: whp\.skype\.device/,
  );
  assert.is((await whp('check')).status, 1);
});

test('with a bad file at the start the last good configuration is enforced', async () => {
  const before = await settled();
  await stopAgent();
  assert.match(await table(), /No such file/);
  await startAgent();
  assert.is(await settled(), before);
  assert.match((await whp('status')).text, /! the last good configuration stands/);
  configure('');
  await reload();
  assert.not.match((await whp('status')).text, /last good/);
});

test('pause lets new flows go direct, and resume ends it', async () => {
  const [before, count] = [await settled(), await loads()];
  assert.match(
    (await whp('pause skype 5')).text,
    /^new skype connections now show your home's address until (\w+ \d+ \w+ )?\d\d:\d\d( UTC)?$/m,
  );
  assert.match(await table(), PAUSED);
  const { apps } = await json<StatusAnswer>('status');
  const { state, cause, left_s } = apps[0]!.new_connections;
  assert.equal([state, cause], ['direct', 'paused']);
  assert.ok(left_s! > 290 && left_s! <= 300);
  assert.match((await whp('status')).text, /DIRECT, paused/);
  assert.is((await whp('pause nothere')).status, 1);
  for (const wrong of ['all 0', '0', 'skype 0', 'skype 10081', 'skype ever', 'all -- -5'])
    assert.is((await whp(`pause ${wrong}`)).status, 2, wrong);
  assert.is((await whp('resume')).status, 0);
  assert.not.match(await table(), PAUSED);
  assert.is(await settled(), before);
  assert.is(await loads(), count);
});

test('a pause is an hour unless told, and without an end only by a word', async () => {
  const left = async (): Promise<number | null> => {
    const { apps } = await json<StatusAnswer>('status');
    return apps[0]!.new_connections.left_s;
  };
  for (const words of ['pause', 'pause all', 'pause skype']) {
    assert.is((await whp(words)).status, 0, words);
    const seconds = (await left()) ?? 0;
    assert.ok(seconds > 3500 && seconds <= 3600, `${words}: ${seconds}`);
  }
  assert.is((await whp('pause 2')).status, 0);
  assert.ok(((await left()) ?? 0) <= 120);
  for (const words of ['pause forever', 'pause skype forever']) {
    assert.match(
      flat((await whp(words)).text),
      /address until whp resume, or a restart of the agent/,
    );
    assert.is(await left(), null, words);
    assert.is((await whp('status --quiet')).status, 5, words);
  }
  assert.is((await whp('resume')).status, 0);
});

test('a pause lasts while others delete the table, and is in force when it is answered', async () => {
  const { status, text } = await whp('pause');
  assert.is(status, 0, text);
  await shell.run('nft delete table inet whp');
  await until(async () => PAUSED.test(await table()), 'the gate is not on again');
  assert.is((await whp('resume')).status, 0);
  // The table is gone, so the element cannot be added to it.
  await shell.run('nft delete table inet whp');
  assert.is((await whp('pause')).status, 0);
  assert.match(await table(), PAUSED);
  // A reload of the same configuration leaves it as it is.
  await reload();
  assert.match(await table(), PAUSED);
  assert.is((await whp('resume')).status, 0);
  assert.not.match(await table(), PAUSED);
});

test('a pinned address is in the table until it is unpinned, restarts included', async () => {
  assert.match((await whp('pin 198.18.0.1 skype')).text, /no public address/);
  const zoom = await whp('pin 198.51.100.9 zoom');
  assert.equal([zoom.status, zoom.text], [1, 'whp: pin: there is no app "zoom"; known: skype\n']);
  const count = await loads();
  assert.is((await whp('pin 198.51.100.77 skype')).status, 0);
  assert.is((await whp('pin 2600:1406:3a::77 skype')).status, 0);
  assert.match(await table(), /set skype_pin4 \{[^}]*elements = \{ 198\.51\.100\.77 \}/);
  assert.match(
    await table(),
    /set skype_pin6 \{[^}]*elements = \{ 64:ff9b::c633:644d,\s+2600:1406:3a::77 \}/,
  );
  assert.is((await whp('unpin 2600:1406:3a::77')).status, 0);
  assert.not.match(await table(), /3a::77/);
  // A killed agent leaves table and state: the next one loads nothing, and the pause is over.
  assert.is((await whp('pause')).status, 0);
  await shell.run(`kill -9 $(cat ${FOLDER}/pid)`);
  assert.match(await table(), PAUSED);
  await startAgent();
  await until(async () => !PAUSED.test(await table()), 'still paused');
  assert.match(await table(), /elements = \{ 198\.51\.100\.77 \}/);
  assert.is(await loads(), count);
  // Another program deleted the element.
  await shell.run('nft delete element inet whp skype_pin4 { 198.51.100.77 }');
  assert.is((await whp('unpin 198.51.100.77')).status, 0);
  assert.is((await whp('pin 198.51.100.77')).status, 0);
  assert.match(await table(), /elements = \{ 198\.51\.100\.77 \}/);
  await stopAgent();
  await startAgent();
  assert.match(await table(), /elements = \{ 198\.51\.100\.77 \}/);
  assert.equal(await json('pin'), { rows: [{ app: 'skype', address: '198.51.100.77' }] });
  assert.equal(await json('pin list'), await json('pin'));
  const why = await json<WhyAnswer>('why 198.51.100.77');
  assert.equal(why.reasons, ['skype: pinned by you, all ports']);
  // This namespace has no GRE, or no proxy answers probes.
  assert.match(why.verdict, /^REFUSED now: it is skype's; (the tunnel device|no proxy is up)/);
  assert.is((await whp('unpin 198.51.100.77')).status, 0);
  assert.not.match(await table(), /198\.51\.100\.77/);
  assert.is((await whp('unpin 198.51.100.77')).status, 1);
});

test('rules of the owner: one address more, one name and one network kept direct', async () => {
  configure(`config rule 'mine'
	option app 'skype'
	option action 'proxy'
	list address '198.51.100.80'
	list port '443'
config rule 'bank'
	option action 'direct'
	list address '198.51.100.96/28'
`);
  await reload();
  assert.match(await table(), /198\.51\.100\.80 \. tcp \. 443/);
  assert.match(await table(), /skype_except4/);
  const why = await json<WhyAnswer>('why 198.51.100.100');
  assert.match(why.reasons.join(), /kept direct by your rule "bank" \(\S+whp:19\)/);
  configure('');
  await reload();
  assert.not.match(await table(), /skype_except4/);
});

test('outside its schedule an app is direct', async () => {
  const now = new Date(Date.now());
  const day = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
  const [today, after] = [day[now.getUTCDay()]!, day[(now.getUTCDay() + 2) % 7]!];
  configure(`	list schedule '${after} 00:00-24:00'\n`);
  await reload();
  assert.match(await table(), PAUSED);
  assert.match((await whp('status')).text, /DIRECT, schedule/);
  configure(`	list schedule '${today} 00:00-24:00'\n	list schedule '${after} 00:00-24:00'\n`);
  await reload();
  assert.not.match(await table(), PAUSED);
  configure('');
  await reload();
});

test('one proxy alone until told otherwise', async () => {
  assert.match(await table(), /oifname \{ "whp-cloud", "whp-second" \}/);
  assert.is((await whp('proxy use second')).status, 0);
  assert.not.match(await table(), /oifname \{ "whp-cloud", "whp-second" \} counter/);
  const { rows } = await json<Rows<ProxyAnswer>>('proxy list');
  assert.equal(
    rows.map(({ proxy, preferred }) => `${proxy} ${preferred}`),
    ['cloud false', 'second true'],
  );
  assert.is((await whp('proxy')).text, (await whp('proxy list')).text);
  assert.is((await whp('proxy use third')).status, 1);
  assert.is((await whp('proxy use auto')).status, 0);
});

test('forget empties sets of thousands, and what expires meanwhile is in nobody’s way', async () => {
  const PEERS = 2100;
  // The last six hundred elements expire one by one before and during the reading and deleting.
  const peers = Array.from({ length: PEERS }, (_, i) => {
    const timeout = i < 1500 ? '' : ` timeout ${i - 1490}ms`;
    return `192.168.1.50 . 198.18.${i >> 8}.${i & 255}${timeout}`;
  });
  await shell.run(`nft 'add element inet whp skype_peer4 { ${peers.join(', ')} }'`);
  const { text } = await whp('forget skype');
  const [, count = '0'] = /(\d+) entries forgotten/.exec(text) ?? [];
  assert.ok(Number(count) >= 1500 && Number(count) <= PEERS, text);
  const left = await shell.run('nft list set inet whp skype_peer4');
  assert.not.match(left.text, '198.18.');
});

test('forget empties what was learned', async () => {
  await shell.run('nft add element inet whp skype_peer4 { 192.168.1.50 . 198.51.100.5 }');
  await shell.run('nft add element inet whp skype_udp4 { 192.168.1.50 . 852099072 }');
  assert.match((await whp('forget 198.51.100.5')).text, /1 entry forgotten/);
  assert.match((await whp('forget skype')).text, /1 entry forgotten/);
  assert.match((await whp('forget all')).text, /0 entries forgotten/);
  assert.is((await whp('forget nobody')).status, 1);
});

test('servers named in TLS hellos are shown, explained and forgotten', async () => {
  const text = HEAD.replace("hold '0'", "hold '0'\n	option hello 'watch'");
  writeFileSync(`${FOLDER}/whp`, text);
  await reload();
  await shell.run('nft add element inet whp skype_hello4 { 192.168.1.50 . 198.51.100.6 }');
  await shell.run('nft add element inet whp skype_hello4 { 192.168.1.51 . 198.51.100.7 }');
  assert.match((await whp('learned')).text, /198\.51\.100\.6 +192\.168\.1\.50 .* TLS hello/);
  assert.match((await whp('why 198.51.100.7')).text, /192\.168\.1\.51 named it in a TLS hello/);
  assert.match((await whp('forget 198.51.100.6')).text, /1 entry forgotten/);
  assert.match((await whp('forget 192.168.1.51')).text, /1 entry forgotten/);
  assert.match((await whp('learned')).text, /nothing learned/);
  configure('');
  await reload();
});

const CAPTURE = `${FOLDER}/empty.pcap`;
// A header without a packet.
writeFileSync(CAPTURE, Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex'));

test('every command answers --json with one JSON value', async () => {
  // A file that is not in force: the router is not looked at.
  copyFileSync(`${FOLDER}/whp`, `${FOLDER}/copy`);
  const words = [
    ...[
      'status',
      'flows',
      'flows --ended',
      'flows --recent',
      'flows --totals',
      'flows --ended --csv',
    ],
    ...['why 198.51.100.7', 'learned', 'devices', 'completion apps'],
    ...[
      `check ${FOLDER}/copy`,
      'reload',
      'pause skype 1',
      'resume',
      'pin 198.51.100.9',
      'pin',
      'unpin 198.51.100.9',
    ],
    ...['forget all', 'profile list', 'profile show skype', 'proxy list', 'proxy use auto', 'diag'],
    ...[
      `profile validate ${FOLDER}/profiles/skype.json`,
      'version',
      'help',
      'help more',
      'help flows',
    ],
    ...['ruleset', 'completion', `replay ${CAPTURE}`],
  ];
  for (const word of words) assert.ok((await json(word)) !== undefined, word);
  // Files, and texts with the paths of this test, are not for 80 columns.
  const wide = /^(diag|ruleset|profile|replay|flows --ended --csv)/;
  for (const word of words.filter((one) => !wide.test(one))) fits((await streams(word))[0], word);
  const commands = new Set(words.map((word) => word.split(' ')[0]));
  const left = COMMAND_NAMES.filter((name) => !commands.has(name));
  // Commands that run on or take long are excluded; test, audit and import have their own tests.
  assert.equal(left, ['monitor', 'test', 'audit', 'daemon']);
});

test('exit statuses: 0 done, 1 failed, 2 the command line is wrong', async () => {
  for (const [words, status] of [
    ['status', 0],
    ['unpin 198.51.100.9', 1],
    ['profile show nothing', 1],
    [`check ${FOLDER}/none`, 1],
    ['statsu', 2],
    ['status now', 2],
    ['flows --limit none', 2],
    ['flows --limit 501', 2],
    ['proxy use', 2],
    ['status --csv', 2],
    ['flows skype', 2],
    ['flows --totals app skype decade', 2],
    ['-v', 0],
    // This kernel has no GRE: no tunnel, and skype is refused.
    ['status --quiet', 5],
  ] as const) {
    assert.is((await whp(words)).status, status, words);
  }
  assert.equal(await streams('status --quiet'), ['', '']);
});

test('old spellings answer as the new ones, with a hint on standard error', async () => {
  for (const [old, now] of [
    ['log', 'flows --ended'],
    ['log --csv', 'flows --ended --csv'],
    ['evidence', 'flows --recent'],
    ['counters', 'flows --totals'],
  ] as const) {
    const [out, err] = await streams(`${old} --json`);
    assert.equal(JSON.parse(out), await json(now), old);
    assert.match(err, `is whp ${now.replace(' --csv', '')} now`);
    assert.equal((await streams(now))[1], '');
  }
});

test('names for completion are asked of the agent', async () => {
  configure("	list device 'tv'\nconfig device 'tv'\n	list name 'samsung'\n");
  await reload();
  writeFileSync(`${FOLDER}/leases`, '1 02:00:00:00:00:0B 192.168.1.51 $(id) *\n');
  assert.equal(await streams('completion apps'), ['skype\n', '']);
  assert.equal(await streams('completion proxies'), ['cloud\nsecond\n', '']);
  assert.equal(await streams('completion profiles'), ['skype\n', '']);
  assert.match((await streams('completion devices'))[0], /^tv$/m);
  assert.not.match((await streams('completion devices'))[0], /\$/);
  assert.is((await whp('completion colours')).status, 2);
  writeFileSync(`${FOLDER}/leases`, '');
  configure('');
  await reload();
});

test('a profile of the owner comes before the shipped one', async () => {
  writeFileSync(`${FOLDER}/broken.json`, '{"format": 1}');
  assert.is((await whp(`profile validate ${FOLDER}/broken.json`)).status, 1);
  assert.is((await whp(`profile import ${FOLDER}/broken.json`)).status, 1);
  assert.is((await whp(`profile import ${FOLDER}/profiles/skype.json`)).status, 0);
  type Listed = Rows<{ profile: string; own: boolean; path: string }>;
  const { rows: list } = await json<Listed>('profile list');
  assert.equal(
    list.map(({ profile, own }) => [profile, own]),
    [['skype', true]],
  );
  assert.is(list[0]!.path, `${FOLDER}/state/profiles.d/skype.json`);
  await reload();
  assert.match((await whp('profile show skype')).text, /your own: /);
  assert.match((await whp('profile list')).text, /; retired: the service ended on 2025-05-05\n/);
  // Where a range comes from is not for every day.
  assert.not.match((await whp('profile show skype')).text, /four captures/);
  const sources = (await whp('profile show skype --sources')).text;
  assert.match(sources, /capture of 2015-05-18: four captures of 2015 and 2022/);
  assert.match(sources, / 65\.55\.223\.0\/24/);
});

test('a kernel without GRE: no device is made, which is said once and is no repair', async () => {
  await reload();
  const log = async (): Promise<string> => (await shell.run(`cat ${FOLDER}/log`)).text;
  const before = (await log()).split('add link whp-cloud').length;
  for (let times = 0; times < 4; times++) {
    await shell.run('ip link add other type veth peer other2; ip link del other; sleep 0.3');
  }
  const text = await log();
  assert.not.match(text, /somebody removed or changed .* link whp-/);
  assert.is(text.split('add link whp-cloud').length, before);
  const { problems } = await json<StatusAnswer>('status');
  assert.match(
    problems.map(({ text }) => text).join('\n'),
    /no tunnel can be made|add link whp-cloud/,
  );
});

test('a report for support names nobody', async () => {
  configure("config device 'annas_phone'\n	list name 'anna-phone'\n");
  await reload();
  const { status, text } = await whp('diag');
  assert.is(status, 0);
  for (const part of ['whp status', 'nft list table inet whp', 'check', 'ip rule']) {
    assert.match(text, `==== ${part}`);
  }
  for (const secret of ['203.0.113.10', 'anna', '198.51.100']) assert.not.match(text, secret);
  // The agent answered every question; a missing file is reported with its whole error.
  assert.not.match(text, /closed the connection|no agent is running/);
  for (const method of ['status', 'proxies', 'learned', 'devices', 'flows', 'pin']) {
    const part = text.split(`==== whp ${method}\n`)[1]!.split('\n==== ')[0]!;
    assert.not.throws(() => JSON.parse(part), `whp ${method}: ${part}`);
  }
  configure('');
  await reload();
});

test('a report names no word of an error, and says when no agent is running', async () => {
  const { text } = await shell.run(
    `${WHP_TEXT} diag --config ${FOLDER}/none --profiles ${FOLDER}/profiles --state ${FOLDER}/state --socket ${FOLDER}/none`,
  );
  assert.not.match(text, /<name \d+>/);
  assert.match(text, /No such file or directory/);
  assert.is(text.split('no agent is running').length - 1, 6);
});

test('without an agent the exit status says so', async () => {
  const { status, text } = await shell.run(`${WHP_TEXT} status --socket ${FOLDER}/none`);
  assert.is(status, 3);
  assert.match(
    text,
    /^whp: no agent is running: [\s\S]*\n {2}\/etc\/init\.d\/whp enable; \/etc\/init\.d\/whp start$/m,
  );
  for (const words of ['status --quiet', 'pause', 'audit', 'completion apps']) {
    const end = await shell.run(`${WHP_TEXT} ${words} --socket ${FOLDER}/none`);
    assert.is(end.status, 3, `${words}: ${end.text}`);
    assert.match(flat(end.text), /or it is switched off/);
  }
});

test.run();
