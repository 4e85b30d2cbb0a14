// Aliases: names that an app's names lead to in one answer or several (CNAME, DNAME, HTTPS, SVCB, SRV, NAPTR).
// The device that got the alias asks for it next, and the answer's addresses are the app's.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { monitorAnswer } from '../../../agent/src/answers/monitor.ts';
import { whyAnswer } from '../../../agent/src/answers/why.ts';
import { monitorText } from '../../../agent/src/cli/text.ts';
import type { Effect } from '../../../agent/src/learn/effect.ts';
import { glanceAt } from '../../../agent/src/learn/observe-dns.ts';
import type { Policy } from '../../../agent/src/policy/policy.ts';
import { homePrefixes } from '../../../agent/src/replay/direction.ts';
import { replayCapture } from '../../../agent/src/replay/replay.ts';
import { createState, type State } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { ok } from '../../../agent/src/syntax/result.ts';
import { concat, span, u16be } from '../../fixtures/bytes.ts';
import { answerTo, queryFor, type WireRecord, wireName, withLength } from '../../fixtures/dns.ts';
import { askedEvents } from '../../fixtures/dns-events.ts';
import { tcp, udp } from '../../fixtures/packets.ts';
import { captureOf, type Timed } from '../../fixtures/pcap.ts';
import { tcp4 } from '../../fixtures/plain-packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { profile } from '../../fixtures/profile.ts';
import { NAMELESS, surroundings } from '../../fixtures/surroundings.ts';

const ROUTER = '192.168.1.1';
const DEVICE = '192.168.1.11';
const OTHER = '192.168.1.12';

const entries = (...values: string[]) =>
  values.map((value) => ({ value, evidence: 'capture' as const }));

const policyOf = (...except: string[]): Policy =>
  policyFrom({
    globals: { hold: true },
    profile: {
      ranges: [],
      dns: { names: [], suffixes: entries('skype.com'), patterns: [], except: entries(...except) },
    },
  });
const policy = policyOf();

const fresh = (by = policy): State => createState(by, (address) => address === ROUTER);

const a = (name: string, last = 9): WireRecord => ({ name, type: 1, rdata: [203, 0, 113, last] });
const aaaa = (name: string, last: number): WireRecord => ({
  name,
  type: 28,
  rdata: [0x2a, 1, ...new Array(13).fill(0), last],
});
const cname = (name: string, target: string, ttl = 300): WireRecord => ({
  name,
  type: 5,
  ttl,
  rdata: wireName(target),
});
const dname = (name: string, target: string): WireRecord => ({
  name,
  type: 39,
  rdata: wireName(target),
});
const srv = (name: string, target: string): WireRecord => ({
  name,
  type: 33,
  rdata: concat([0, 10, 0, 5, 0x13, 0xc4], wireName(target)),
});
const service = (name: string, priority: number, target: string, type = 65): WireRecord => ({
  name,
  type,
  rdata: concat(u16be(priority), wireName(target)),
});
const naptr = (name: string, flag: string, target: string): WireRecord => ({
  name,
  type: 35,
  rdata: concat(
    [0, 1, 0, 2, flag.length],
    [...flag].map((one) => one.charCodeAt(0)),
    [0, 0],
    wireName(target),
  ),
});

/** The MAC stands for the device's addresses of both families. */
const MACS: { readonly [device: string]: string } = {
  [DEVICE]: '02:00:00:00:00:0b',
  [OTHER]: '02:00:00:00:00:0c',
};

interface Asked {
  readonly device?: string;
  readonly now?: number;
}

function hear(state: State, message: Uint8Array, { device = DEVICE, now = 1000 }: Asked = {}) {
  const bytes = udp({ src: ROUTER, dst: device, sport: 53, dport: 40000 }, message);
  const [query, answer] = askedEvents(bytes, { mac: MACS[device] ?? null });
  step(state, query, now);
  return step(state, answer, now);
}

function ask(state: State, name: string, { device = DEVICE, now = 1000 }: Asked = {}) {
  const bytes = udp({ src: device, dst: ROUTER, sport: 40000, dport: 53 }, queryFor(name));
  return step(state, { kind: 'query', age: 0, mac: null, ...span(bytes) }, now);
}

/** The last bytes of the addresses added to sets: for all devices, or for one device, which has two
 * elements: by MAC and by address. */
const taught = (effects: readonly Effect[]): number[] => {
  const last = effects.flatMap((one) =>
    one.kind === 'renew' && !one.set.includes('_portmap')
      ? one.elements.map(({ key }) => key.at(-1)!)
      : [],
  );
  return Array.from(new Set(last));
};
const verdict = (effects: readonly Effect[]) => effects.at(-1)?.kind;

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]];
  return list.flatMap((one, i) =>
    permutations([...list.slice(0, i), ...list.slice(i + 1)]).map((rest) => [one, ...rest]),
  );
}

test('in one message every kind of chain teaches, in any order of its records', () => {
  const shapes: {
    readonly what: string;
    readonly question: string;
    readonly answers: WireRecord[];
    readonly additionals: WireRecord[];
  }[] = [
    {
      what: 'CNAMEs',
      question: 'conn.skype.com',
      answers: [cname('conn.skype.com', 'b.x.net'), cname('b.x.net', 'c.x.net'), a('c.x.net')],
      additionals: [],
    },
    {
      what: 'SRV with its addresses',
      question: '_sip._udp.skype.com',
      answers: [srv('_sip._udp.skype.com', 'sip1.x.net'), srv('_sip._udp.skype.com', 'sip2.x.net')],
      additionals: [a('sip1.x.net'), aaaa('sip2.x.net', 9)],
    },
    {
      what: 'HTTPS with a target and its addresses',
      question: 'conn.skype.com',
      answers: [service('conn.skype.com', 1, 'svc.x.net')],
      additionals: [cname('svc.x.net', 'pool.x.net'), a('pool.x.net')],
    },
    {
      what: 'AliasMode, then SVCB, then the address',
      question: '_dns.skype.com',
      answers: [
        service('_dns.skype.com', 0, 'alias.x.net', 64),
        service('alias.x.net', 1, 'svc.x.net', 64),
      ],
      additionals: [a('svc.x.net')],
    },
    {
      what: 'DNAME with the CNAME made from it',
      question: 'www.shop.example',
      answers: [
        cname('www.shop.example', 'eu.skype.com'),
        dname('skype.com', 'x.net'),
        cname('eu.skype.com', 'eu.x.net'),
        a('eu.x.net'),
      ],
      additionals: [],
    },
    {
      what: 'DNAME without it',
      question: 'www.shop.example',
      answers: [
        cname('www.shop.example', 'eu.skype.com'),
        dname('skype.com', 'x.net'),
        a('eu.x.net'),
      ],
      additionals: [],
    },
    {
      what: 'NAPTR, SRV and address',
      question: 'skype.com',
      answers: [naptr('skype.com', 'S', '_sip._udp.x.net')],
      additionals: [srv('_sip._udp.x.net', 'sip1.x.net'), a('sip1.x.net')],
    },
  ];
  for (const { what, question, answers, additionals } of shapes) {
    for (const order of permutations(answers)) {
      for (const along of permutations(additionals)) {
        const addresses = new Set(taught(hear(fresh(), answerTo(question, order, along))));
        assert.equal([...addresses], [9], what);
      }
    }
  }
});

test('the name that an answer leads to is asked for next, and teaches what it is told', () => {
  const steps: [string, string, Uint8Array[]][] = [
    ['CNAME alone', 'edge.x.net', [answerTo('api.skype.com', [cname('@12', 'edge.x.net')])]],
    [
      'CNAME by CNAME',
      'three.x.net',
      [
        answerTo('API.Skype.com', [cname('@12', 'one.x.net')]),
        answerTo('one.X.net', [cname('@12', 'two.x.net')]),
        answerTo('two.x.net', [cname('@12', 'Three.x.net')]),
      ],
    ],
    ['SRV', 'sip9.x.net', [answerTo('_sip._udp.skype.com', [srv('@12', 'sip9.x.net')])]],
    [
      'HTTPS without a hint',
      'svc.x.net',
      [answerTo('skype.com', [service('@12', 1, 'svc.x.net')])],
    ],
    [
      'AliasMode',
      'svc.x.net',
      [
        answerTo('skype.com', [service('@12', 0, 'alias.x.net')]),
        answerTo('alias.x.net', [service('@12', 1, 'svc.x.net')]),
      ],
    ],
    ['DNAME', 'eu.x.net', [answerTo('eu.skype.com', [dname('skype.com', 'x.net')])]],
    [
      'NAPTR to SRV',
      'sip1.x.net',
      [
        answerTo('skype.com', [naptr('@12', 's', '_sip._udp.x.net')]),
        answerTo('_sip._udp.x.net', [srv('@12', 'sip1.x.net')]),
      ],
    ],
    [
      'NAPTR to an address',
      'relay.x.net',
      [answerTo('skype.com', [naptr('@12', 'A', 'relay.x.net')])],
    ],
    [
      'NAPTR to NAPTR',
      'relay.x.net',
      [
        answerTo('skype.com', [naptr('@12', '', 'next.x.net')]),
        answerTo('next.x.net', [naptr('@12', 'a', 'relay.x.net')]),
      ],
    ],
    [
      'a target of the additional section',
      'pool.x.net',
      [answerTo('skype.com', [service('@12', 1, 'svc.x.net')], [cname('svc.x.net', 'pool.x.net')])],
    ],
  ];
  for (const [what, name, answers] of steps) {
    const state = fresh();
    assert.equal(taught(hear(state, answerTo(name, [a('@12')]))), [], `${what}: not before`);
    for (const message of answers) assert.is(verdict(hear(state, message)), 'release', what);
    const other = hear(state, answerTo(name, [a('@12')]), { device: OTHER });
    assert.equal(taught(other), [], `${what}: not for another device`);
    assert.equal(taught(hear(state, answerTo(name, [a('@12')]))), [9], what);
    assert.equal(taught(hear(state, answerTo(name, [aaaa('@12', 7)]))), [7], `${what}: AAAA`);
    const long = answerTo(name, [cname('@12', 'end.y.net'), a('end.y.net', 8)]);
    assert.equal(taught(hear(state, long)), [8], `${what}: and what stands behind it`);
    const below = answerTo(`x.${name}`, [a('@12', 6)]);
    assert.equal(taught(hear(state, below)), [], `${what}: the name alone`);
  }
});

test('a query for such a name opens the window as the name itself does, for that device', () => {
  const state = fresh();
  const sets = (effects: readonly Effect[]) =>
    effects.flatMap((one) => (one.kind === 'renew' ? [one.set] : []));
  assert.equal(sets(ask(state, 'edge.x.net')), []);
  hear(state, answerTo('api.skype.com', [cname('@12', 'edge.x.net')]));
  assert.equal(sets(ask(state, 'edge.x.net', { device: OTHER })), []);
  assert.equal(sets(ask(state, 'Edge.x.net')), ['skype_portmap4']);
});

test('over TCP as over UDP', () => {
  const state = fresh();
  const over = (message: Uint8Array, port: number) => {
    const ends = [[192, 168, 1, 1], 53, [192, 168, 1, 11], port] as const;
    const start = tcp4(...ends, 0, new Uint8Array(0), 0x12);
    step(state, { kind: 'answer', id: 1, outside: false, heard: null, ...span(start) }, 1000);
    const bytes = tcp4(...ends, 1, withLength(message));
    return step(
      state,
      { kind: 'answer', id: 1, outside: false, heard: null, ...span(bytes) },
      1000,
    );
  };
  over(answerTo('api.skype.com', [cname('@12', 'edge.x.net')]), 40000);
  assert.equal(taught(over(answerTo('edge.x.net', [a('@12')]), 40001)), [9]);
});

test('a device that is led to a name over IPv4 and asks for it over IPv6 is the same device', () => {
  const state = fresh();
  const mac = '02:00:00:00:00:0b';
  const over6 = { src: 'fd00::1', dst: 'fd00::b', sport: 53, dport: 40001 };
  const hear6 = (message: Uint8Array) =>
    step(
      state,
      { kind: 'answer', id: 1, outside: false, heard: null, ...span(udp(over6, message)) },
      1000,
    );
  const ask6 = (name: string, by: string | null) => {
    const bytes = udp({ src: 'fd00::b', dst: 'fd00::1', sport: 40001, dport: 53 }, queryFor(name));
    return step(state, { kind: 'query', age: 0, mac: by, ...span(bytes) }, 9000);
  };
  const four = udp(
    { src: DEVICE, dst: ROUTER, sport: 40000, dport: 53 },
    queryFor('api.skype.com'),
  );
  step(state, { kind: 'query', age: 0, mac, ...span(four) }, 1000);
  hear(state, answerTo('api.skype.com', [cname('@12', 'edge.x.net')]));
  assert.equal(
    taught(hear6(answerTo('edge.x.net', [a('@12')]))),
    [],
    'not known as the device yet',
  );
  assert.equal(ask6('edge.x.net', '02:00:00:00:00:0c'), [], 'another device');
  const asked = ask6('edge.x.net', mac).flatMap((one) => (one.kind === 'renew' ? [one.set] : []));
  assert.equal(asked, ['skype_portmapmac']);
  assert.equal(taught(hear6(answerTo('edge.x.net', [a('@12')]))), [9]);
});

test('it counts for the TTL, within the profile’s bounds', () => {
  const state = fresh();
  const { ttlMinimumSeconds } = profile.endpoints;
  hear(state, answerTo('api.skype.com', [cname('@12', 'edge.x.net', 1)]), { now: 0 });
  const at = (now: number) => taught(hear(state, answerTo('edge.x.net', [a('@12')]), { now }));
  assert.equal(at(ttlMinimumSeconds * 1000), [9]);
  assert.equal(at(ttlMinimumSeconds * 1000 + 60_000), []);
  step(state, { kind: 'tick' }, ttlMinimumSeconds * 1000 + 60_000);
  assert.is(state.observer.aliases.count, 0);
});

test('sixteen names one behind the other are followed; what goes on behind them is refused', () => {
  const state = fresh();
  const name = (number: number) => (number === 0 ? 'api.skype.com' : `n${number}.x.net`);
  for (let i = 0; i < 16; i++) {
    const effects = hear(state, answerTo(name(i), [cname('@12', name(i + 1))]), { now: i * 200 });
    assert.is(verdict(effects), 'release', `${i}`);
  }
  assert.equal(taught(hear(state, answerTo(name(16), [a('@12')]), { now: 9000 })), [9]);
  const more = hear(state, answerTo(name(16), [cname('@12', name(17))]), { now: 9000 });
  assert.is(verdict(more), 'refuse');
  const wide = Array.from({ length: 65 }, (_, i) => srv('@12', `s${i}.x.net`));
  const all = hear(state, answerTo('_sip._udp.skype.com', wide), { now: 9000 });
  assert.is(verdict(all), 'refuse');
});

test('no root, no top level and no name that is kept direct becomes an application’s', () => {
  const state = fresh(policyOf('kept.x.net'));
  for (const target of ['', 'net', 'kept.x.net', 'www.kept.x.net']) {
    hear(state, answerTo('api.skype.com', [cname('@12', target)]));
  }
  assert.is(state.observer.aliases.count, 0);
  hear(state, answerTo('api.skype.com', [cname('@12', 'x.net')]));
  assert.is(state.observer.aliases.count, 2, 'by the address and by the MAC');
});

test('another policy keeps the names that are still led to by an application’s', () => {
  const state = fresh();
  hear(state, answerTo('api.skype.com', [cname('@12', 'edge.x.net')]));
  hear(state, answerTo('old.skype.com', [cname('@12', 'gone.x.net')]));
  hear(state, answerTo('new.skype.com', [cname('@12', 'kept.x.net')]));
  const next = createState(policyOf('old.skype.com', 'kept.x.net'), () => false, state);
  assert.equal(Array.from(next.observer.aliases.byDevice.get(DEVICE)!.keys()), ['edge.x.net']);
  assert.equal(taught(hear(next, answerTo('edge.x.net', [a('@12')]))), [9]);
});

test('names in the authority or additional section of somebody else’s answer teach nothing', () => {
  const state = fresh();
  const foreign = (authorities: WireRecord[], additionals: WireRecord[]) => {
    const bytes = answerTo('www.example.org', [a('@12')], [...authorities, ...additionals]);
    bytes[9] = authorities.length;
    bytes[11] = additionals.length;
    return bytes;
  };
  const messages = [
    foreign([], [a('api.skype.com', 1), cname('conn.skype.com', 'edge.x.net'), a('edge.x.net', 2)]),
    foreign([cname('api.skype.com', 'edge.x.net'), a('skype.com', 1)], []),
    foreign([], [srv('_sip._udp.skype.com', 'www.example.org')]),
    foreign([], [cname('www.example.org', 'api.skype.com'), a('api.skype.com', 3)]),
  ];
  for (const message of messages) {
    assert.equal(hear(state, message), [{ kind: 'release', id: 1 }]);
    // Beside an answer for the app's own name such targets are no aliases either.
    const own = answerTo(
      'ui.skype.com',
      [a('@12', 5)],
      [a('bank.example', 6), cname('bank.example', 'y.net')],
    );
    assert.equal(taught(hear(fresh(), own)), [5]);
  }
  assert.is(state.observer.aliases.count, 0);
});

test('what is unrelated is seen at a glance, aliases or not', () => {
  const state = fresh();
  hear(state, answerTo('api.skype.com', [cname('@12', 'e1.cdn.net')]));
  const glance = (device: string, name: string, now = 1000) => {
    const bytes = udp(
      { src: ROUTER, dst: device, sport: 53, dport: 40000 },
      answerTo(name, [a('@12')]),
    );
    return glanceAt(state.observer, bytes, 0, bytes.length, now);
  };
  assert.is(glance(DEVICE, 'e1.cdn.net'), 'matched');
  assert.is(glance(DEVICE, 'E1.CDN.net'), 'matched');
  assert.is(glance(DEVICE, 'e2.cdn.net'), 'unrelated');
  assert.is(glance(OTHER, 'e1.cdn.net'), 'unrelated');
  assert.is(glance(DEVICE, 'e1.cdn.net', 1e9), 'unrelated');
  const six = udp(
    { src: 'fd00::1', dst: 'fd00::b', sport: 53, dport: 40000 },
    answerTo('api.skype.com', [cname('@12', 'e6.cdn.net')]),
  );
  step(state, { kind: 'answer', id: 1, outside: false, heard: null, ...span(six) }, 1000);
  const next = udp(
    { src: 'fd00::1', dst: 'fd00::b', sport: 53, dport: 40000 },
    answerTo('e6.cdn.net', [a('@12')]),
  );
  assert.is(glanceAt(state.observer, next, 0, next.length, 1000), 'matched');
});

test('an application that is led away and connects at once is proxied, and why says the chain', () => {
  const home = homePrefixes([]);
  if (!home.ok) throw new Error('no prefixes');
  const query = (name: string) =>
    udp({ src: DEVICE, dst: ROUTER, sport: 40000, dport: 53 }, queryFor(name));
  const answer = (message: Uint8Array) =>
    udp({ src: ROUTER, dst: DEVICE, sport: 53, dport: 40000 }, message);
  const packets: Timed[] = [
    query('api.skype.com'),
    answer(answerTo('api.skype.com', [cname('@12', 'e1.cdn.net')])),
    query('e1.cdn.net'),
    answer(answerTo('e1.cdn.net', [a('@12')])),
    tcp({ src: DEVICE, dst: '203.0.113.9', sport: 50000, dport: 443 }, 'S'),
  ].map((packet, i): Timed => [i / 100, packet]);
  const { flows } = replayCapture(captureOf(packets), policy, home.value);
  assert.equal(
    flows.map(({ app, detail }) => [app, detail]),
    [
      [
        'skype',
        `e1.cdn.net, to which api.skype.com led, is 203.0.113.9 for ${DEVICE}, said ${ROUTER}`,
      ],
    ],
  );
});

test('why and monitor say which name led to which', () => {
  const state = fresh();
  const lines = [
    answerTo('api.skype.com', [cname('@12', 'e1.cdn.net')]),
    answerTo('e1.cdn.net', [a('@12')]),
  ].flatMap((message) =>
    hear(state, message).flatMap((one) =>
      one.kind === 'monitor' ? [monitorText(monitorAnswer(one.event, NAMELESS))] : [],
    ),
  );
  assert.equal(lines, [
    `skype dns api.skype.com asked by ${DEVICE}: e1.cdn.net next (5 min)\n`,
    `skype dns e1.cdn.net, to which api.skype.com led, asked by ${DEVICE}:\n  203.0.113.9 (5 min)\n`,
  ]);
  const kernel = { readSet: () => ok([]), countSet: () => 0, connections: () => ok([]) };
  const why = (name: string) => {
    const said = whyAnswer(state, kernel, name, surroundings());
    if (!said.ok) throw new Error(said.what);
    return said.value;
  };
  assert.equal(why('e1.cdn.net').reasons, [
    `for ${DEVICE} it is skype's: api.skype.com led to it; 5 min left`,
    `203.0.113.9 was learned from it, for ${DEVICE}; 5 min left`,
  ]);
  assert.equal(why('api.skype.com').reasons, [
    `203.0.113.9 was learned from e1.cdn.net, to which it led, for ${DEVICE}; 5 min left`,
  ]);
  assert.is(why('e2.cdn.net').verdict, 'direct: no profile and no rule has this name');
});

test.run();
