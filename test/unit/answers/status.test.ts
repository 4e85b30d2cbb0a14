// answers/status: what happens to new connections, the state of each proxy, and problems that end in a command.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { deviceNames } from '../../../agent/src/answers/device-names.ts';
import type { KernelView } from '../../../agent/src/answers/flows.ts';
import type { FlowEntry } from '../../../agent/src/answers/now.ts';
import {
  type StatusAnswer,
  type StatusInput,
  statusAnswer,
} from '../../../agent/src/answers/status.ts';
import { knownProblems } from '../../../agent/src/daemon/known-problems.ts';
import { NO_CHOICES } from '../../../agent/src/policy/choices.ts';
import type { App } from '../../../agent/src/policy/policy.ts';
import { portKey } from '../../../agent/src/ruleset/elements.ts';
import { createState } from '../../../agent/src/step/state.ts';
import { invalid, ok } from '../../../agent/src/syntax/result.ts';
import { policyFrom, proxy } from '../../fixtures/policies.ts';
import { statusInput, steered } from '../../fixtures/status-input.ts';

const KERNEL: KernelView = { readSet: () => ok([]), countSet: () => 0, connections: () => ok([]) };
const LOST = { state: 'down', reason: 'probes are not answered' } as const;

function told(
  change: Partial<StatusInput> = {},
  app: Partial<App> = {},
  kernel: KernelView = KERNEL,
): StatusAnswer {
  const state = createState(policyFrom({ app }), () => false);
  return statusAnswer(state, kernel, statusInput(proxy, change));
}

const device = (up: boolean) => [
  { name: 'a', address: proxy.address, device: up, mtu: up ? 1472 : 0 },
];
const way = (kind: 'blocked' | 'direct') => steered('a', LOST, { way: { kind } });
const stuck = () => ({ ...steered('a'), stuck: new Map([['skype', 'refused']]) });

const WHOLE = { partly: false, left_s: null };

/** Each state in which flows are not proxied, with the words of new connections. */
const STATES: readonly (readonly [Partial<StatusInput>, Partial<App>, string])[] = [
  [{ steering: way('blocked') }, {}, 'refused fallback'],
  [{ steering: way('direct') }, {}, 'direct fallback'],
  [{ tunnels: device(false) }, {}, 'refused tunnel'],
  [{ steering: stuck() }, {}, 'refused stuck'],
  [{ tableless: 'refused' }, {}, 'refused table'],
  [{ tableless: 'direct' }, {}, 'direct table'],
  [{ lanless: true }, {}, 'direct lan'],
  [{}, { macs: [] }, 'direct devices'],
];

test('new connections: one state, with its cause', () => {
  const up = told().apps[0]!.new_connections;
  assert.equal(up, {
    ...WHOLE,
    state: 'proxied',
    proxy: 'a',
    cause: null,
    reason: null,
    fix: null,
  });
  for (const [change, app, wanted] of STATES) {
    const { state, proxy: by, cause, reason, left_s } = told(change, app).apps[0]!.new_connections;
    assert.is(`${state} ${cause}`, wanted);
    assert.equal([by, left_s, reason === null], [null, null, false], wanted);
  }
  const paused = new Map([['skype', 602_000]]);
  const pause = told({ choices: { ...NO_CHOICES, paused } }, { direct: 'paused' });
  assert.equal(pause.apps[0]!.new_connections, {
    state: 'direct',
    proxy: null,
    cause: 'paused',
    reason: 'paused by you for 10 min more',
    fix: 'whp resume skype',
    partly: false,
    left_s: 600,
  });
});

test('open flows of an app: those in the list, or where they are many their number by mark', () => {
  const flowsOf = (change: Partial<StatusInput>, kernel = KERNEL): number =>
    told(change, { slot: 2 }, kernel).apps[0]!.flows;
  const entries = [0x02000012, 0x02000000, 0x01000000, 0].map((mark) => ({ mark }));
  const listing = { ...KERNEL, connections: () => ok(entries as unknown as FlowEntry[]) };
  assert.is(flowsOf({}, listing), 2);
  const marks = new Map([
    [0x02000000, 1500],
    [0x02000012, 500],
    [0x01000000, 7],
  ]);
  assert.is(flowsOf({ marks }), 2000);
  assert.is(flowsOf({}), 0);
});

/** A line of a shell. */
const COMMAND =
  /^(whp|uci|ping|opkg|logread|\/etc\/init\.d\/whp) [^;]+(; (whp|uci|\/etc\/init\.d\/whp) [^;]+)*$/;

test('each problem ends in a command', () => {
  const unlisted: KernelView = { ...KERNEL, connections: () => invalid('read conntrack: refused') };
  const answers = [
    ...STATES.map(([change, app]) => told(change, app)),
    told({ steering: way('blocked') }, { direct: 'paused' }),
    told({}, {}, unlisted),
  ];
  for (const answer of answers) {
    assert.is(answer.state, 'impaired');
    assert.ok(answer.problems.length > 0);
    for (const { text, fix } of answer.problems) assert.match(fix ?? '', COMMAND, text);
  }
  assert.equal(told().problems, []);
  const [first, second] = told({ steering: way('blocked') }).problems;
  assert.equal(first, {
    text: 'is DOWN: probes are not answered',
    place: 'proxy a',
    fix: `ping -c 3 ${proxy.address}; whp test`,
  });
  assert.equal(second, {
    text: 'is REFUSED: no proxy is up (fallback block); to let it go direct for an hour',
    place: 'app skype',
    fix: 'whp pause skype 60',
  });
});

test('a problem that the agent has noted has the command of its topic', () => {
  const topics = ['queue', 'hello', 'announce', 'configuration', 'paths', 'table', 'guard', 'new'];
  for (const { what, fix } of knownProblems(new Map(topics.map((one) => [one, one])))) {
    assert.match(fix ?? '', COMMAND, what);
  }
  // This text has a command of its own.
  const what = 'owner.json cannot be read';
  const fix = 'rm owner.json; whp reload';
  assert.equal(knownProblems(new Map([['aside', `${what}; ${fix}`]])), [{ where: '', what, fix }]);
});

test('a proxy has one state', () => {
  for (const [change, wanted] of [
    [{}, { state: 'up', rtt_ms: 19, mtu_bytes: 1472, reason: null }],
    [{ steering: steered('a', LOST) }, { state: 'down', rtt_ms: null, reason: LOST.reason }],
    [{ steering: steered('a', { state: 'probing', rtt: 0 }) }, { state: 'probing', rtt_ms: null }],
    [{ tunnels: device(false) }, { state: 'no_device', mtu_bytes: null }],
    [{ choices: { ...NO_CHOICES, preferred: 'a' } }, { preferred: true, apps: ['skype'] }],
    [{ configured: [] }, { preferred: false, apps: [] }],
  ] as const) {
    const { proxies } = told(change as Partial<StatusInput>);
    const [one] = proxies;
    const part = Object.fromEntries(Object.keys(wanted).map((key) => [key, one![key as never]]));
    assert.equal(part, wanted);
  }
});

test('the last moves of an app, newest first', () => {
  const steering = steered('a');
  const tunnel = { kind: 'tunnel', proxy: 'a' } as const;
  steering.moved.push(
    { app: 'skype', from: { kind: 'blocked' }, to: tunnel, reason: '', at: 0 },
    { app: 'skype', from: tunnel, to: { kind: 'direct' }, reason: LOST.reason, at: 1000 },
  );
  const app = 'skype';
  assert.equal(told({ steering, now: 4000 }).moves, [
    { app, before: 'a', state: 'direct', proxy: null, reason: LOST.reason, ago_s: 3 },
    { app, before: null, state: 'proxied', proxy: 'a', reason: null, ago_s: 4 },
  ]);
});

test('a device that asks other resolvers is named', () => {
  const directory = new Map([['tv', { macs: [], blocks: ['192.168.1.11'], hosts: [] }]]);
  const names = deviceNames({ directory, hosts: [], neighbours: () => new Map() });
  const state = createState(policyFrom({ resolverBypass: {} }), () => false);
  const keys = [portKey('192.168.1.11', 53)!, portKey('192.168.1.12', 853)!];
  const kernel: KernelView = {
    ...KERNEL,
    readSet: (set) => ok(set.endsWith('6') ? [] : keys.map((key) => ({ key }))),
  };
  const answer = statusAnswer(state, kernel, statusInput(proxy, { names }));
  assert.equal(answer.bypass, [
    { device: 'tv', address: '192.168.1.11', how: ['dns'] },
    { device: null, address: '192.168.1.12', how: ['dot'] },
  ]);
});

test.run();
