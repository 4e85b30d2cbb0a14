// cli/text-status over all states: the first line is the verdict, no line has more than 80 columns, each "!" ends in a
// command that can be copied, and no counter of an engineer is on the screen.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KernelView } from '../../../agent/src/answers/flows.ts';
import {
  type StatusAnswer,
  type StatusInput,
  statusAnswer,
} from '../../../agent/src/answers/status.ts';
import { statusText } from '../../../agent/src/cli/text-status.ts';
import { NO_CHOICES } from '../../../agent/src/policy/choices.ts';
import type { App } from '../../../agent/src/policy/policy.ts';
import { createState } from '../../../agent/src/step/state.ts';
import { ok } from '../../../agent/src/syntax/result.ts';
import { UTC } from '../../../agent/src/syntax/timezone.ts';
import { createHealth } from '../../../agent/src/tunnel/health.ts';
import { type Change, policyFrom, proxy } from '../../fixtures/policies.ts';
import { statusInput, steered } from '../../fixtures/status-input.ts';
import { chosen } from '../../fixtures/surroundings.ts';
import { alarmsOf, flat, isCommands } from '../../lib/alarms.ts';
import { fits } from '../../lib/screen.ts';

const KERNEL: KernelView = { readSet: () => ok([]), countSet: () => 3, connections: () => ok([]) };
const CLOCK = { zone: UTC, wall: Date.UTC(2026, 10, 29, 17, 40) };
const LOST = { state: 'down', reason: 'probes are not answered', since: -4000 } as const;

interface Case {
  readonly input?: Partial<StatusInput>;
  readonly app?: Partial<App>;
  readonly policy?: Change;
  readonly answer?: Partial<StatusAnswer>;
}

function answerOf({ input = {}, app = {}, policy = {}, answer = {} }: Case): StatusAnswer {
  const state = createState(policyFrom({ app, globals: { hold: true }, ...policy }), () => false);
  return { ...statusAnswer(state, KERNEL, statusInput(proxy, input)), ...answer };
}

const way = (kind: 'blocked' | 'direct') => steered('a', LOST, { way: { kind } });
const device = (up: boolean) => [
  { name: 'a', address: proxy.address, device: up, mtu: up ? 1472 : 0 },
];
const paused = (left: number | null): Partial<StatusInput> => ({
  choices: { ...NO_CHOICES, paused: new Map([['skype', left === null ? null : 2000 + left]]) },
});

/** Two proxies: the first dead, the second up and used. */
function second(): Partial<StatusInput> {
  const steering = steered('a', LOST, { way: { kind: 'tunnel', proxy: 'b' } });
  const up = { state: 'up', rtt: 18.4, results: 32 } as const;
  steering.healths.set('b', Object.assign(createHealth('b', 0), up));
  const other = { name: 'b', address: '2001:db8:1234:5678:9abc:def0:1234:5678' };
  return { steering, tunnels: [...device(true), { ...other, device: true, mtu: 1472 }] };
}
const PROXIES = { proxies: [{}, { name: 'b' }], app: { proxies: ['a', 'b'] } };

/** skype as given, echo by its tunnel. */
function two(input: Partial<StatusInput>, skype: Partial<App> = {}): Case {
  const base = input.steering ?? steered('a');
  base.choices.set('echo', chosen('a'));
  return {
    input: { ...input, steering: base },
    policy: { apps: [skype, { name: 'echo', slot: 2 }] },
  };
}

const PORT = {
  cause: 'lan',
  state: 'direct',
  reason: 'lan1 is a port of br-lan',
  device: 'lan1',
} as const;
const BLOCKED = 'skype is REFUSED: no proxy is up (fallback block)';
const ECHO = 'echo leaves by proxy a (198.51.100.7)';

const STATES: Readonly<Record<string, readonly [Case, verdict: string]>> = {
  up: [{}, 'whp works: skype leaves by proxy a (198.51.100.7)'],
  refused: [{ input: { steering: way('blocked') } }, `NOT WORKING: ${BLOCKED}`],
  'fallback direct': [
    { input: { steering: way('direct') } },
    'NOT PROTECTED: skype goes out directly: no proxy is up (fallback direct)',
  ],
  paused: [
    { input: paused(3_600_000), app: { direct: 'paused' } },
    'NOT PROTECTED: skype goes out directly: paused by you until 18:40',
  ],
  'paused over midnight': [
    { input: paused(8 * 3_600_000), app: { direct: 'paused' } },
    'NOT PROTECTED: skype goes out directly: paused by you until Mon 30 Nov 01:40',
  ],
  'paused without end': [
    { input: paused(null), app: { direct: 'paused' } },
    'NOT PROTECTED: skype goes out directly: paused by you until whp resume',
  ],
  'paused while the proxy is dead': [
    { input: { ...paused(60_000), steering: way('blocked') }, app: { direct: 'paused' } },
    'NOT PROTECTED: skype goes out directly: paused by you until 17:41',
  ],
  'outside hours': [
    { app: { direct: 'schedule' } },
    'OUTSIDE ITS HOURS: skype goes out directly, by schedule',
  ],
  'dead proxy, another up': [
    { input: second(), policy: PROXIES },
    'whp works, but see ! below: skype leaves by proxy b',
  ],
  'no lan device': [
    { input: { lanless: true } },
    'NOT PROTECTED: skype goes out directly: no device of list lan exists',
  ],
  'a port of a bridge': [
    {
      input: {
        lan: ['lan1'],
        stops: [PORT],
        problems: [{ where: 'whp.globals.lan', what: PORT.reason, fix: 'uci commit whp' }],
      },
    },
    'NOT PROTECTED: skype goes out directly: lan1 is a port of br-lan',
  ],
  'one of two lan devices': [
    {
      input: {
        lan: ['br-lan', 'lan1'],
        stops: [PORT],
        problems: [{ where: 'whp.globals.lan', what: PORT.reason, fix: 'uci commit whp' }],
      },
    },
    'PARTLY WORKING: skype leaves by proxy a (198.51.100.7), but not all of it: lan1 is a port',
  ],
  'an ip rule before ours': [
    {
      input: {
        stops: [{ cause: 'rule', state: 'refused', reason: 'ip rule 100 comes before ours' }],
        problems: [{ where: 'collision: x', what: 'ip rule 100', fix: 'uci commit whp' }],
      },
    },
    'NOT WORKING: skype is REFUSED: ip rule 100 comes before ours',
  ],
  'a device that DHCP has not met': [
    { app: { macs: ['02:00:00:00:00:11'], unmet: ['ps5'] } },
    'PARTLY WORKING: skype leaves by proxy a (198.51.100.7), but not all of it: no lease and',
  ],
  'no device known': [
    { app: { macs: [] } },
    'NOT PROTECTED: skype goes out directly: none of its devices is known to DHCP yet',
  ],
  'no tunnel device': [
    { input: { tunnels: device(false) } },
    'NOT WORKING: skype is REFUSED: the tunnel device whp-a is missing or down',
  ],
  'no queue module': [
    { input: { ear: 'watched', problems: [{ where: 'kmod-nft-queue', what: 'is missing' }] } },
    'PARTLY PROTECTED: a first packet may leave directly, see ! below',
  ],
  'answers only watched, as configured': [
    { input: { ear: 'watched' }, policy: { globals: { hold: false } } },
    'whp works: skype leaves by proxy a (198.51.100.7)',
  ],
  'table missing, refused': [
    { input: { tableless: 'refused' } },
    'NOT WORKING: skype is REFUSED: the nftables table is missing',
  ],
  'table missing, direct': [
    { input: { tableless: 'direct' } },
    'NOT PROTECTED: skype goes out directly: the nftables table is missing',
  ],
  stuck: [
    { input: { steering: { ...steered('a'), stuck: new Map([['skype', 'no room']]) } } },
    'NOT WORKING: skype is REFUSED: the way through a could not be opened: no room',
  ],
  'stuck, with commands': [
    {
      input: {
        steering: {
          ...steered('a'),
          stuck: new Map([['skype', 'IPv6 is switched off; sysctl -w a=0 b=0; whp reload']]),
        },
      },
    },
    'NOT WORKING: skype is REFUSED: the way through a could not be opened: IPv6 is switched off app',
  ],
  'two apps, one paused': [
    two(paused(60_000), { direct: 'paused' }),
    `NOT PROTECTED: skype goes out directly: paused by you until 17:41 whp resume skype ${ECHO}`,
  ],
  'two apps, one refused': [two({ steering: way('blocked') }), `NOT WORKING: ${BLOCKED} ${ECHO}`],
  'two apps, both up': [two({}), 'whp works: skype, echo leave by proxy a (198.51.100.7)'],
  idle: [{ policy: { apps: [] } }, 'idle: no app is enabled'],
  'no answer of the proxy yet': [
    { input: { steering: steered('a', { state: 'probing', rtt: 0, results: 0 }) } },
    'whp has begun: skype leaves by proxy a (198.51.100.7), which has not answered yet',
  ],
};

for (const [name, [given, verdict]] of Object.entries(STATES)) {
  test(`${name}: the verdict first, 80 columns, a command for each "!"`, () => {
    const answer = answerOf(given);
    const text = statusText(answer, CLOCK);
    fits(text, name);
    const [first = '', ...rest] = flat(text).split(' ');
    assert.is([first, ...rest].join(' ').slice(0, verdict.length), verdict);
    for (const alarm of alarmsOf(text)) {
      assert.ok(alarm.commands.length > 0 && alarm.commands.every(isCommands), flat(text));
    }
    assert.is(alarmsOf(text).length, answer.problems.length, text);
    if (/PROTECTED|NOT WORKING/.test(verdict) && !/paused by you/.test(verdict))
      assert.ok(answer.problems.length > 0, 'what is wrong has a command');
  });
}

test('the first line says the state of each app: no other is good', () => {
  for (const [name, [given, verdict]] of Object.entries(STATES)) {
    const states = answerOf(given).apps.map((one) => one.new_connections.state);
    const isGood = states.length > 0 && states.every((one) => one === 'proxied');
    assert.is(/^(whp |PARTLY)/.test(verdict), isGood, name);
  }
});

test('a healthy home has ten lines at most, and no counter of an engineer', () => {
  const answer = answerOf({ input: { notes: [{ where: '', what: 'retired' }] } });
  const text = statusText(answer, CLOCK);
  assert.ok(text.split('\n').length <= 11, text);
  assert.is(
    text,
    `whp works: skype leaves by proxy a (198.51.100.7)

app    new connections  by  open  learned
skype  proxied          a   0     0 addresses, 12 ports, 6 peers

proxy  address       state  probes
a      198.51.100.7  up     19 ms, 0 % lost

DNS answers are held; 0 packets left outside since boot
whp 0.1.0, up 2 s; 1 note: whp check
`,
  );
  assert.not.match(text, /queries|unreadable|overrun|evidence|matched|resident/);
});

test('each state of a tunnel, and since when it is down', () => {
  for (const [input, wanted] of [
    [{ steering: way('blocked') }, 'DOWN for 6 s  0 % lost'],
    [{ tunnels: device(false) }, 'NO DEVICE  -'],
    [{ steering: steered('a', { state: 'probing', rtt: 0 }) }, 'not answered yet  0 % lost'],
  ] as const) {
    assert.match(statusText(answerOf({ input }), CLOCK), `  ${wanted}\n`);
  }
});

const FLOW = `tcp [2001:db8:${'1234:'.repeat(5)}1]:50000 [2603:1010:${'abcd:'.repeat(5)}1]:443`;
const flow = { flow: FLOW, protocol: 'tcp', source: '', destination: '' };
const ports = { source_port: 1, destination_port: 2, device: null };

test('what left outside, what asks other resolvers, and what nobody counts are alarms', () => {
  const last = { ...flow, ...ports, evidence: 'peer', detail: 'a peer of it', ago_s: 130 };
  const outside = { stands: true, samples_flows: true };
  const one = { app: 'skype', packets: 3, bytes: 9, last, late: null };
  const answer = answerOf({
    answer: {
      outside: { ...outside, apps: [one] } as never,
      bypass: [
        { device: 'tv', address: '192.168.1.11', how: ['dns', 'dot', 'doh'] },
        { device: null, address: '192.168.1.12', how: ['dns'] },
      ],
    },
  });
  const text = statusText(answer, CLOCK);
  fits(text);
  const [left, asks, ...more] = alarmsOf(text);
  assert.equal(more, []);
  const where = `last 2 min ago: ${FLOW} (a peer of it)`;
  assert.is(left?.text, `3 packets of skype left outside since boot, ${where}`);
  assert.equal(left?.commands, ['whp audit 5']);
  assert.match(asks?.text ?? '', 'tv (192.168.1.11) asks other resolvers (DNS, DoT or DoQ, DoH)');
  assert.equal(asks?.commands, [
    "uci set whp.globals.dns_reject_dot='1'",
    "uci set whp.globals.dns_reject_doh='1'",
    'uci commit whp',
    'whp reload',
  ]);
  assert.match(text, /^192\.168\.1\.12 asks other resolvers \(DNS\)$/m);
  assert.not.match(text, /0 packets left outside/);
  const unmetered = statusText(
    answerOf({ answer: { outside: { ...outside, stands: false, apps: [one] } as never } }),
    CLOCK,
  );
  assert.equal(
    alarmsOf(unmetered).map(({ commands }) => commands[0]),
    ['whp audit 5', 'whp reload'],
  );
});

test('what is said only when there is something to say: in words, with the right plural', () => {
  const zero = { full: 0, cut: 0, refused: 0, unasked: 0, lost: 0, waiting: 0 };
  const said = (answer: Partial<StatusAnswer>): string => {
    const text = statusText(answerOf({ answer }), CLOCK);
    fits(text);
    return flat(text);
  };
  assert.match(said({ pins: 1 }), '1 pinned address: whp pin');
  assert.match(said({ pins: 2 }), '2 pinned addresses: whp pin');
  assert.match(said({ preferred_proxy: 'a' }), 'proxy a alone, until whp proxy use auto');
  const counters = { ...answerOf({}).counters, ...zero };
  assert.not.match(said({ counters }), /DNS answers for applications|faster/);
  const many = { ...counters, refused: 3, unasked: 2, waiting: 40, cut: 1, full: 2, lost: 1 };
  assert.match(
    said({ counters: many }),
    'applications: 3 refused (2 unasked), 40 still to be learned, 1 copied in part, 2 times more',
  );
  assert.match(said({ counters: many }), 'faster than the agent could read them: 1 time ');
  const late = {
    flows: 1,
    packets: 1,
    bytes: 2000,
    last: { ...flow, ...ports, packets: 1, ago_s: 9 },
  };
  const apps = [{ app: 'skype', packets: 0, bytes: 0, last: null, late }];
  const outside = { stands: true, samples_flows: false, apps } as never;
  assert.match(
    said({ outside }),
    `1 packet (2.0 KiB) of a flow of skype had left before the evidence came, last 9 s ago: 1 of ${FLOW}`,
  );
  assert.match(said({ outside }), 'by the first packets of flows (nf_conntrack_acct is 0)');
  const suspects = [`skype: supernode 192.0.2.1 has sent ${'many '.repeat(30)}requests`];
  const silent = [{ text: 'no packet seen on br-lan for 25 min', fix: 'ifconfig br-lan' }];
  assert.match(said({ suspects, silent }), 'br-lan for 25 min ifconfig br-lan');
});

test.run();
