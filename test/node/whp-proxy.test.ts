// cloud-proxy/whp-proxy, run by a real shell among stand-ins for ip, ss, nft, sysctl and systemctl: what it refuses
// and changes nothing for, what it changes, and what the documents type.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SCRIPT, Server, TUNNEL, UNIT } from '../lib/cloud-server.ts';

const made: Server[] = [];
function server(...services: string[]): Server {
  const one = new Server(services);
  made.push(one);
  return one;
}
test.after(() => {
  for (const one of made) one.remove();
});

/** Refused with `status`, in words that match, with nothing changed. */
function refused(one: Server, words: string, status: number, ...texts: RegExp[]): void {
  const before = one.files;
  const answer = one.run(words);
  assert.is(answer.status, status, `${words}: ${answer.stdout}${answer.stderr}`);
  assert.is(answer.changes, '', words);
  assert.equal(one.files, before, words);
  for (const text of texts) assert.match(answer.stderr, text);
}

test('the help is its opening comment, wherever it is asked for, and no code', () => {
  const first = /^#!.*\n# (.*)\n/.exec(readFileSync(SCRIPT, 'utf8'))![1]!;
  for (const words of ['--help', '-h', 'install home --bogus --help']) {
    const { status, stdout, stderr, changes } = server().run(words);
    assert.is(status, 0, words);
    assert.is(stdout.split('\n')[0], first);
    assert.not.match(stdout, /set -eu|\$|^#/m);
    assert.is(stderr + changes, '');
    for (const word of ['ip_forward', '/usr/local/sbin/whp-proxy', 'above 1023', '--dry-run'])
      assert.ok(stdout.includes(word), word);
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line);
  }
});

test('every option that it reads is in its help', () => {
  const read = readFileSync(SCRIPT, 'utf8').split('\nset -eu\n')[1]!;
  const help = server().run('--help').stdout;
  const old = ['--inner', '--far', '--help'];
  for (const [option] of read.matchAll(/--[a-z][a-z0-9-]+(?= \||\) )/g))
    assert.ok(help.includes(option) || old.includes(option), option);
});

test('words that are wrong are answered with the fix', () => {
  const one = server();
  refused(one, '', 2, /install NAME/);
  refused(one, 'start home', 2, /no command "start"; known: install, status, remove, up, down/);
  refused(one, 'install', 2, /install needs a NAME/);
  refused(one, `install Home ${TUNNEL}`, 2, /NAME "Home": 1 to 10 of a-z, 0-9 and _/);
  refused(one, `install home away ${TUNNEL}`, 2, /unexpected word "away"/);
  refused(one, `install home ${TUNNEL} --port 5`, 2, /unknown option --port/);
  refused(one, `install home ${TUNNEL} --open`, 2, /--open needs a value/);
  refused(one, `install home ${TUNNEL} --mtu --close`, 2, /--mtu needs a value/);
  refused(one, 'status --key 5', 2, /status takes no --key/);
});

test('all that is missing is named at once, and all that is wrong', () => {
  const one = server();
  refused(
    one,
    'up home --home 198.51.100.10',
    2,
    /missing: --address --key --local --remote\b.*--help/,
  );
  refused(
    one,
    'up home --home 1.2.3.999 --address a --key 4294967296 --local 10.0.0.01 --remote 10.0.0.2 --mtu 99 --open 70000',
    2,
    /--home "1.2.3.999" is no IPv4 address/,
    /--address "a" is no IPv4 address/,
    /--key "4294967296": 0 to 4294967295/,
    /--local "10.0.0.01" is no IPv4 address/,
    /--mtu "99": 1280 to 65535/,
    /--open "70000": ports from 1 to 65535/,
  );
  refused(one, `up home ${TUNNEL} --key 010`, 2, /--key "010".*without leading zeros/);
  refused(one, `up home ${TUNNEL} --open 9000-8000`, 2, /--open "9000-8000"/);
  refused(one, `up home ${TUNNEL} --remote 10.213.0.1`, 2, /--local and --remote .*two ends/);
  refused(one, `up home ${TUNNEL} --local 203.0.113.20`, 2, /--local and --address are both/);
  refused(one, `up home ${TUNNEL} --wan 'e"h0'`, 2, /--wan "e"h0" is no name of a device/);
});

test('what the server lacks is found before anything is changed', () => {
  const one = server();
  refused(one, `up home ${TUNNEL} --wan eth9`, 1, /no device "eth9"; here: eth0/);
  one.put('addresses', '2: eth0    inet 10.1.2.3/24 brd x\n');
  refused(one, `up home ${TUNNEL}`, 1, /no device .* has --address 203.0.113.20.*10\.1\.2\.3/);
});

test('--dry-run prints the commands and the unit, and writes nothing', () => {
  const one = server();
  const { status, stdout, changes } = one.run(`install home ${TUNNEL} --dry-run`);
  assert.is(status, 0);
  assert.is(changes, '');
  assert.equal(one.files, []);
  assert.match(stdout, /^ip link add whp-home type gre local 203.0.113.20 remote 198.51.100.10 /m);
  assert.match(stdout, /^table inet whp_home \{$/m);
  assert.match(stdout, /^ExecStart=\/usr\/local\/sbin\/whp-proxy up home /m);
  assert.not.match(stdout, /ExecStart.*--dry-run/);
  assert.match(stdout, /^sysctl -qw net.ipv4.ip_forward=1$/m);
});

test('a tunnel that is not there is an error that lists those that are', () => {
  const one = server();
  for (const command of ['status', 'down', 'remove', 'uninstall'])
    refused(one, `${command} nosuch`, 1, /no tunnel "nosuch" here; known: none/);
  assert.is(one.run(`install home ${TUNNEL}`).status, 0);
  for (const command of ['status', 'down', 'remove'])
    refused(one, `${command} nosuch`, 1, /no tunnel "nosuch" here; known: home/);
  assert.is(one.run('status').status, 0);
});

const SSH = 'tcp   LISTEN 0      128     0.0.0.0:2222     0.0.0.0:*    users:(("sshd",pid=7,fd=3))';
const SSH6 = 'tcp   LISTEN 0      128     [::]:2222     [::]:*    users:(("sshd",pid=7,fd=4))';
const WIREGUARD = 'udp   UNCONN 0      0       0.0.0.0:51820    0.0.0.0:*';
const HARMLESS = [
  'tcp   LISTEN 0      128     0.0.0.0:22     0.0.0.0:*    users:(("sshd",pid=7,fd=3))',
  'tcp   LISTEN 0      128     127.0.0.1:5432     0.0.0.0:*    users:(("postgres",pid=7,fd=3))',
  'tcp   LISTEN 0      128     [::1]:5432     [::]:*    users:(("postgres",pid=7,fd=3))',
  'udp   UNCONN 0      0       127.0.0.53%lo:5353     0.0.0.0:*',
  'tcp   LISTEN 0      128     10.8.0.1:8080     0.0.0.0:*    users:(("web",pid=9,fd=3))',
  'tcp   LISTEN 0      128     [2001:db8::1]:8080     [::]:*    users:(("web",pid=9,fd=3))',
];

test('services above 1023 are named, and closed only when the owner says so', () => {
  const one = server(SSH, SSH6, WIREGUARD, ...HARMLESS);
  for (const command of ['install', 'up', 'install --dry-run'])
    refused(
      one,
      `${command} home ${TUNNEL}`,
      1,
      /tcp 2222 +sshd\n/,
      /udp 51820 .*WireGuard/,
      /--open 2222,51820/,
      /--close/,
    );
  const { stderr } = one.run(`install home ${TUNNEL}`);
  assert.is(stderr.match(/2222 +sshd/g)!.length, 1);
  assert.not.match(stderr, /5432|5353|8080| 22 /);
  // A list that leaves one out.
  refused(one, `install home ${TUNNEL} --open 51820`, 1, /tcp 2222/, /--open 51820,2222/);
  assert.is(one.run(`install home ${TUNNEL} --open 2000-2300,51820`).status, 0);
  assert.match(one.ruleset, /th dport != \{ 1-1023,2000-2300,51820 \}/);
  assert.match(one.unit, /--open 2000-2300,51820$/m);
});

test('--close closes, and names what it closes', () => {
  const one = server(SSH, WIREGUARD);
  const { status, stderr } = one.run(`install home ${TUNNEL} --open 2222 --close`);
  assert.is(status, 0);
  assert.match(stderr, /udp 51820/);
  assert.not.match(stderr, /tcp 2222/);
  assert.match(one.ruleset, /th dport != \{ 1-1023,2222 \}/);
});

test('a service for another address of the server, or without one, counts by the rule that drops', () => {
  const one = server(
    'udp   UNCONN 0      0       203.0.113.20:3478     0.0.0.0:*',
    'tcp   LISTEN 0      128     *:8443     *:*    users:(("web",pid=9,fd=3))',
    'tcp   LISTEN 0      128     [::ffff:203.0.113.20]:8444     *:*',
    'udp   UNCONN 0      0       0.0.0.0%eth0:6000     0.0.0.0:*',
  );
  refused(one, `up home ${TUNNEL}`, 1, /udp 3478/, /tcp 8443 +web/, /tcp 8444/, /udp 6000/);
});

test('the port of the ssh session stays reachable, --close or not', () => {
  const one = server();
  const session = { SSH_CONNECTION: '198.51.100.77 50000 203.0.113.20 2222' };
  for (const words of ['', '--close', '--open 51820 --close']) {
    const { status, stderr, changes } = one.run(`install home ${TUNNEL} ${words}`, session);
    assert.is(status, 1);
    assert.is(changes, '');
    assert.match(stderr, /ssh session.*port 2222.*--open (51820,)?2222/);
  }
  assert.is(one.run(`install home ${TUNNEL} --open 2222 --close`, session).status, 0);
  assert.is(one.run(`install home`, session).status, 0);
});

test('when ss fails nothing is closed', () => {
  const one = server();
  rmSync(join(one.fake, 'services'));
  refused(one, `up home ${TUNNEL}`, 1, /ss -Hltunp fails/);
});

test("a restart or reload of the server's nftables makes the tunnel's table again", () => {
  const one = server();
  one.run(`install home ${TUNNEL}`);
  assert.match(one.unit, /^PartOf=nftables.service\nReloadPropagatedFrom=nftables.service$/m);
  const [, start, reload] = /^ExecStart=(.*)\nExecReload=(.*)$/m.exec(one.unit)!;
  assert.is(start, reload);
});

test('at boot nobody can answer: the unit starts with what was settled at install', () => {
  const one = server(SSH);
  assert.is(one.run(`install home ${TUNNEL} --close`).status, 0);
  const [, words = ''] = /^ExecStart=\S+ (.*)$/m.exec(one.unit)!;
  const { status, stderr } = one.run(words);
  assert.is(status, 0, stderr);
  assert.match(stderr, /tcp 2222/);
  // Other words than the unit's are a new question.
  refused(one, `${words} --open 51820`, 1, /tcp 2222/);
});

test('install again keeps what is not given, and leaves alone what is in place', () => {
  const one = server(SSH);
  assert.is(one.run(`install home ${TUNNEL} --open 2222 --mtu 1472`).status, 0);
  const before = one.unit;
  const again = one.run('install home');
  assert.is(again.status, 0, again.stderr);
  assert.not.match(again.changes, /^ip /m);
  assert.is(one.unit, before);
  one.put('services', `${SSH}\n${WIREGUARD}\n`);
  const moved = one.run('install home --home 198.51.100.23');
  assert.is(moved.status, 0, moved.stderr);
  assert.match(moved.changes, /^ip link del whp-home\n/m);
  assert.match(moved.changes, /^ip link add .* remote 198.51.100.23 key 5300/m);
  assert.is(one.unit, before.replaceAll('198.51.100.10', '198.51.100.23'));
  assert.match(moved.stderr, /udp 51820/, 'a newer service is named, and does not stop the move');
  // Rules for other ports, addresses or devices close what was open.
  one.put('addresses', '2: eth0    inet 203.0.113.20/28\n2: eth0    inet 203.0.113.21/28\n');
  refused(one, 'install home --address 203.0.113.21', 1, /udp 51820/);
  refused(one, 'install home --wan eth0', 1, /udp 51820/);
  refused(one, 'install home --local6 fd00:d5::1 --remote6 fd00:d5::2', 1, /udp 51820/);
  refused(one, 'install home --open 51820', 1, /tcp 2222/);
});

test("--home ssh is the address that the owner's ssh session comes from", () => {
  const one = server();
  const words = `install home ${TUNNEL} --home ssh`;
  refused(one, words, 2, /--home ssh: this is no ssh session/);
  const six = one.run(words, { SSH_CONNECTION: '2001:db8::9 50000 2001:db8::1 22' });
  assert.is(six.status, 2);
  assert.match(six.stderr, /ssh -4/);
  const { status } = one.run(words, { SSH_CONNECTION: '198.51.100.77 50000 203.0.113.20 22' });
  assert.is(status, 0);
  assert.match(one.unit, /--home 198.51.100.77 /);
});

test('the firewall is loaded before the device exists, and forwarding comes last', () => {
  const { changes } = server().run(`up home ${TUNNEL}`);
  const order = ['nft -f -', 'ip link add', 'sysctl'].map((word) => changes.indexOf(word));
  assert.ok(order[0]! >= 0 && order[0]! < order[1]! && order[1]! < order[2]!, changes);
});

test('a new tunnel that cannot be made leaves nothing, a replaced one keeps its firewall', () => {
  const one = server();
  one.put('no-gre', '');
  const { status, stderr, changes } = one.run(`install home ${TUNNEL}`);
  assert.is(status, 1);
  assert.match(stderr, /Unknown device type.\nwhp-proxy: .*modprobe ip_gre/);
  assert.match(changes, /nft delete table inet whp_home\n$/);
  assert.equal(one.files, []);
  rmSync(join(one.fake, 'no-gre'));
  assert.is(one.run(`install home ${TUNNEL}`).status, 0);
  one.put('no-gre', '');
  const again = one.run('install home --home 192.0.2.1');
  assert.is(again.status, 1);
  assert.not.match(again.changes, /delete table/);
  assert.match(one.unit, /198.51.100.10/);
});

test('whoever is not root is told so', () => {
  const one = server();
  assert.is(one.run(`install home ${TUNNEL}`).status, 0);
  one.put('user', '1000\n');
  for (const words of ['install home', 'remove home', 'down home'])
    refused(one, words, 1, /needs root/);
  assert.is(one.run('install home --dry-run').status, 0);
  assert.is(one.run('status home').status, 0);
});

test('a second home has a key, an address and inner addresses of its own', () => {
  const one = server();
  assert.is(one.run(`install home ${TUNNEL}`).status, 0);
  const other = (text: string): string => `install aunt ${TUNNEL} ${text}`;
  refused(one, other('--home 192.0.2.9'), 1, /key 5300 is that of tunnel home/);
  refused(one, other('--key 5301'), 1, /198.51.100.10 is the home of tunnel home/);
  refused(
    one,
    other('--key 5301 --home 192.0.2.9 --remote 10.213.1.2'),
    1,
    /10.213.0.1 is in use on whp-home/,
  );
  const { status } = one.run(
    other('--key 5301 --home 192.0.2.9 --local 10.213.1.1 --remote 10.213.1.2'),
  );
  assert.is(status, 0);
  const { stdout } = one.run('status');
  for (const name of ['home', 'aunt']) assert.match(stdout, new RegExp(`^${name}: NOT `, 'm'));
});

/** The chain as nft prints it, with these counts. */
const chain = (heard: number, key = 0, home = 0): string =>
  [
    `ip saddr 198.51.100.10 counter packets ${heard} bytes 1 accept comment "heard"`,
    `ip saddr 198.51.100.10 counter packets ${key} bytes 1 drop comment "another key"`,
    `@th,32,32 0x14b4 counter packets ${home} bytes 1 drop comment "another home"`,
  ].join('\n');

test('status begins with a verdict by what arrives from the home, and ends in a command', () => {
  const one = server();
  one.run(`install home ${TUNNEL}`);
  const states: [verdict: string, says: RegExp, before: string, later: string][] = [
    ['home: WORKING: packets arrive from the home', /packets: 9 from the home/, chain(7), chain(9)],
    ['home: NOT HEARD FROM THE HOME YET', /protocol 47[\s\S]*\n {4}whp test\n/, chain(0), chain(0)],
    ['home: NOT HEARD FROM THE HOME in the last 6 seconds', /\n {4}whp test\n/, chain(7), chain(7)],
    ['home: NOT HEARD FROM THE HOME', /install home --home ssh\n/, chain(7, 0, 2), chain(7, 0, 2)],
    [
      'home: NOT HEARD FROM THE HOME',
      /another key.*\n {4}whp-proxy install home\n/,
      chain(0, 3),
      chain(0, 3),
    ],
    ['home: NOT KNOWN', /older whp-proxy.*\n {4}whp-proxy install home\n/, '', ''],
  ];
  for (const [verdict, says, before, later] of states) {
    one.put('counted', `${before}\n`);
    one.put('counted-later', `${later}\n`);
    const { stdout, status, changes } = one.run('status home');
    assert.is(stdout.split('\n')[0], verdict);
    assert.match(stdout, says);
    assert.equal([status, changes], [0, '']);
    for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line);
  }
  one.put('forward', '0\n');
  assert.match(
    one.run('status').stdout,
    /^home: NOT PASSED ON\n.*\n {4}sysctl -w net.ipv4.ip_forward=1\n/,
  );
  one.put('tables', '');
  assert.match(
    one.run('status').stdout,
    /^home: NO FIREWALL\n.*\n {4}systemctl restart whp-proxy-home\n/,
  );
  rmSync(join(one.fake, 'whp-home.link'));
  assert.match(
    one.run('status').stdout,
    /^home: NO DEVICE whp-home\n.*\n {4}systemctl restart whp-proxy-home\n/,
  );
});

test('that ports are closed is said before anything is changed, and at boot no more', () => {
  const one = server();
  for (const words of ['install home --dry-run', 'up home', 'install home'])
    assert.match(
      one.run(`${words} ${TUNNEL}`).stderr,
      /ports above 1023 of this server are dropped/,
    );
  assert.match(one.run(`up home ${TUNNEL} --open 2222`).stderr, /from now on, but for 2222\n/);
  assert.is(one.run('install home').stderr, '');
  const failed = server();
  failed.put('no-gre', '');
  assert.match(
    failed.run(`up home ${TUNNEL}`).stderr,
    /are dropped from now on\n[\s\S]*could not be made/,
  );
});

test('install ends with what to type on the router', () => {
  const { stdout } = server().run(`install home ${TUNNEL}`);
  for (const [option, value] of [
    ['address', '203.0.113.20'],
    ['key', '5300'],
    ['local', '10.213.0.1'],
    ['remote', '10.213.0.2'],
    ['enabled', '1'],
  ])
    assert.ok(stdout.includes(`\nuci set whp.cloud.${option}='${value}'\n`), option);
  assert.not.match(stdout, /local6/);
  assert.match(stdout, /\nuci commit whp\n/);
});

test('IPv6 inside the tunnel: refused without its addresses, let through with them', () => {
  const one = server('tcp   LISTEN 0      128     [2001:db8::1]:8080     [::]:*');
  const six = '--local6 fd00:d5::1 --remote6 fd00:d5::2';
  refused(one, `up home ${TUNNEL} --local6 fd00:d5::1`, 2, /--local6 and --remote6 .*together/);
  refused(
    one,
    `up home ${TUNNEL} --local6 fd00:d5::x --remote6 10.0.0.1`,
    2,
    /"fd00:d5::x" is no IPv6/,
  );
  refused(one, `up home ${TUNNEL} ${six}`, 1, /tcp 8080/);
  assert.is(one.run(`up home ${TUNNEL}`).status, 0);
  assert.match(one.ruleset, /iifname "whp-home" meta nfproto ipv6 drop/);
  one.put('sysctl', '1\n');
  const { status, changes, stdout } = one.run(`install home ${TUNNEL} ${six} --close`);
  assert.is(status, 0);
  assert.match(changes, /ip -6 address add fd00:d5::2 peer fd00:d5::1 dev whp-home/);
  assert.match(changes, /net.ipv6.conf.all.forwarding=1/);
  assert.match(changes, /net\/ipv6\/conf\/eth0\/accept_ra=2\n.*forwarding=1/);
  assert.match(one.ruleset, /iifname "whp-home" ip6 saddr != fd00:d5::1 drop/);
  assert.match(stdout, /uci set whp.cloud.local6='fd00:d5::1'/);
});

test('a firewall of the owner that drops is named', () => {
  const one = server();
  one.put(
    'chains',
    'table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n',
  );
  const { status, stderr } = one.run(`up home ${TUNNEL}`);
  assert.is(status, 0);
  assert.match(stderr, /note: chain FORWARD of table ip filter .*whp-home/);
});

test('remove takes away its own, and the program with the last tunnel', () => {
  const one = server();
  assert.is(one.run(`install home ${TUNNEL}`).status, 0);
  const more = '--home 192.0.2.9 --key 5301 --local 10.213.1.1 --remote 10.213.1.2';
  assert.is(one.run(`install aunt ${TUNNEL} ${more}`).status, 0);
  const first = one.run('remove home');
  assert.is(first.status, 0, first.stderr);
  assert.match(first.changes, /systemctl disable --now whp-proxy-home.service/);
  assert.match(first.changes, /nft delete table inet whp_home/);
  assert.not.match(first.changes, /aunt/);
  assert.equal(one.files, ['whp-proxy-aunt.service', 'whp-proxy']);
  refused(one, 'remove aunt --dry-run', 0);
  assert.is(one.run('remove aunt').status, 0);
  assert.equal(one.files, []);
});

test('the words of version 0.1.0 are read as they were', () => {
  const old =
    '--home 198.51.100.10 --key 5300 --local 203.0.113.20 --inner 10.213.0.2 --far 10.213.0.1';
  const one = server();
  assert.is(one.run(`install home ${old}`).status, 0);
  const { stdout } = server().run(`install home ${TUNNEL}`);
  assert.is(one.run('install home').stdout, stdout);
  assert.match(one.unit, /--address 203.0.113.20 .*--local 10.213.0.1 --remote 10.213.0.2/);
  refused(one, `install home ${old} --remote 10.213.0.2`, 2, /--inner is now --remote/);
});

test('a unit of version 0.1.0 starts, whatever listens', () => {
  const old =
    'up home --home 198.51.100.10 --key 5300 --local 203.0.113.20 --inner 10.213.0.2 --far 10.213.0.1';
  const one = server(SSH);
  refused(one, old, 1, /tcp 2222/);
  writeFileSync(join(one.root, UNIT), `[Service]\nExecStart=/usr/local/sbin/whp-proxy ${old}\n`);
  assert.is(one.run(old).status, 0);
});

const hasNft = spawnSync('unshare', ['-n', 'nft', 'list', 'tables']).status === 0;
const withNft = hasNft ? test : test.skip;
withNft('nft takes the firewall (as root, with nft)', () => {
  for (const more of [
    '',
    '--open 443,8000-9000,8500',
    '--local6 fd00:d5::1 --remote6 fd00:d5::2',
  ]) {
    const one = server();
    assert.is(one.run(`up home ${TUNNEL} ${more}`).status, 0);
    const { status, stderr } = spawnSync('unshare', ['-n', 'nft', '-f', '-'], {
      input: one.ruleset,
      encoding: 'utf8',
    });
    assert.is(status, 0, stderr);
  }
});

/** Each command of a file that runs it, without the variable in it. */
function typed(path: string): string[] {
  const text = readFileSync(path, 'utf8')
    .replace(/\\\n/g, ' ')
    .replace(/\$\{home\}/g, '192.0.2.7');
  return Array.from(
    text.matchAll(/^.*\bwhp-proxy"? ((?:install|up|status|remove|down) [^`";\n]*)/gm),
    ([, words]) => words!.trim(),
  );
}

test('what the documents and the lab type is understood', () => {
  const places = {
    'docs/install.md': 2,
    'docs/proxy.md': 6,
    'test/lab/world/topology.sh': 2,
    'test/lab/world/topology6.sh': 1,
    'test/lab/faults/wan.ts': 1,
  };
  for (const [path, least] of Object.entries(places)) {
    const commands = typed(path);
    assert.ok(commands.length >= least, path);
    for (const words of commands) {
      const one = server();
      one.put('addresses', '2: eth0    inet 203.0.113.20/28\n3: eth1    inet 203.0.113.36/28\n');
      assert.is(one.run(`install home ${TUNNEL}`).status, 0);
      const { status, stderr } = one.run(`${words} --dry-run`, {
        SSH_CONNECTION: '198.51.100.77 50000 203.0.113.20 22',
      });
      assert.is(status, 0, `${path}: ${words}: ${stderr}`);
    }
  }
});

test.run();
