// The matrix of states and outputs: in each state a datagram of the app is sent from the device, and everything that
// whp says is held against what the wires showed. The table is written to out/netns/matrix.md.
import { writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { config, type Home, NODE, pause, startHome } from './home.ts';
import {
  type Cells,
  cellsOf,
  type Expected,
  judge,
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
  for (let waited = 0; waited < 15_000; waited += 100) {
    const { apps, proxies } = home.status();
    const { proxy, state } = apps[0]!.new_connections;
    const states = proxies.map((one) => `${one.proxy} ${one.state}`);
    if ((proxy ?? state) === way && wanted.every((one) => states.includes(one))) return;
    await pause(100);
  }
  throw new Error(`not ${way}: ${home.log()}`);
}

interface State extends Expected {
  readonly name: string;
  readonly enter: () => Promise<void> | void;
  readonly leave?: () => Promise<void> | void;
}

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
    way: 'direct',
    quiet: 5,
    reason: /no device of list lan exists/,
    isLost: true,
    proxies: { a: 'up' },
    alarms: [
      /^whp\.globals\.lan .* there is no device "br-lna": nothing from there is proxied; .*devices here: br-lan, wan.*; uci del_list whp\.globals\.lan='br-lna'; uci add_list whp\.globals\.lan='DEVICE'; uci commit whp; whp reload$/,
      /^app skype is DIRECT: no device of list lan exists; /,
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

for (const { name, enter, leave, ...expected } of states) {
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
      if (expected.isLost) assert.is(open.state, 'lost');
      else judgeOpen(open, running.flow, told);
    } finally {
      running.stop();
      await leave?.();
    }
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
