// ip rules of other programs before ours: the report of `whp check` beside the kernel's routing of proxied
// packets (`ip route get ... iif br-lan mark ...`). A rule that diverts packets must be reported, one that
// diverts none must not.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { homeWith } from '../fixtures/uci.ts';
import { unbroken } from '../lib/alarms.ts';
import { WHP_TEXT } from '../lib/bare.ts';

const FOLDER = resolve(`out/netns/rules-${process.pid}`);
mkdirSync(FOLDER, { recursive: true });
test.after(() => rmSync(FOLDER, { recursive: true }));
writeFileSync(`${FOLDER}/whp`, homeWith("\tlist lan 'br-lan'\n\tlist lan 'br-guest'\n"));
const CHECK = `${WHP_TEXT} check --config ${FOLDER}/whp --profiles ${resolve('agent/profiles')} --state ${FOLDER}/state --socket ${FOLDER}/sock`;

/** A router with two lan devices, a VPN device, and our own rule and route as the agent makes them. */
const ROUTER = `
for pair in "br-lan lan0" "br-guest guest0" "wan isp0" "whp-cloud far0" "vpn vpn0"; do
  set -- $pair; ip link add $1 type veth peer name $2; ip link set $1 up; ip link set $2 up
done
ip link set lo up; sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0
for d in br-lan br-guest wan; do sysctl -qw net.ipv4.conf.$d.rp_filter=0 net.ipv6.conf.$d.accept_dad=0; done
ip addr add 192.168.1.1/24 dev br-lan; ip addr add 192.168.2.1/24 dev br-guest
ip -6 addr add fd00:1::1/64 dev br-lan nodad; ip -6 addr add 2001:db8:5::1/64 dev br-lan nodad
ip addr add 198.51.100.10/24 dev wan; ip -6 addr add 2001:db8:9::10/64 dev wan nodad
ip route add default via 198.51.100.1 dev wan; ip -6 route add default via 2001:db8:9::1 dev wan
for f in -4 -6; do
  ip $f rule add pref 15001 fwmark 0x1000000/0xf000000 table 15001 protocol 119
  ip $f route add default dev whp-cloud table 15001 proto 119
  ip $f route add default dev vpn table 200
done
ip route add 8.8.8.0/24 dev vpn table 201; ip route add 10.9.0.0/16 dev vpn table 201
ip route add 0.0.0.0/1 dev vpn table 202; ip route add 128.0.0.0/1 dev vpn table 202
ip route add 10.0.0.0/8 dev vpn table 203; ip route add throw default table 203
ip route add unreachable default table 204`;

interface Packet {
  readonly from: string;
  readonly device: string;
  readonly to: string;
  readonly more: string;
}

function packet(from: string, to: string, more = 'ipproto udp sport 5000 dport 3478'): Packet {
  const device = from.startsWith('192.168.2.') ? 'br-guest' : 'br-lan';
  return { from, device, to, more };
}

const PACKETS = [
  packet('192.168.1.5', '93.184.216.34'),
  packet('192.168.1.200', '93.184.216.34', 'ipproto tcp sport 40000 dport 443'),
  packet('192.168.1.5', '8.8.8.8'),
  packet('192.168.2.7', '150.1.1.1'),
  packet('192.168.2.7', '93.184.216.34', 'ipproto tcp sport 5000 dport 443'),
  packet('fd00:1::5', '2606:4700::1'),
  packet('2001:db8:5::5', '2606:4700::1', 'ipproto tcp sport 40000 dport 443'),
];

/** The result of one `ip route get` for each packet: "DEVICE" or "refused", one a line. */
const ASK = PACKETS.map(
  ({ from, device, to, more }) =>
    `echo "kernel $(ip route get ${to} from ${from} iif ${device} mark 0x1000000 ${more} 2>&1 | grep -o 'dev [a-z-]*' | tail -1)"`,
).join('\n');

interface Seen {
  /** The reports of the check about preferences. */
  readonly said: string[];
  /** The packets of PACKETS that do not leave by the tunnel. */
  readonly taken: Packet[];
}

/** The script for one such router. */
function onRouter(commands: string): string {
  return `unshare -n sh <<'ROUTER'\n${ROUTER}\n${commands}\nROUTER`;
}

function asked(commands: string): string {
  return `echo "== case"\n${commands}\n${CHECK}\n${ASK}`;
}

/** Each of `rules` alone, before ours. */
function playRules(rules: readonly string[]): Seen[] {
  const one = (rule: string): string =>
    `${asked(`ip rule add pref 900 ${rule}`)}\nip rule del pref 900`;
  return run(onRouter(rules.map(one).join('\n')));
}

/** Each of `cases` (shell commands) on its own router. */
function play(cases: readonly string[]): Seen[] {
  return run(cases.map((commands) => onRouter(asked(commands))).join('\n'));
}

function run(script: string): Seen[] {
  const { stdout, stderr } = spawnSync('sh', [], {
    input: script,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  assert.is(stderr, '', stderr);
  return stdout
    .split('== case\n')
    .slice(1)
    .map((text) => {
      const lines = unbroken(text.trim()).split('\n');
      const ways = lines.filter((line) => line.startsWith('kernel'));
      assert.is(ways.length, PACKETS.length, text);
      return {
        said: lines.filter((line) => line.startsWith('whp.globals.preference')),
        taken: PACKETS.filter((_, i) => !ways[i]!.includes('whp-cloud')),
      };
    });
}

/** A rule, and the reported share of the packets: null: no report, '': all. */
const NAMED: readonly (readonly [rule: string, which: string | null])[] = [
  ['from all lookup 200', ''],
  ['from 192.168.1.0/28 lookup 200', ' from 192.168.1.0/28'],
  ['from 192.168.1.5 lookup 200', ' from 192.168.1.5'],
  ['from 192.168.0.0/16 lookup 200', ''],
  ['from 198.51.100.10 lookup 200', null],
  ['from 192.168.1.1 lookup 200', null],
  ['from 10.1.0.0/16 lookup 200', null],
  ['iif br-guest lookup 200', ' of br-guest'],
  ['iif wan lookup 200', null],
  ['iif lo lookup 200', null],
  ['oif wan lookup 200', null],
  ['to 10.0.0.0/8 lookup 200', null],
  ['to 192.168.1.0/24 lookup 200', null],
  ['to 203.0.113.20 lookup 200', null],
  ['to 8.8.8.0/24 lookup 200', ' to 8.8.8.0/24'],
  ['ipproto udp lookup 200', ' over UDP'],
  ['ipproto icmp lookup 200', null],
  ['sport 5000-5999 lookup 200', ' from ports 5000-5999'],
  ['dport 443 lookup 200', ' to port 443'],
  ['ipproto udp dport 53 lookup 200', null],
  ['uidrange 1000-2000 lookup 200', null],
  ['uidrange 0-0 lookup 200', ''],
  ['tos 0x10 lookup 200', ' with TOS 16'],
  ['fwmark 0x100/0x3f00 lookup 200', ' with fwmark 0x00000100/0x00003f00'],
  ['fwmark 0x80000/0xff0000 lookup 200', null],
  ['fwmark 0xca6c lookup 200', null],
  ['not fwmark 0xca6c lookup 200', ''],
  ['fwmark 0/0xff lookup 200', ''],
  ['not from 192.168.2.0/24 lookup 200', ' but those from 192.168.2.0/24'],
  ['not to 10.0.0.0/8 lookup 200', ''],
  ['not iif wan lookup 200', ''],
  ['not oif wan lookup 200', ''],
  ['not from all lookup 200', null],
  ['l3mdev', null],
  ['lookup main suppress_prefixlength 0', null],
  ['lookup 200 suppress_prefixlength 0', null],
  ['lookup 202 suppress_prefixlength 0', ''],
  ['lookup 201', ' to 8.8.8.0/24'],
  ['lookup 203', null],
  ['lookup 204', ''],
  ['lookup 299', null],
  ['lookup local', null],
  ['goto 32766', ''],
  ['from 192.168.2.0/24 goto 32766', ' from 192.168.2.0/24'],
  ['goto 20000', null],
  ['goto 15001', null],
  ['from 192.168.1.0/24 blackhole', ' from 192.168.1.0/24'],
  ['iif br-lan ipproto tcp prohibit', ' over TCP of br-lan'],
  ['unreachable', ''],
  ['nop', null],
];

test('each selector and each action is judged as the kernel follows it', () => {
  const seen = playRules(NAMED.map(([rule]) => rule));
  const wrong: string[] = [];
  for (const [i, [rule, which]] of NAMED.entries()) {
    const { said, taken } = seen[i]!;
    const words = `keeps proxied packets${which} from the tunnel: they are rejected; uci set whp.globals.preference=500; uci commit whp; whp reload`;
    // None of our packets here has what these rules select.
    const isShown = taken.length > 0 || /^(fwmark 0x100|tos)/.test(rule);
    const isRight =
      which === null
        ? said.length === 0 && taken.length === 0
        : isShown && said.some((one) => one.includes(words));
    if (!isRight) wrong.push(`${rule}: ${said.join(' | ')}; taken ${taken.length}`);
  }
  assert.equal(wrong, []);
});

test('IPv6 rules, and rules in the place where their owners put them', () => {
  const cases: readonly (readonly [string, RegExp | null])[] = [
    ['ip -6 rule add pref 900 from fd00:1::/64 lookup 200', / from fd00:1::\/64 from the tunnel/],
    ['ip -6 rule add pref 900 from 2001:db8:9::/64 lookup 200', null],
    ['ip -6 rule add pref 900 to fc00::/7 lookup 200', null],
    ['ip -6 rule add pref 900 to 2001:db8:5::/60 lookup 200', / to 2001:db8:5::\/60/],
    ['ip -6 rule add pref 900 to 2001:db8:5::/64 lookup 200', null],
    ['ip -6 rule add pref 900 to 2000::/3 lookup 200', / to 2000::\/3/],
    // netifd: ip4table and ip6table of the wan, its rule for what it cannot route.
    [
      `ip rule add pref 10000 from 198.51.100.10 lookup 200; ip rule add pref 14000 to 192.168.1.0/24 lookup 200
ip rule add pref 90000 iif lo lookup 200; ip -6 rule add pref 4200000000 from 2001:db8:5::/64 iif br-lan unreachable`,
      null,
    ],
    // Tailscale without an exit node, and with one.
    [
      `for f in -4 -6; do ip $f rule add pref 5210 fwmark 0x80000/0xff0000 lookup main; ip $f rule add pref 5230 fwmark 0x80000/0xff0000 lookup default
ip $f rule add pref 5250 fwmark 0x80000/0xff0000 unreachable; ip $f rule add pref 5270 lookup 52; done; ip route add 100.64.0.0/10 dev vpn table 52`,
      null,
    ],
    [
      'ip rule add pref 5270 lookup 52; ip route add default dev vpn table 52',
      /ip rule 5270 \(table 52\) comes before ours \(from 15001\) and keeps proxied packets from/,
    ],
    // wg-quick, beside ours: the kernel puts its rules before the first that is there.
    [
      'ip rule add not fwmark 51820 table 51820; ip rule add table main suppress_prefixlength 0; ip route add default dev vpn table 51820',
      /ip rule 15000 \(not fwmark 0x0000ca6c\/0xffffffff table 51820\) comes before ours/,
    ],
    // OpenVPN's halves in the main table, looked up before us.
    [
      'ip route add 0.0.0.0/1 dev vpn; ip route add 128.0.0.0/1 dev vpn; ip rule add pref 900 lookup main suppress_prefixlength 0',
      /ip rule 900 \(table 254 suppress_prefixlength 0\)/,
    ],
    // Routes of others in the main table: a network beside the default, and the far end of a tunnel.
    [
      'ip route add 93.184.216.0/24 dev vpn; ip rule add pref 900 lookup main suppress_prefixlength 0',
      / to 93\.184\.216\.0\/24 from the tunnel/,
    ],
    [
      'ip route add 193.0.2.7 dev vpn; ip rule add pref 900 lookup main suppress_prefixlength 0',
      null,
    ],
    // A network behind another router of the home.
    [
      'ip route add 10.30.0.0/16 via 192.168.1.2; ip rule add pref 900 from 10.30.5.0/24 lookup 200',
      / from 10\.30\.5\.0\/24 from the tunnel/,
    ],
    // sing-box: all packets but the router's own, after jumps for some.
    [
      `ip rule add pref 9000 to 172.19.0.0/30 lookup 2022; ip rule add pref 9001 ipproto icmp goto 9010
ip rule add pref 9002 not dport 53 lookup main suppress_prefixlength 0; ip rule add pref 9003 not iif lo lookup 2022
ip rule add pref 9004 from 0.0.0.0 iif lo lookup 2022; ip rule add pref 9010 nop; ip route add default dev vpn table 2022`,
      /^whp[^\n]*ip rule 9003 \(not iif lo table 2022\)[^\n]*preference=5000[^\n]*$/,
    ],
    // NetBird without and with an exit node.
    [
      'ip rule add pref 110 not fwmark 0x1bd00 lookup 7120; ip route add 100.90.0.0/16 dev vpn table 7120',
      null,
    ],
    [
      'ip rule add pref 110 not fwmark 0x1bd00 lookup 7120; ip route add default dev vpn table 7120',
      /ip rule 110/,
    ],
    // mwan3.
    [
      `ip rule add pref 1001 iif wan lookup 1; ip rule add pref 2001 fwmark 0x100/0x3f00 lookup 1
ip rule add pref 2061 fwmark 0x3d00/0x3f00 blackhole; ip rule add pref 3001 fwmark 0x100/0x3f00 unreachable`,
      /ip rule 2001 \(fwmark 0x00000100\/0x00003f00 table 1\) of mwan3 .*preference=1500/,
    ],
    // pbr, after our rules.
    ['ip rule add pref 29998 fwmark 0x10000/0xff0000 lookup 200', null],
    // A rule that all packets jump over diverts none.
    [
      'ip rule add pref 800 goto 1000; ip rule add pref 900 lookup 200; ip rule add pref 1000 nop',
      null,
    ],
  ];
  const seen = play(cases.map(([commands]) => commands));
  for (const [i, [commands, wanted]] of cases.entries()) {
    const { said, taken } = seen[i]!;
    if (wanted === null) assert.equal([said, taken], [[], []], commands);
    else assert.match(said.join('\n'), wanted, commands);
  }
});

/** A linear congruential generator (Numerical Recipes), so that a failure is reproducible. */
function draws(seed: number): (many: readonly string[]) => string {
  let state = seed;
  return (many) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return many[Math.floor((state / 2 ** 32) * many.length)]!;
  };
}

test('rules of any selectors together: what the kernel follows is named', () => {
  const draw = draws(20261128);
  const rules = Array.from({ length: 40 }, () => {
    const rule = [
      draw(['', '', 'not']),
      draw([
        '',
        '',
        'from 192.168.1.0/25',
        'from 192.168.2.7',
        'from 198.51.100.0/24',
        'from 192.168.0.0/22',
      ]),
      draw(['', '', '', 'to 8.0.0.0/8', 'to 10.0.0.0/8', 'to 128.0.0.0/1']),
      draw(['', '', '', 'iif br-lan', 'iif br-guest', 'iif wan']),
      draw(['', '', '', 'fwmark 0x100/0xff00', 'fwmark 0/0xff00', 'fwmark 7']),
      draw(['', '', '', 'ipproto udp', 'ipproto tcp', 'ipproto gre']),
      draw(['', '', '', 'dport 443', 'sport 1-5000', 'dport 53']),
      draw(['', '', '', '', 'uidrange 0-10', 'uidrange 5-10']),
      draw(['lookup 200', 'lookup 200', 'lookup 201', 'lookup 203', 'goto 32766', 'prohibit']),
    ];
    return rule.filter((word) => word !== '').join(' ');
  });
  const seen = playRules(rules);
  const wrong: string[] = [];
  let named = 0;
  for (const [i, rule] of rules.entries()) {
    const { said, taken } = seen[i]!;
    if (said.length > 0) named += 1;
    if (taken.length > 0 && said.length === 0) wrong.push(`${rule}: taken, not named`);
    const all = said.some((one) => one.includes('keeps proxied packets from the tunnel'));
    const four = PACKETS.filter(({ from }) => !from.includes(':')).length;
    if (all && taken.length < four) wrong.push(`${rule}: all named, ${taken.length} taken`);
  }
  assert.equal(wrong, []);
  assert.ok(named > 10 && named < 50, `${named} named`);
});

test.run();
