// The matrix of states and outputs: in each state a datagram of the app is sent from the device, and everything that
// whp says is held against what the wires showed. The table is written to out/netns/matrix.md.
import { writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { WhyAnswer } from '../../agent/src/answers/why-parts.ts';
import { config, type Home, NODE, OTHER, pause, startHome } from '../fixtures/netns-home.ts';
import { unbroken } from '../lib/alarms.ts';
import { answerOf } from '../lib/answers.ts';
import {
  type Cells,
  cellsOf,
  type Expected,
  judge,
  judgeLost,
  judgeNobody,
  judgeOpen,
  rowsOf,
  tableOf,
} from './judge.ts';
import { askAll } from './outputs.ts';
import { watchWires } from './wire.ts';

const KEY = '271828182';
const home: Home = await startHome(`whp-matrix-${process.pid}`);
test.after(() => home.stop());
const wires = watchWires(home);

/** The home's device is behind a port of the bridge, as on a router; the guests have a bridge of their own. The
 * source ports from GUEST_PORT on are a guest's, those from STRANGER_PORT on of a device with another MAC. */
const GUEST_PORT = 40000;
const GUEST = '192.168.3.11';
const STRANGER_PORT = 50000;
const STRANGER = '192.168.1.12';
home.run(
  'router',
  'sh',
  '-ec',
  `ip link set br-lan down; ip link set br-lan name lan1; ip address flush dev lan1
  ip link add br-lan type bridge; ip link set lan1 master br-lan up
  ip address add 192.168.1.1/24 dev br-lan; ip link set br-lan up
  ip link add br-guest type bridge; ip address add 192.168.3.1/24 dev br-guest
  ip link add guest1 type veth peer name eth1 netns ${`whp-matrix-${process.pid}`}-device
  ip link set guest1 master br-guest up; ip link set br-guest up`,
);
home.run(
  'device',
  'sh',
  '-ec',
  `ip link set eth1 up; ip address add ${GUEST}/24 dev eth1
  ip link add link eth0 name eth2 type macvlan; ip link set eth2 up; ip address add ${STRANGER}/32 dev eth2
  sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.rp_filter=0
  ip route add default via 192.168.3.1 dev eth1 src ${GUEST} table 40
  ip route add 192.168.1.1 dev eth2 src ${STRANGER} table 50
  ip route add default via 192.168.1.1 dev eth2 src ${STRANGER} table 50
  ip rule add ipproto udp sport ${GUEST_PORT}-49999 lookup 40
  ip rule add ipproto udp sport ${STRANGER_PORT}-59999 lookup 50`,
);

const configured = (options: Parameters<typeof config>[0]): string =>
  config(options).replaceAll("key '7'", `key '${KEY}'`);
const only = (fallback = 'block'): string => configured({ fallback, proxies: ['a'] });
const both = configured({ proxies: ['a', 'b'] });

const DEAD = 'add table ip x; add chain ip x i { type filter hook input priority 0; policy drop; }';
const kill = (): string => home.run('proxya', 'nft', DEAD);
const revive = (): void => void home.run('proxya', 'nft', 'delete table ip x');

/** A schedule that begins in two days. */
function elsewhen(): string {
  const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
  return `  list schedule '${days[(new Date().getUTCDay() + 2) % 7]!} 10:00-11:00'\n`;
}

/** Waits until new flows of the app go this way, and the proxies have these states ("a up"). */
async function until(way: Expected['way'], ...wanted: readonly string[]): Promise<void> {
  // The rules of others are listed once in twenty seconds.
  for (let waited = 0; waited < 40_000; waited += 100) {
    const { apps, proxies } = home.status();
    const { proxy, state } = apps[0]!.new_connections;
    const states = proxies.map((one) => `${one.proxy} ${one.state}`);
    if ((proxy ?? state) === way && wanted.every((one) => states.includes(one))) return;
    await pause(100);
  }
  throw new Error(`not ${way}: ${home.log()}`);
}

/** Waits until new flows of the app are said to be stopped by this, all or some of them. */
async function untilStopped(cause: string): Promise<void> {
  for (let waited = 0; waited < 40_000; waited += 100) {
    if (home.status().apps[0]!.new_connections.cause === cause) return;
    await pause(100);
  }
  throw new Error(`not ${cause}: ${home.whp('status')}`);
}

/** `list lan` of these devices. */
function lan(...names: readonly string[]): string {
  const list = names.map((name) => `\n  list lan '${name}'`).join('');
  return only().replace("hold '0'", `hold '0'${list}`);
}

async function proxied(): Promise<void> {
  home.reload(only());
  await until('a', 'a up');
}

/** An ip rule of another program. */
const FOREIGN = ['ip', 'rule', 'add', 'pref', '100'];

async function ruled(...words: readonly string[]): Promise<void> {
  await proxied();
  home.run('router', ...FOREIGN, ...words);
  await untilStopped('rule');
}

const unruled = (): void => void home.run('router', 'ip', 'rule', 'del', 'pref', '100');

/** fw4 as it is without a zone of the tunnels. */
const FIREWALL = `table inet fw4 {
  chain forward { type filter hook forward priority filter; policy drop;
    ct state vmap { established : accept, related : accept };
    iifname "br-lan" jump forward_lan;
    jump refuse;
  };
  chain forward_lan { oifname "wan" accept; };
  chain refuse { meta l4proto tcp reject with tcp reset; reject with icmpx type port-unreachable; };
}`;

/** The MAC of a network device of the home's device. */
function macOf(name: string): string {
  const [link] = JSON.parse(home.run('device', 'ip', '-j', 'link', 'show', name));
  return link.address;
}

const DROPPING = `table inet fw4 {
  chain forward { type filter hook forward priority filter; policy accept; oifname "whp-*" drop; };
}`;

interface State extends Expected {
  readonly name: string;
  readonly enter: () => Promise<void> | void;
  readonly leave?: () => Promise<void> | void;
  /** What else the wires show in this state. */
  readonly also?: () => Promise<void>;
}

function why(flow: string): WhyAnswer {
  const words = ['why', ...flow.split(' ')];
  return answerOf(words, home.whp(...words, '--json'));
}

const WAY_OUT =
  /^ip route the default route leaves by wan, .* nothing of IPv4 is proxied; uci del_list whp\.globals\.lan='wan'; .*uci commit whp; whp reload$/;
const RULE =
  /^collision: whp\.globals\.preference ip rule 100 .*; uci set whp\.globals\.preference=\d+; uci commit whp; whp reload$/;

const PROXY_DOWN =
  /^proxy a is DOWN: probes are not answered; ping -c 3 (203\.0\.113\.20|<address \d+>); whp test$/;

const idle = configured({ enabled: false, proxies: ['a'] });
const IDLE = {
  way: 'direct',
  quiet: 5,
  reason: /no app is enabled/,
  proxies: {},
  alarms: [],
  idle: true,
} as const;

/** A state in which the table inet fw4, of these commands, stops what goes into the tunnel. */
function firewalled(
  name: string,
  commands: string,
  more: Pick<State, 'alarms' | 'isDropped'>,
): State {
  return {
    name,
    enter: async () => {
      await proxied();
      home.run('router', 'nft', commands);
      await untilStopped('firewall');
    },
    leave: () => void home.run('router', 'nft', 'delete table inet fw4'),
    way: 'refused',
    quiet: 5,
    reason: /the firewall refuses new connections \(table inet fw4/,
    proxies: { a: 'up' },
    ...more,
  };
}

const STATES: readonly State[] = [
  {
    name: 'up',
    enter: async () => {
      await home.startAgent(only());
      await until('a', 'a up');
    },
    way: 'a',
    quiet: 0,
    reason: null,
    proxies: { a: 'up' },
    alarms: [],
  },
  {
    name: 'two proxies, the second is preferred',
    enter: async () => {
      home.reload(both);
      await until('a', 'a up', 'b up');
      home.whp('proxy', 'use', 'b');
      await until('b', 'a up', 'b up');
    },
    leave: () => void home.whp('proxy', 'use', 'auto'),
    way: 'b',
    quiet: 0,
    reason: null,
    proxies: { a: 'up', b: 'up' },
    alarms: [],
  },
  {
    name: 'two proxies, the first is dead',
    enter: async () => {
      home.reload(both);
      await until('a', 'a up', 'b up');
      kill();
      await until('b', 'a down', 'b up');
    },
    leave: revive,
    way: 'b',
    quiet: 0,
    reason: null,
    proxies: { a: 'down', b: 'up' },
    alarms: [PROXY_DOWN],
  },
  {
    name: 'no proxy is up, fallback block',
    enter: async () => {
      home.reload(only());
      await until('a', 'a up');
      kill();
      await until('refused', 'a down');
    },
    leave: revive,
    way: 'refused',
    quiet: 5,
    reason: /no proxy is up/,
    proxies: { a: 'down' },
    alarms: [PROXY_DOWN, /^app skype is REFUSED: no proxy is up .*; whp pause skype 60$/],
  },
  {
    name: 'no proxy is up, fallback direct',
    enter: async () => {
      home.reload(only('direct'));
      await until('a', 'a up');
      kill();
      await until('direct', 'a down');
    },
    leave: revive,
    way: 'direct',
    quiet: 5,
    reason: /no proxy is up/,
    proxies: { a: 'down' },
    alarms: [
      PROXY_DOWN,
      /^app skype is DIRECT: no proxy is up .*; uci set whp\.skype\.fallback='block'; uci commit whp; whp reload$/,
    ],
  },
  {
    name: 'paused',
    enter: async () => {
      home.reload(only());
      await until('a', 'a up');
      home.whp('pause', 'skype', '5');
    },
    leave: () => void home.whp('resume'),
    way: 'direct',
    quiet: 5,
    reason: /paused by you/,
    proxies: { a: 'up' },
    alarms: [],
  },
  {
    name: 'outside its hours',
    enter: () => home.reload(only() + elsewhen()),
    way: 'direct',
    quiet: 0,
    reason: /outside the hours of its schedule/,
    proxies: { a: 'up' },
    alarms: [],
  },
  {
    name: 'no tunnel device',
    enter: async () => {
      home.reload(only());
      await until('a', 'a up');
      home.run('router', 'ip', 'link', 'set', 'whp-a', 'down');
    },
    leave: async () => {
      home.run('router', 'ip', 'link', 'set', 'whp-a', 'up');
      await until('a', 'a up');
    },
    way: 'refused',
    quiet: 5,
    reason: /the tunnel device whp-a is missing or down|no proxy is up/,
    proxies: { a: 'no_device' },
    alarms: [
      /^proxy a the device whp-a of its tunnel is down; ip link set dev whp-a up; whp reload$/,
      /^app skype is REFUSED: .*; /,
    ],
    hasMore: true,
  },
  {
    name: 'no queue module',
    enter: async () => {
      home.reload(only().replace("hold '0'", "hold '1'"));
      await until('a', 'a up');
    },
    way: 'a',
    quiet: 5,
    reason: null,
    proxies: { a: 'up' },
    alarms: [/^ ?DNS answers cannot be held, .* may go direct .*; opkg install kmod-nft-queue/],
  },
  {
    name: 'wrong lan device',
    enter: async () => {
      home.reload(only().replace("hold '0'", "hold '0'\n  list lan 'br-lna'"));
      // The agent looks at the router again.
      for (let tries = 0; tries < 100 && !home.whp('status').includes('br-lna'); tries++)
        await pause(200);
    },
    leave: proxied,
    way: 'direct',
    quiet: 5,
    reason: /no device of list lan exists/,
    isLost: true,
    proxies: { a: 'up' },
    alarms: [
      /^whp\.globals\.lan .* there is no device "br-lna": nothing from there is proxied; bridges here: br-lan, .*; uci del_list whp\.globals\.lan='br-lna'; uci add_list whp\.globals\.lan='br-lan'; uci commit whp; whp reload$/,
      /^app skype is DIRECT: no device of list lan exists; /,
    ],
  },
  {
    name: 'list lan names a port of the bridge',
    enter: () => home.reload(lan('lan1')),
    leave: proxied,
    way: 'direct',
    quiet: 5,
    reason: /lan1 is a port of br-lan: its packets come in as those of br-lan/,
    isLost: true,
    proxies: { a: 'up' },
    alarms: [
      /^whp\.globals\.lan .* lan1 is a port of br-lan: .*; uci del_list whp\.globals\.lan='lan1'; uci add_list whp\.globals\.lan='br-lan'; uci commit whp; whp reload$/,
    ],
  },
  {
    name: 'list lan names the bridge and a port of it',
    enter: async () => {
      home.reload(lan('br-lan', 'lan1'));
      await until('a', 'a up');
    },
    way: 'a',
    quiet: 0,
    reason: null,
    proxies: { a: 'up' },
    alarms: [],
  },
  {
    name: 'list lan names the way out',
    enter: () => home.reload(lan('wan')),
    leave: proxied,
    way: 'direct',
    quiet: 5,
    reason: /the default route leaves by wan, which is a lan device/,
    isLost: true,
    proxies: { a: 'up' },
    alarms: [WAY_OUT],
  },
  {
    name: 'list lan names the bridge and the way out',
    enter: () => home.reload(lan('br-lan', 'wan')),
    leave: proxied,
    way: 'direct',
    quiet: 5,
    reason: /the default route leaves by wan, which is a lan device/,
    proxies: { a: 'up' },
    alarms: [WAY_OUT],
  },
  {
    name: 'one of two lan devices is a port of a bridge',
    enter: async () => {
      home.reload(lan('br-lan', 'guest1'));
      await until('a', 'a up');
    },
    also: async () => {
      const crossed = await wires.send(NODE, GUEST_PORT, GUEST);
      assert.is(crossed.state, 'direct');
      const { verdict, state } = why(crossed.next);
      assert.is(state, 'direct', verdict);
      assert.match(verdict, /its packets come in by br-guest, which is in no list lan/);
    },
    way: 'a',
    quiet: 5,
    reason: /guest1 is a port of br-guest/,
    partly: true,
    proxies: { a: 'up' },
    alarms: [/^whp\.globals\.lan .* guest1 is a port of br-guest: .*; uci del_list /],
  },
  {
    name: 'an ip rule of another program before ours',
    enter: () => ruled('lookup', 'main'),
    leave: unruled,
    way: 'refused',
    quiet: 5,
    reason: /ip rule 100 \(table 254\) comes before ours/,
    proxies: { a: 'up' },
    alarms: [RULE],
  },
  {
    name: 'an ip rule of another program that takes our mark',
    enter: () => ruled('fwmark', '0x01000000/0x0f000000', 'lookup', 'main'),
    leave: unruled,
    way: 'refused',
    quiet: 5,
    reason: /ip rule 100 \(fwmark 0x01000000\/0x0f000000 table 254\).* comes before ours/,
    proxies: { a: 'up' },
    alarms: [
      /^collision: whp\.globals\.mask ip rule 100 .* reads our bits; uci set whp\.globals\.mask=/,
    ],
  },
  {
    name: 'an ip rule of another program before ours, of other devices',
    enter: () => ruled('from', '192.168.1.64/26', 'lookup', 'main'),
    leave: unruled,
    way: 'a',
    quiet: 5,
    reason: /ip rule 100 \(from 192\.168\.1\.64\/26 table 254\) comes before ours/,
    partly: true,
    proxies: { a: 'up' },
    alarms: [RULE],
  },
  {
    name: 'an ip rule of another program before ours, whose table is empty',
    enter: async () => {
      await proxied();
      home.run('router', ...FOREIGN, 'lookup', '777');
      await pause(2000);
    },
    leave: unruled,
    way: 'a',
    quiet: 0,
    reason: null,
    proxies: { a: 'up' },
    alarms: [],
  },
  firewalled('the firewall refuses the tunnel', FIREWALL, {
    alarms: [
      /^firewall, br-lan to whp-a the firewall refuses .*; \/usr\/share\/whp\/firewall\.sh install; fw4 reload$/,
    ],
  }),
  firewalled('the firewall drops what goes into the tunnel', DROPPING, {
    isDropped: true,
    alarms: [/^firewall, br-lan to whp-a the firewall refuses .*; fw4 reload$/],
  }),
  {
    name: 'a device that DHCP has not met',
    enter: async () => {
      home.reload(`${configured({ proxies: ['a'], devices: ['tv', 'ps5'] })}
config device 'tv'
  list mac '${macOf('eth0')}'
config device 'ps5'
  list name 'playstation'
`);
      await until('a', 'a up');
    },
    also: async () => {
      const crossed = await wires.send(NODE, STRANGER_PORT, STRANGER);
      assert.is(crossed.state, 'direct');
      const { verdict, state } = why(crossed.next);
      assert.is(state, 'direct', verdict);
      assert.match(verdict, /skype does not apply to 192\.168\.1\.12/);
      // Nobody knows whose this address is.
      const unmet = why(crossed.next.replace(STRANGER, '192.168.1.99'));
      assert.is(unmet.state, 'unknown', unmet.verdict);
    },
    way: 'a',
    quiet: 5,
    reason: /no lease and no static host has had a name of (ps5|<name \d+>)/,
    partly: true,
    proxies: { a: 'up' },
    alarms: [
      /^app skype is proxied in part: no lease and .* name of (ps5|<name \d+>), so nothing of it is proxied: write its MAC \(list mac\); whp devices$/,
    ],
  },
  {
    name: 'the last good configuration',
    enter: async () => {
      home.reload(only());
      await until('a', 'a up');
      assert.throws(() => home.reload(only().replace("'block'", "'maybe'")));
    },
    way: 'a',
    quiet: 0,
    reason: null,
    proxies: { a: 'up' },
    alarms: [/the last good configuration stands: .*fallback.*maybe.*; whp check$/],
  },
  {
    name: 'no app is enabled',
    enter: () => home.reload(idle),
    ...IDLE,
  },
  {
    name: 'no app is enabled any more, and no proxy was up',
    enter: async () => {
      home.reload(only());
      await until('a', 'a up');
      kill();
      await until('refused', 'a down');
      home.reload(idle);
    },
    leave: async () => {
      revive();
      home.reload(only());
      await until('a', 'a up');
    },
    ...IDLE,
    alarms: [PROXY_DOWN],
  },
];

const matrix: (readonly [state: string, cells: Cells])[] = [];

/** A kernel that has nft's queue cannot be without it. */
function hasQueue(): boolean {
  const table = 'table inet x { chain c { type filter hook output priority 0; queue num 9; }; }';
  try {
    home.run('router', 'nft', '-c', table);
    return true;
  } catch {
    return false;
  }
}

const states = STATES.filter(({ name }) => name !== 'no queue module' || !hasQueue());

for (const { name, enter, leave, also, ...expected } of states) {
  test(name, async () => {
    const running = await wires.begin();
    try {
      await enter();
      const crossed = await wires.send();
      let told = askAll(home, NODE, crossed, running.flow);
      // rpcd's rows are of the ledger, which reads the kernel's list every ten seconds.
      const wanted = rowsOf(told.flows, crossed).length;
      for (let tries = 0; rowsOf(told.rpcd.flows, crossed).length < wanted; tries++) {
        assert.ok(tries < 5, 'no row in the ledger');
        await pause(3000);
        told = askAll(home, NODE, crossed, running.flow);
      }
      const open = await running.now();
      matrix.push([name, cellsOf(crossed, open.seen, told)]);
      writeFileSync('out/netns/matrix.md', tableOf(matrix));
      judge(expected, crossed, told);
      if (expected.isDropped) assert.is(open.state, 'lost');
      if (expected.isLost) judgeLost(open, running.flow, told);
      else if (expected.isDropped) judgeOpen({ ...open, state: 'refused' }, running.flow, told);
      else judgeOpen(open, running.flow, told);
      await also?.();
    } finally {
      running.stop();
      await leave?.();
    }
  });
}

const BANK = `
config rule 'bank'
  option action 'direct'
  list name 'bank.example'
`;
const EVERY = `
config rule 'every'
  option action 'proxy'
  option app 'skype'
  list address '0.0.0.0/0'
`;

for (const [name, rules, state] of [
  ['a name that a direct rule keeps so', BANK, 'direct'],
  ['a name that a direct rule keeps so, beside a rule of every address', BANK + EVERY, 'proxied'],
] as const) {
  test(name, async () => {
    home.reload(only() + rules);
    await until('a', 'a up');
    const crossed = await wires.send(OTHER);
    const told = why('pay.bank.example');
    assert.equal([told.state, crossed.state], [state, state], told.verdict);
    assert.match([told.verdict, ...told.reasons].join('; '), /your rule "bank" \(/);
    const notes = unbroken(home.tell('check').out).match(
      /^note: .*"bank\.example" are not direct/gm,
    );
    assert.is(notes?.length, state === 'proxied' ? 1 : undefined);
  });
}

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  const how = signal === 'SIGKILL' ? 'killed' : 'stopped';
  test(`no agent: it was ${how}`, async () => {
    await home.stopAgent(signal);
    const crossed = await wires.send();
    const told = askAll(home, NODE, crossed, crossed.flow);
    matrix.push([`no agent: ${how}`, cellsOf(crossed, '-', told)]);
    writeFileSync('out/netns/matrix.md', tableOf(matrix));
    await home.startAgent(only());
    await until('a', 'a up');
    // The rules remain after a kill, and nobody pretends to know.
    assert.is(crossed.state, how === 'killed' ? 'proxied' : 'direct');
    judgeNobody(told);
  });
}

test.run();
