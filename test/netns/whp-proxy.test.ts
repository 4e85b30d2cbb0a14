// The firewall of cloud-proxy/whp-proxy in a kernel: a server between a home and the Internet, in namespaces, with a
// veth in the place of the GRE device.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Server, TUNNEL } from '../lib/cloud-server.ts';

const P = `whpc${process.pid}`;
const SITE = '93.184.216.34';
const SITE6 = '2606:4706:6::1';
const METADATA = '169.254.169.254';
const SIX = '--local6 fd00:d5::1 --remote6 fd00:d5::2';

const need = 'busybox nft=nftables ip=iproute2';
execFileSync('bash', ['-c', `. scripts/lib/packages.sh; need ${need}`], { stdio: 'inherit' });

const inside = (name: string, command: string, input = '') =>
  spawnSync('ip', ['netns', 'exec', `${P}${name}`, 'bash', '-c', command], {
    encoding: 'utf8',
    input,
  });

const listeners: ReturnType<typeof spawn>[] = [];
function listen(name: string, ...ports: number[]): void {
  for (const port of ports)
    listeners.push(
      spawn(
        'ip',
        ['netns', 'exec', `${P}${name}`, 'busybox', 'nc', '-ll', '-p', `${port}`, '-e', 'cat'],
        { stdio: 'ignore', detached: true },
      ),
    );
}

function build(): void {
  execFileSync('bash', [
    '-euc',
    `for n in server home net; do ip netns add ${P}$n; ip -n ${P}$n link set lo up; done
    wire() { ip link add name $2 netns ${P}server type veth peer name eth0 netns ${P}$1; }
    wire net eth0; wire home whp-home
    s="ip -n ${P}server" h="ip -n ${P}home" n="ip -n ${P}net"
    $s addr add 203.0.113.20/28 dev eth0; $s addr add 10.213.0.2/24 dev whp-home
    $n addr add 203.0.113.17/28 dev eth0; $h addr add 10.213.0.1/24 dev eth0
    $h addr add 10.213.0.5/24 dev eth0
    $s addr add 2001:db8:3::20/64 dev eth0 nodad; $s addr add fd00:d5::2/64 dev whp-home nodad
    $n addr add 2001:db8:3::1/64 dev eth0 nodad; $h addr add fd00:d5::1/64 dev eth0 nodad
    for one in "$s" "$h" "$n"; do $one link set eth0 up; done; $s link set whp-home up
    $n addr add ${SITE}/32 dev lo; $n addr add ${METADATA}/32 dev lo; $n addr add ${SITE6}/128 dev lo nodad
    $s route add default via 203.0.113.17; $s route add default via 2001:db8:3::1
    $h route add default via 10.213.0.2; $h route add default via fd00:d5::2
    $n route add 10.213.0.0/24 via 203.0.113.20
    # A GRE device asks for no neighbours.
    at() { ip netns exec ${P}$1 cat /sys/class/net/$2/address; }
    $h neigh add fd00:d5::2 lladdr $(at server whp-home) dev eth0
    $s neigh add fd00:d5::1 lladdr $(at home eth0) dev whp-home
    ip netns exec ${P}server sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1`,
  ]);
  listen('server', 80, 2222, 8080);
  listen('home', 80);
  listen('net', 80);
}

/** Loads the rules that it makes with these options. */
function load(options: string): void {
  const server = new Server();
  const { status, stderr } = server.run(`up home ${TUNNEL} ${options}`);
  assert.is(status, 0, stderr);
  const loaded = inside('server', 'nft -f -', server.ruleset);
  assert.is(loaded.status, 0, loaded.stderr);
  server.remove();
}

const connects = (from: string, to: string, port: number): boolean =>
  inside(from, `timeout 0.7 bash -c '</dev/tcp/${to}/${port}'`).status === 0;

test.before(() => {
  build();
  const ready = (): boolean =>
    connects('net', '203.0.113.20', 8080) && connects('home', '10.213.0.2', 2222);
  for (let round = 0; round < 20 && !ready(); round++) spawnSync('sleep', ['0.1']);
});
test.after(() => {
  // With the `cat` of each connection.
  for (const { pid } of listeners) process.kill(-pid!, 'SIGKILL');
  for (const name of ['server', 'home', 'net']) spawnSync('ip', ['netns', 'del', `${P}${name}`]);
});

test('a live connection to a port that is closed ends: conntrack has not seen its beginning', () => {
  load('--open 2222');
  spawnSync('ip', ['netns', 'exec', `${P}server`, 'nft', 'flush', 'ruleset']);
  const server = new Server();
  server.run(`up home ${TUNNEL} --open 2222`);
  const rules = `/tmp/${P}.nft`;
  inside('server', `cat >${rules}`, server.ruleset);
  const answers = (port: number): string =>
    inside(
      'net',
      `exec 3<>/dev/tcp/203.0.113.20/${port}; echo one >&3; read -t 1 a <&3
      ip netns exec ${P}server nft -f ${rules}; echo two >&3; read -t 0.7 b <&3; echo "$a $b"
      ip netns exec ${P}server nft flush ruleset`,
    ).stdout.trim();
  assert.is(answers(8080), 'one');
  assert.is(answers(2222), 'one two');
  spawnSync('rm', [rules]);
  server.remove();
});

test("the server's own ports: 1 to 1023 and those of --open", () => {
  load('--open 2222');
  for (const [port, open] of [
    [80, true],
    [2222, true],
    [8080, false],
  ] as const)
    assert.is(connects('net', '203.0.113.20', port), open, `${port}`);
});

test('the home reaches public addresses alone, by its own address alone', () => {
  load('');
  assert.ok(connects('home', SITE, 80), 'masqueraded');
  assert.not.ok(connects('home', METADATA, 80), 'metadata service');
  assert.not.ok(connects('home', SITE6, 80), 'IPv6 without its addresses');
  inside('home', 'ip route replace default via 10.213.0.2 src 10.213.0.5');
  assert.not.ok(connects('home', SITE, 80), 'another source');
  inside('home', 'ip route replace default via 10.213.0.2');
});

test('nobody begins a connection through the tunnel to the home, and the home none to the server but a ping', () => {
  load('');
  assert.not.ok(connects('net', '10.213.0.1', 80));
  assert.not.ok(connects('home', '10.213.0.2', 80));
  assert.is(inside('home', 'busybox ping -c 1 -W 1 10.213.0.2').status, 0);
});

test('IPv6 with its addresses: out by masquerade, and the ports are closed for it too', () => {
  assert.ok(connects('net', '2001:db8:3::20', 8080), 'the listener takes IPv6');
  load(`${SIX} --open 2222`);
  assert.ok(connects('home', SITE6, 80), 'masqueraded');
  assert.ok(connects('net', '2001:db8:3::20', 2222));
  assert.not.ok(connects('net', '2001:db8:3::20', 8080));
});

/** One GRE packet with this key to the server, from an address of the Internet's side. */
function gre(from: string, key: number): void {
  const perl = `use Socket; socket(S, AF_INET, SOCK_RAW, 47) or die; bind(S, sockaddr_in(0, inet_aton("${from}"))) or die;
    send(S, pack("nnN", 0x2000, 0x0800, ${key}) . "x" x 20, 0, sockaddr_in(0, inet_aton("203.0.113.20"))) or die`;
  const sent = inside('net', `perl -e '${perl}'`);
  assert.is(sent.status, 0, sent.stderr);
}

test('status says by the counted packets whether the home is heard, or why not', async () => {
  load('');
  for (const one of ['198.51.100.10', '198.51.100.23'])
    inside('net', `ip addr add ${one}/32 dev lo`);
  const status = (): string =>
    inside('server', 'sh cloud-proxy/whp-proxy status home').stdout.replace(/\n[\s\S]*/, '');
  assert.is(status(), 'home: NOT HEARD FROM THE HOME YET');
  gre('198.51.100.10', 5301);
  assert.match(inside('server', 'sh cloud-proxy/whp-proxy status home').stdout, /another key\. /);
  load('');
  gre('198.51.100.23', 5300);
  assert.match(
    inside('server', 'sh cloud-proxy/whp-proxy status home').stdout,
    /come from elsewhere: has the home's address changed/,
  );
  load('');
  gre('198.51.100.10', 5300);
  assert.is(status(), 'home: NOT HEARD FROM THE HOME in the last 6 seconds');
  const sending = setInterval(() => gre('198.51.100.10', 5300), 200);
  const asked = spawn('ip', [
    'netns',
    'exec',
    `${P}server`,
    'sh',
    'cloud-proxy/whp-proxy',
    'status',
    'home',
  ]);
  let told = '';
  for await (const part of asked.stdout) told += part;
  clearInterval(sending);
  assert.match(told, /^home: WORKING: packets arrive from the home\n/);
});

test.run();
