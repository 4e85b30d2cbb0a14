// Devices with other resolvers beside a running agent: real DNS packets; `whp status` counts the answers that
// the agent saw, all that pass the router, and `whp check` names those that do not pass. /etc/config is the
// test's (an overlay in a mount namespace).
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { StatusAnswer } from '../../agent/src/answers/status.ts';
import { PLAIN } from '../fixtures/uci.ts';
import { alarmLines, JOINED } from '../lib/alarms.ts';
import { answerOf } from '../lib/answers.ts';
import { WHP_TEXT } from '../lib/bare.ts';
import { startShell } from './shell.ts';

const FOLDER = resolve(`out/netns/resolvers-${process.pid}`);
mkdirSync(FOLDER, { recursive: true });

/** Answers every question with one A record: 198.18.0.9 for names that begin with "fake", on the router's port 53. */
const RESOLVER = `
const [, , ...places] = process.argv;
for (const place of places) {
  const [address, port] = place.split(' ');
  const udp = require('dgram').createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', reuseAddr: true });
  const answerTo = (query) => {
    const fake = address === '192.168.1.1' && query.toString('latin1').includes('fake');
    const answer = Buffer.concat([query, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...(fake ? [198, 18, 0, 9] : [93, 184, 216, 34])])]);
    answer[2] = 0x81; answer[3] = 0x80; answer[7] = 1;
    return answer;
  };
  udp.on('message', (query, from) => udp.send(answerTo(query), from.port, from.address));
  udp.bind(Number(port), address);
  require('net').createServer((one) => one.on('error', () => {}).on('data', (query) => {
    const answer = answerTo(query.subarray(2));
    one.write(Buffer.concat([Buffer.from([0, answer.length]), answer]));
  })).on('error', () => {}).listen(Number(port), address);
}
setTimeout(() => console.log('ready'), 100);`;

/** Resolves NAME at ADDRESS over TCP or UDP; prints the answer, or "nothing". */
const CLIENT = `
const [, , address, name, over] = process.argv;
const labels = name.split('.').flatMap((one) => [one.length, ...Buffer.from(one)]);
const query = Buffer.from([1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
const end = (word) => { console.log(word); process.exit(); };
const told = (answer) => end([...answer.subarray(-4)].join('.'));
if (over === 'tcp') {
  const tcp = require('net').connect(53, address, () => tcp.write(Buffer.concat([Buffer.from([0, query.length]), query])));
  tcp.on('data', told).on('error', (error) => end(error.code));
} else {
  const udp = require('dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
  udp.on('message', told).on('error', (error) => end(error.code));
  udp.send(query, 53, address);
}
setTimeout(() => end('nothing'), 2000);`;
writeFileSync(`${FOLDER}/resolver.cjs`, RESOLVER);
writeFileSync(`${FOLDER}/client.cjs`, CLIENT);
writeFileSync(`${FOLDER}/whp`, PLAIN);
const OPTIONS = `--config ${FOLDER}/whp --profiles ${resolve('agent/profiles')} --state ${FOLDER}/state --socket ${FOLDER}/sock`;
const DHCP = `config dnsmasq
	option domain 'lan'

config dhcp 'lan'
	option interface 'lan'
	option dhcpv4 'server'
`;

/** A router with one device in its lan (192.168.1.11 and, as a Pi-hole, 192.168.1.5), a network of servers,
 * and an Internet with resolvers at addresses of all kinds. */
const HOME = `
mkdir -p ${FOLDER}/over && mount -t tmpfs none ${FOLDER}/over && mkdir ${FOLDER}/over/u ${FOLDER}/over/w
mount -t overlay none -o lowerdir=/etc,upperdir=${FOLDER}/over/u,workdir=${FOLDER}/over/w /etc && mkdir /etc/config
ip link set lo up; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0
unshare -n sleep 1000 & device=$!
unshare -n sleep 1000 & outside=$!
sleep 0.2
ip link add br-lan type veth peer name eth0 netns $device; ip link add wan type veth peer name eth0 netns $outside
ip addr add 192.168.1.1/24 dev br-lan; ip addr add 198.51.100.10/24 dev wan; ip link set br-lan up; ip link set wan up
ip route add default via 198.51.100.1; ip addr add fd00:1::1/64 dev br-lan; ip addr add fd00:8::10/64 dev wan; ip -6 route add default via fd00:8::1
unshare -n sleep 1000 & servers=$!
sleep 0.2; ip link add dmz type veth peer name eth0 netns $servers; ip addr add 192.168.9.1/24 dev dmz; ip link set dmz up
at() { pid=$1; shift; nsenter -t $pid -n "$@"; }
${JOINED}
at $device sh -c 'ip link set lo up; ip link set eth0 up; ip addr add 192.168.1.11/24 dev eth0; ip addr add 192.168.1.5/24 dev eth0; ip route add default via 192.168.1.1; ip addr add fd00:1::11/64 dev eth0 nodad; ip -6 route add default via fd00:1::1'
at $servers sh -c 'ip link set lo up; ip link set eth0 up; ip addr add 192.168.9.5/24 dev eth0; ip route add default via 192.168.9.1'
at $outside sh -c 'ip link set lo up; ip link set eth0 up; ip addr add 198.51.100.1/24 dev eth0; for one in 9.9.9.9 10.20.0.53 192.168.0.1 100.64.0.53; do ip addr add $one/32 dev lo; done; ip route add 192.168.1.0/24 via 198.51.100.10; ip addr add fd00:8::1/64 dev eth0 nodad; ip addr add fd00:9::53/128 dev lo nodad; ip -6 route add fd00:1::/64 via fd00:8::10'
serve() { pid=$1; shift; nsenter -t $pid -n node ${FOLDER}/resolver.cjs "$@" >${FOLDER}/ready & last=$!; for i in $(seq 50); do grep -q ready ${FOLDER}/ready && break; sleep 0.1; done; }
here=$$
# Until somebody, or nobody, has this port (hexadecimal) open.
has() { for i in $(seq 100); do grep -q ":$1 0" /proc/net/udp /proc/net/tcp && return; sleep 0.1; done; }
hasnot() { for i in $(seq 100); do grep -q ":$1 0" /proc/net/udp || return; sleep 0.1; done; }
ask() { at $device node ${FOLDER}/client.cjs "$@"; }
whp() { command=$1; shift; ${WHP_TEXT} $command ${OPTIONS} "$@"; }
seen() { whp status --json | sed 's/.*"answers":\\([0-9]*\\).*/\\1/'; }
${WHP_TEXT} daemon ${OPTIONS} >${FOLDER}/log 2>&1 &
for i in $(seq 200); do grep -q '^whp: enforcing' ${FOLDER}/log && break; sleep 0.1; done
serve $device '192.168.1.5 53'; serve $servers '192.168.9.5 53' '192.168.9.5 5300'; serve $outside '9.9.9.9 53' '10.20.0.53 53' '192.168.0.1 53' '100.64.0.53 53' 'fd00:9::53 53'`;

const shell = startShell('processes');
test.after(async () => {
  await shell.stop();
  rmSync(FOLDER, { recursive: true });
});
const run = async (command: string): Promise<string> => (await shell.run(command)).text;

interface Case {
  readonly name: string;
  readonly before?: string;
  readonly dhcp?: string;
  /** The resolver that the device asks; absent: none. */
  readonly asks?: string;
  readonly told?: string;
  /** Whether the agent sees the answer; absent: it must see it if and only if the check names nothing. */
  readonly named?: RegExp;
  readonly noted?: RegExp;
}

/** Rules in their own table, at the hook of firewall4's. */
function nat(rules: string, more = ''): string {
  return `nft 'table ip other { chain pre { type nat hook prerouting priority -100; ${rules} ; }; ${more} }'`;
}

const MASQUERADE =
  'chain post { type nat hook postrouting priority 100; oifname "br-lan" masquerade; };';

const CASES: readonly Case[] = [
  { name: "the router's own port 53", asks: '192.168.1.1' },
  { name: 'a resolver outside', asks: '9.9.9.9' },
  ...['10.20.0.53', '192.168.0.1', '100.64.0.53', 'fd00:9::53'].flatMap((one) => [
    { name: `${one} behind the WAN`, asks: one },
    { name: `${one} behind the WAN over TCP`, asks: `${one} api.skype.com tcp` },
  ]),
  { name: 'a resolver in another network of the home', asks: '192.168.9.5' },
  { name: 'over TCP', asks: '192.168.9.5 api.skype.com tcp' },
  {
    name: "the router's own port 53, turned to a resolver in another network",
    before: nat('iifname "br-lan" udp dport 53 dnat to 192.168.9.5'),
    asks: '192.168.1.1',
  },
  {
    name: 'the same, to another port',
    before: nat('iifname "br-lan" udp dport 53 dnat to 192.168.9.5:5300'),
    asks: '192.168.1.1',
  },
  {
    name: 'IPv6, turned to another port',
    before: `nft 'table ip6 other { chain pre { type nat hook prerouting priority -100; iifname "br-lan" udp dport 53 redirect to :5353 ; }; }'`,
    asks: 'fd00:1::1',
  },
  {
    name: 'redirect to another port over TCP',
    before: nat('iifname "br-lan" tcp dport 53 redirect to :5353'),
    asks: '192.168.1.1 api.skype.com tcp',
  },
  {
    name: 'outside, turned to the router',
    before: nat('iifname "br-lan" ip daddr != 192.168.1.1 udp dport 53 redirect'),
    asks: '9.9.9.9',
  },
  {
    name: 'redirect to another port',
    before: nat('iifname "br-lan" udp dport 53 redirect to :5353'),
    asks: '192.168.1.1',
  },
  {
    name: 'the same for one resolver outside',
    before: nat('ip daddr 9.9.9.9 udp dport 53 redirect to :5353'),
    asks: '9.9.9.9',
  },
  {
    name: 'everything is turned to a port',
    before: nat('iifname "br-lan" meta l4proto udp redirect to :5353'),
    asks: '9.9.9.9',
    told: '93.184.216.34',
    named: /what devices send to every port, the application among it, is turned to port 5353/,
  },
  {
    name: 'dnat to a resolver in the home',
    before: nat(
      'iifname "br-lan" ip saddr != 192.168.1.5 udp dport 53 dnat to 192.168.1.5',
      MASQUERADE,
    ),
    asks: '192.168.1.1',
  },
  {
    name: 'dnat of what goes outside to a resolver in the home',
    before: nat(
      'ip saddr != 192.168.1.5 ip daddr != 192.168.1.1 udp dport 53 dnat to 192.168.1.5',
      MASQUERADE,
    ),
    asks: '9.9.9.9',
  },
  {
    name: 'a port that is forwarded from outside',
    before: nat('iifname "wan" udp dport 53 dnat to 192.168.1.5'),
    asks: '192.168.1.1',
  },
  {
    name: 'NAT loopback of it',
    before: nat('iifname "br-lan" ip daddr 198.51.100.10 udp dport 53 dnat to 192.168.1.5'),
    asks: '192.168.1.1',
  },
  {
    name: 'DHCP names a resolver in the same network',
    dhcp: `${DHCP}\tlist dhcp_option '6,192.168.1.5,9.9.9.9'\n`,
    named:
      /dhcp\.lan\.dhcp_option \(\/etc\/config\/dhcp:7\): devices are told to ask 192\.168\.1\.5, .*uci del_list dhcp\.lan\.dhcp_option='6,192\.168\.1\.5,9\.9\.9\.9'/,
  },
  {
    name: 'router advertisements name one elsewhere',
    dhcp: `${DHCP}\tlist dns 'fd00:9::5'\n`,
  },
  {
    name: 'DHCP names the router and one outside',
    dhcp: `${DHCP}\tlist dhcp_option '6,192.168.1.1,9.9.9.9'\n`,
  },
  {
    name: 'DHCP is not here',
    dhcp: `config dhcp 'lan'\n\toption ignore '1'\n`,
    noted: /note: \/etc\/config\/dhcp: this router hands out no addresses/,
  },
  {
    name: 'a stand-in',
    asks: '192.168.1.1 fake.skype.com',
    told: '198.18.0.9',
    named:
      /DNS answers for skype: 192\.168\.1\.11 was told that fake\.skype\.com is 198\.18\.0\.9, a stand-in \(fake-IP/,
  },
  { name: 'a true answer for the same name ends it', asks: '9.9.9.9 fake.skype.com' },
];

test('each way of asking: seen by the agent, or named', async () => {
  await run(`${HOME}\nserve $here '192.168.1.1 53' '0.0.0.0 5353' 'fd00:1::1 5353'`);
  const wrong: string[] = [];
  for (const { name, before = ':', dhcp = DHCP, asks, told, named, noted } of CASES) {
    writeFileSync(`${FOLDER}/dhcp`, dhcp);
    const isSeen = asks !== undefined;
    const query =
      asks === undefined ? ':' : `ask ${asks.includes(' ') ? asks : `${asks} api.skype.com`}`;
    const out = await run(`
cp ${FOLDER}/dhcp /etc/config/dhcp; ${before}; a=$(seen); echo "told $(${query})"; for i in $(seq ${isSeen ? 50 : 5}); do [ $(seen) -gt $a ] && break; sleep 0.1; done; echo "saw $(($(seen) - a))"
whp check --explain | joined; nft delete table ip other 2>/dev/null; nft delete table ip6 other 2>/dev/null`);
    const lost = out
      .split('\n')
      .filter((line) => /does not see|is no server of|reaches no server/.test(line));
    const isRight =
      named === undefined ? lost.length === 0 : lost.length === 1 && named.test(lost[0]!);
    if (!isRight || (noted !== undefined && !noted.test(out))) wrong.push(`${name}: ${out}`);
    if (asks === undefined) continue;
    if (!out.includes(`told ${told ?? '93.184.216.34'}`)) wrong.push(`${name}: no answer: ${out}`);
    if (isSeen === out.includes('saw 0')) wrong.push(`${name}: ${out}`);
  }
  assert.equal(wrong, []);
});

test('status says it too, and who answers is told', async () => {
  const out = await run(`
cp ${FOLDER}/dhcp /etc/config/dhcp; printf "\\tlist dhcp_option 'option:dns-server,192.168.1.5'\\n" >>/etc/config/dhcp
whp check --explain | joined; for i in $(seq 80); do whp status --json | grep -q 'told to ask' && break; ip route add 192.0.2.$i/32 dev lo; sleep 1; done; whp status; whp status --json`);
  assert.match(
    out,
    /looked at: resolvers: port 53 of this router: node; nftables rules that turn DNS: 0,/,
  );
  assert.match(
    alarmLines(out).join('\n'),
    /^! dhcp\.lan\.dhcp_option \(\/etc\/config\/dhcp:7\): devices are told to ask 192\.168\.1\.5/m,
  );
  const json = answerOf<StatusAnswer>(['status'], out.slice(out.indexOf('\n{') + 1));
  assert.ok(json.problems.some(({ text }) => text.includes('devices are told to ask 192.168.1.5')));
});

test('nobody on port 53, and DoT on the router', async () => {
  const out = await run(`
echo "config dnsmasq
	option port '5353'" >/etc/config/dhcp
kill $last; hasnot 0035; node -e "require('net').createServer().listen(853, '0.0.0.0')" & has 0355
whp check | joined`);
  assert.match(
    out,
    /note: port 53: nobody answers DNS on this router: .*dnsmasq has port 5353 uci set dhcp\.@dnsmasq\[0\]\.port=53/,
  );
  assert.match(out, /note: port 853: devices can ask this router by DoT or DoQ \(node\)/);
});

test('a program by its name, also where what it has open cannot be seen', async () => {
  const out = await run(`
ln -s $(node -p process.execPath) ${FOLDER}/AdGuardHome
${FOLDER}/AdGuardHome -e "require('dgram').createSocket('udp4').bind(53, '192.168.1.1')" & has 0035
whp check --explain | joined | sed 's/^/open: /'
setpriv --bounding-set=-all,+net_admin,+net_raw ${WHP_TEXT} check --explain ${OPTIONS} --socket ${FOLDER}/none | joined | sed 's/^/jailed: /'`);
  assert.match(out, /open: looked at: resolvers: port 53 of this router: AdGuardHome;/);
  assert.match(
    out,
    /jailed: looked at: resolvers: port 53 of this router: AdGuardHome \(running\);/,
  );
});

test.run();
