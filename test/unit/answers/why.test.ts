// answers/why: the verdict is about a new flow; older evidence, ports, devices, families and the owner's
// choices change it. The kernel is a map of sets here; test/netns/truth compares the verdicts with a real
// kernel.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { flowAnswers, type KernelView, learnedAnswer } from '../../../agent/src/answers/flows.ts';
import type { FlowEntry, Present } from '../../../agent/src/answers/now.ts';
import { whyAnswer } from '../../../agent/src/answers/why.ts';
import type { Surroundings, WhyAnswer } from '../../../agent/src/answers/why-parts.ts';
import { findEndpoint } from '../../../agent/src/learn/endpoints.ts';
import { ownRange } from '../../../agent/src/policy/build-rules.ts';
import { markOf } from '../../../agent/src/policy/marks.ts';
import type { Policy } from '../../../agent/src/policy/policy.ts';
import { pairKey, portKey } from '../../../agent/src/ruleset/elements.ts';
import { createState, type State } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { invalid, ok } from '../../../agent/src/syntax/result.ts';
import { byteString } from '../../../agent/src/wire/hex.ts';
import { answerTo } from '../../fixtures/dns.ts';
import { askedEvents } from '../../fixtures/dns-events.ts';
import { udp } from '../../fixtures/packets.ts';
import { policy, policyFrom } from '../../fixtures/policies.ts';
import { chosen, NAMELESS, surroundings } from '../../fixtures/surroundings.ts';

const DEVICE = '192.168.1.10';
const NODE = '111.221.74.20';
const PEER = '198.51.100.40';
const LEARNED = '198.51.100.8';
const NOW = 10_000;

function around(change: Parameters<typeof surroundings>[0] = {}): Surroundings {
  return surroundings({
    now: NOW,
    choices: new Map([['skype', chosen('a')]]),
    up: new Set(['a']),
    hosts: [{ mac: '02:00:00:00:00:10', address: DEVICE, name: 'tv' }],
    isHome: (address) => address.startsWith('192.168.1.'),
    ...change,
  });
}

const STUCK = new Map([['skype', 'read connections: the list was cut short']]);
const DIRECT = new Map([['skype', { kind: 'direct' as const }]]);

/** Where the app's flows go. */
function by(kind: 'blocked' | 'direct'): Pick<Present, 'choices'> {
  const choice = around().choices.get('skype')!;
  return { choices: new Map([['skype', { ...choice, way: { kind } }]]) };
}

function kernelOf(
  sets: { readonly [name: string]: readonly Uint8Array[] } = {},
  flows: readonly FlowEntry[] = [],
): KernelView {
  return {
    readSet: (set, _most, wanted) =>
      ok(
        (sets[set] ?? [])
          .filter((key) => wanted === null || wanted === undefined || wanted(byteString(key)))
          .map((key) => ({ key, expiration: 60_000 })),
      ),
    countSet: (set) => (sets[set] ?? []).length,
    connections: () => ok(flows),
  };
}

function learnedState(of: Policy = policy): State {
  const state = createState(of, () => false);
  const record = { name: 'ui.skype.com', type: 1, ttl: 60, rdata: [198, 51, 100, 8] };
  const message = answerTo('ui.skype.com', [record]);
  const bytes = udp({ src: '192.168.1.1', dst: DEVICE, sport: 53, dport: 5000 }, message);
  for (const event of askedEvents(bytes)) step(state, event, 1000);
  return state;
}

function why(
  query: string,
  where = around(),
  kernel = kernelOf(),
  state: State = learnedState(),
): WhyAnswer {
  const answer = whyAnswer(state, kernel, query, where);
  if (!answer.ok) throw new Error(answer.what);
  return answer.value;
}

const flow = (to: string, port: number, from = 50000): string =>
  `udp ${DEVICE}:${from} ${to}:${port}`;

test('a range holds for its ports: a flow to another port is direct', () => {
  assert.is(why(flow(NODE, 40011)).state, 'proxied');
  assert.is(why(flow(NODE, 9)).state, 'direct');
  assert.match(
    why(NODE).verdict,
    /^proxied: it is skype's where the lines below say so, by proxy a$/,
  );
  assert.is(why(`icmp ${DEVICE} ${NODE}`).state, 'direct');
  assert.is(why(`icmp ${DEVICE} ${LEARNED}`).state, 'proxied');
});

test('without an app the reason is that none is enabled, not that no profile knows the address', () => {
  const state = createState({ ...policy, apps: [] }, () => false);
  for (const query of [NODE, flow(NODE, 40011), 'ui.skype.com'])
    assert.match(why(query, around(), kernelOf(), state).verdict, /^direct: no app is enabled/);
  assert.match(why('192.168.9.9', around(), kernelOf(), state).verdict, /no address of the public/);
});

test('a port and a peer of the device’s MAC speak for it at whatever address, unless a router has it', () => {
  const mac = '02:00:00:00:00:10';
  const kernel = kernelOf({
    skype_udpmac: [portKey(mac, 13021)!],
    skype_peermac4: [pairKey(mac, '203.0.113.77')!],
  });
  assert.is(why(flow('203.0.113.7', 9, 13021), around(), kernel).state, 'proxied');
  assert.is(why(flow('203.0.113.77', 9), around(), kernel).state, 'proxied');
  assert.is(why(flow('203.0.113.78', 9), around(), kernel).state, 'direct');
  const routed = learnedState();
  routed.gateways.add(mac);
  assert.is(why(flow('203.0.113.7', 9, 13021), around(), kernel, routed).state, 'direct');
  const unknown = around({ macOf: () => null });
  assert.is(why(flow('203.0.113.77', 9), unknown, kernel).state, 'direct');
});

test('an address by DNS holds until its time is over, whatever was announced of it', () => {
  const state = learnedState();
  assert.is(
    why(LEARNED, around(), kernelOf(), state).verdict,
    "proxied: it is skype's, by proxy a",
  );
  const bytes = udp({ src: DEVICE, dst: LEARNED, sport: 50000, dport: 443 });
  const event = {
    kind: 'evidence',
    mac: null,
    prefix: 'whp:addr:skype',
    bytes,
    offset: 0,
  } as const;
  step(state, { ...event, end: bytes.length }, 2000);
  const later = why(LEARNED, around({ now: 1_000_000 }), kernelOf(), state);
  assert.equal([later.state, later.reasons.length], ['direct', 1]);
  assert.match(later.reasons[0]!, /16 min ago/);
});

test('ports and peers hold for their device', () => {
  const kernel = kernelOf({
    skype_udp4: [portKey(DEVICE, 13021)!],
    skype_peer4: [pairKey(DEVICE, PEER)!],
  });
  assert.is(why(flow('198.51.100.99', 7000, 13021), around(), kernel).state, 'proxied');
  assert.is(why(flow('198.51.100.99', 7000, 13022), around(), kernel).state, 'direct');
  assert.is(why(`tcp ${DEVICE}:13021 198.51.100.99:7000`, around(), kernel).state, 'direct');
  assert.is(why(flow(PEER, 7000), around(), kernel).state, 'proxied');
  assert.is(why(`udp 192.168.1.99:50000 ${PEER}:7000`, around(), kernel).state, 'direct');
  assert.match(why(PEER, around(), kernel).verdict, /where the lines below say so/);
});

test('from outside: refused at a port or from a peer of the application', () => {
  const kernel = kernelOf({
    skype_udp4: [portKey(DEVICE, 13021)!],
    skype_peer4: [pairKey(DEVICE, PEER)!],
  });
  const ask = (query: string, state = learnedState()): WhyAnswer =>
    why(query, around(), kernel, state);
  assert.match(
    ask(`udp 198.51.100.99:7000 ${DEVICE}:13021`).verdict,
    /^REFUSED: a new flow from outside/,
  );
  assert.is(ask(`tcp ${PEER}:7000 ${DEVICE}:80`).state, 'refused');
  assert.is(ask(`udp 198.51.100.99:7000 ${DEVICE}:13022`).state, 'direct');
  const paused = learnedState(policyFrom({ app: { direct: 'paused' } }));
  assert.is(ask(`udp ${PEER}:7000 ${DEVICE}:13021`, paused).state, 'direct');
});

test('what cannot be read is not known, and never direct', () => {
  const deaf: KernelView = {
    ...kernelOf(),
    readSet: () => invalid('read set: Operation not permitted'),
  };
  const answer = why(PEER, around(), deaf);
  assert.equal(
    [answer.state, answer.verdict],
    ['unknown', 'not known: read set: Operation not permitted'],
  );
  // What the agent knows by itself holds.
  assert.is(why(LEARNED, around(), deaf).state, 'proxied');
  const blind: KernelView = {
    ...kernelOf(),
    connections: () => invalid('read conntrack: refused'),
  };
  assert.equal(
    flowAnswers(learnedState(), blind, around(), NAMELESS),
    invalid('read conntrack: refused'),
  );
});

test('refused and direct, with the reason', () => {
  for (const [where, state, verdict] of [
    [by('blocked'), 'refused', /^REFUSED now: it is skype's; no proxy is up \(fallback block\)/],
    [by('direct'), 'direct', /^DIRECT now: it is skype's; no proxy is up \(fallback direct\)/],
    [{ up: new Set<string>() }, 'refused', /^REFUSED now: .*; the tunnel device whp-a is missing/],
    [{ stuck: STUCK }, 'refused', /the way through a could not be opened: read connections/],
    [{ stuck: STUCK, ...by('direct') }, 'refused', /the way past the proxies could not be opened/],
    [{ stuck: STUCK, open: DIRECT }, 'direct', /^DIRECT now: .*could not be moved to proxy a/],
    [{ tableless: 'refused' as const }, 'refused', /the nftables table is missing/],
    [{ tableless: 'direct' as const }, 'direct', /^DIRECT now: .*the nftables table is missing/],
  ] as const) {
    const answer = why(LEARNED, around(where));
    assert.is(answer.state, state);
    assert.match(answer.verdict, verdict);
  }
  const paused = learnedState(policyFrom({ app: { direct: 'paused' } }));
  const until = { paused: new Map([['skype', NOW + 90_000]]), ...by('blocked') };
  const answer = why(LEARNED, around(until), kernelOf(), paused);
  assert.match(answer.verdict, /^DIRECT now: it is skype's; paused by you for 90 s more$/);
});

test('a proxy without IPv6 refuses it', () => {
  const pins = ownRange(['2a01::7', LEARNED], ['tcp', 'udp'], [[0, 65535]], 'pinned by you');
  const of = (offers: boolean): State =>
    createState(
      policyFrom({
        app: { pins },
        proxy: offers ? { inner6: { local: 'fd00::1', remote: 'fd00::2' } } : {},
      }),
      () => false,
    );
  assert.is(why('2a01::7', around(), kernelOf(), of(true)).state, 'proxied');
  const proxies = of(true).policy.proxies.map(({ inner6: _six, ...rest }) => rest);
  const four = createState({ ...of(true).policy, proxies }, () => false);
  assert.match(why('2a01::7', around(), kernelOf(), four).verdict, /proxy a offers no IPv6/);
  assert.is(why(LEARNED, around(), kernelOf(), four).state, 'proxied');
});

test('an app that is for some devices: yes, no, and not known', () => {
  const state = learnedState(policyFrom({ app: { macs: ['02:00:00:00:00:10'] } }));
  const ask = (query: string): WhyAnswer => why(query, around(), kernelOf(), state);
  assert.is(ask(flow(LEARNED, 443)).state, 'proxied');
  const unknown = ask(`udp 192.168.1.77:50000 ${LEARNED}:443`);
  assert.equal([unknown.state, unknown.app], ['unknown', 'skype']);
  assert.match(unknown.verdict, /^not known: skype is for its devices alone, and the MAC of 192/);
  assert.match(unknown.reasons.join(), /the MAC of 192\.168\.1\.77 is not known/);
  const other = around({ macOf: () => '02:00:00:00:00:99' });
  const no = why(flow(LEARNED, 443), other, kernelOf(), state);
  assert.equal([no.state, no.verdict], ['direct', `direct: skype does not apply to ${DEVICE}`]);
  assert.match(
    ask(DEVICE).verdict,
    /^tv, a device of this home; skype applies to it \(by proxy a\)$/,
  );
  assert.match(why(DEVICE, other, kernelOf(), state).verdict, /skype does not apply to it/);
  assert.match(ask('192.168.1.77').verdict, /is not known: DHCP and the neighbour table/);
});

const ENDS = {
  source: DEVICE,
  sourcePort: 50000,
  destination: PEER,
  destinationPort: 7000,
};

const WORK = 'your rule "work" (/etc/config/whp:31)';

const MAC = '02:00:00:00:00:10';
const NOBODY = { macs: [], blocks: [], hosts: [] };
const DIRECTORY = new Map([
  ['telly', { ...NOBODY, macs: [MAC] }],
  ['laptop', { ...NOBODY, blocks: ['192.168.1.20'] }],
  ['kids', { ...NOBODY, macs: [MAC], isGroup: true as const }],
]);

test('an address is the application’s as long as its element is in the set, which outlives the answer’s TTL', () => {
  const state = learnedState();
  const known = findEndpoint(state.learned, 'skype', LEARNED)!;
  assert.ok(known.kept > known.expires + 1000);
  const lasts = (now: number): string => why(LEARNED, around({ now }), kernelOf(), state).verdict;
  assert.is(lasts(known.kept - 1), lasts(NOW));
  assert.is.not(lasts(known.kept + 1), lasts(NOW));
  const late = known.kept - 5000;
  assert.match(why(LEARNED, around({ now: late }), kernelOf(), state).reasons[0]!, '; 5 s left');
  assert.match(
    why('ui.skype.com', around({ now: late }), kernelOf(), state).reasons.join(),
    '5 s left',
  );
  const { endpoints } = learnedAnswer(state, kernelOf(), around().names, late);
  assert.equal(
    endpoints.map(({ left_s }) => left_s),
    [5],
  );
});

test('the verdict names the devices of an app that is for some alone, and each line its device', () => {
  const state = learnedState(
    policyFrom({ app: { macs: [MAC], devices: ['192.168.1.20', '192.168.1.64/28'] } }),
  );
  const where = around({ directory: DIRECTORY });
  const of = 'telly, laptop, 192.168.1.64/28';
  const answer = why(LEARNED, where, kernelOf(), state);
  assert.is(answer.verdict, `proxied: it is skype's for ${of} alone, by proxy a`);
  assert.equal([answer.app, answer.proxy, answer.device], ['skype', 'a', null]);
  assert.match(answer.reasons[0]!, 'skype: telly resolved ui.skype.com to it; ');
  assert.is(answer.reasons[1], `skype: for its devices alone: ${of}`);
  const range = why(NODE, where, kernelOf(), state).verdict;
  assert.match(range, `skype's for ${of} alone where the lines below say so, by proxy a`);
  // A flow names its device: nothing is to be told of others.
  assert.equal(
    [flow(LEARNED, 443), `udp 192.168.1.20:50000 ${LEARNED}:443`].map((query) => {
      const { verdict, device } = why(query, where, kernelOf(), state);
      return `${device}: ${verdict}`;
    }),
    ["telly: proxied: it is skype's, by proxy a", "laptop: proxied: it is skype's, by proxy a"],
  );
  const kernel = kernelOf({ skype_peer4: [pairKey(DEVICE, PEER)!] });
  assert.match(why(PEER, where, kernel).reasons.join(), /a peer or a server of telly; 1 min left/);
});

test('a device of the home: its name, its groups, the apps, and that nothing is proxied yet', () => {
  const state = learnedState(policyFrom({ app: { macs: [MAC] } }));
  const where = around({
    directory: DIRECTORY,
    hosts: [],
    met: new Map([[DEVICE, MAC]]),
  });
  for (const query of [DEVICE, MAC]) {
    const answer = why(query, where, kernelOf(), state);
    assert.is(
      answer.verdict,
      'telly, a device of this home, in group kids; skype applies to it (by proxy a)',
      query,
    );
    assert.equal([answer.state, answer.device], ['home', 'telly']);
  }
  const telly = why('telly', where, kernelOf(), state);
  assert.is(
    telly.verdict,
    'a device of this home, in group kids; skype applies to it (by proxy a)',
  );
  const none =
    /^nothing of it is proxied yet: no flow of it was an application's in the last hour$/;
  assert.match(telly.reasons.join(), none);
  assert.match(
    why('laptop', where, kernelOf(), state).verdict,
    /^a device of this home; whether skype applies to it is not known/,
  );
  assert.match(
    why('kids', where, kernelOf(), state).verdict,
    /^a group of devices of this home; skype/,
  );
});

test('a pause says until when, and what stays in the tunnel', () => {
  const paused = learnedState(policyFrom({ app: { direct: 'paused' } }));
  const open = (proxy: string): FlowEntry => ({
    original: { ...ENDS, protocol: 17 },
    mark: markOf(policy.globals.mask, 1),
    proxy,
  });
  const said = (left: number | null, flows: readonly FlowEntry[]): string =>
    why(
      LEARNED,
      around({ paused: new Map([['skype', left === null ? null : NOW + left * 1000]]) }),
      kernelOf({}, flows),
      paused,
    ).verdict;
  const three = [open('a'), open('a'), open('a'), open('direct')];
  const head = "DIRECT now: it is skype's; paused by you";
  assert.is(said(600, three), `${head} for 10 min more; 3 older connections stay in the tunnel`);
  assert.is(
    said(600, [open('a')]),
    `${head} for 10 min more; 1 older connection stays in the tunnel`,
  );
  assert.is(said(7200, [open('direct')]), `${head} for 2 h more`);
  assert.is(said(null, []), `${head} until whp resume`);
  const name = why(
    'ui.skype.com',
    around({ paused: new Map([['skype', null]]) }),
    kernelOf({}, three),
    paused,
  );
  assert.match(
    name.verdict,
    'a name of skype; paused by you until whp resume; 3 older connections stay',
  );
});

test('no lan device is there: the verdict says so, and that nothing is proxied', () => {
  const lanless = around({ lanless: true });
  for (const query of [LEARNED, NODE, flow(LEARNED, 443), 'ui.skype.com']) {
    const { state, verdict } = why(query, lanless);
    assert.is(state, 'direct', query);
    assert.match(verdict, /^DIRECT now: .*; no device of list lan exists$/);
  }
  assert.match(
    why(DEVICE, lanless).verdict,
    /skype applies to it \(DIRECT now: no device of list lan/,
  );
});

test("the owner's exceptions: of all ports, and of some", () => {
  const except = (ports: readonly (number | readonly [number, number])[]): State =>
    learnedState(
      policyFrom({
        app: { except: [ownRange([LEARNED], ['tcp', 'udp'], ports, WORK)] },
      }),
    );
  const whole = why(LEARNED, around(), kernelOf(), except([[0, 65535]]));
  const verdict = `direct by ${WORK}; flows that began before it stay where they are`;
  assert.is(whole.verdict, verdict);
  assert.equal(whole.reasons, [`skype: kept direct by ${WORK}`]);
  const some = except([443]);
  assert.match(why(LEARNED, around(), kernelOf(), some).verdict, /where the lines below say so/);
  assert.is(why(flow(LEARNED, 443), around(), kernelOf(), some).state, 'direct');
  assert.is(why(flow(LEARNED, 80), around(), kernelOf(), some).state, 'proxied');
});

test('of two apps the first that is not paused has it', () => {
  const both = policyFrom({ apps: [{ direct: 'paused' }, { name: 'other', slot: 2 }] });
  const choice = around().choices.get('skype')!;
  const where = around({
    choices: new Map([
      ['skype', choice],
      ['other', choice],
    ]),
  });
  assert.match(
    why(
      NODE,
      where,
      kernelOf(),
      createState(both, () => false),
    ).verdict,
    /it is other's/,
  );
});

test('a flow that is open is answered by what the kernel does with it', () => {
  const entry = (proxy: string): FlowEntry => ({
    original: { ...ENDS, protocol: 17 },
    mark: markOf(policy.globals.mask, 1),
    proxy,
  });
  for (const [proxy, state, verdict] of [
    ['a', 'proxied', /by proxy a$/],
    ['direct', 'direct', /^DIRECT: .* beside the tunnels/],
    ['none', 'refused', /^REFUSED: /],
  ] as const) {
    const answer = why(flow(PEER, 7000), around(by('blocked')), kernelOf({}, [entry(proxy)]));
    assert.is(answer.state, state);
    assert.match(answer.verdict, verdict);
  }
});

/** An app by what rules made of it: ranges added to the profile, names kept out. */
function ruled(
  ranges: readonly (readonly [string, readonly number[]])[],
  except: readonly string[],
): State {
  const { profile } = policy.apps[0]!;
  const all = (ports: readonly number[]) => (ports.length > 0 ? ports : ([[0, 65535]] as const));
  const own = ranges.map(([block, ports]) => ownRange([block], ['tcp', 'udp'], all(ports), WORK));
  const names = except.map((value) => ({ value, evidence: 'source' as const, by: BANK }));
  const dns = { ...profile.dns, except: [...profile.dns.except, ...names] };
  return learnedState(policyFrom({ profile: { ranges: [...profile.ranges, ...own], dns } }));
}

const BANK = 'your rule "bank" (whp:40)';

test('a name that a direct rule keeps so: by which rule, and that a range counts all the same', () => {
  const ask = (state: State, name = 'pay.bank.example') => why(name, around(), kernelOf(), state);
  const kept = ask(ruled([], ['bank.example']));
  assert.equal([kept.state, kept.app], ['direct', null]);
  assert.match(kept.verdict, /^direct: a rule or a profile keeps the name so$/);
  assert.is(
    kept.reasons[0],
    `skype: kept direct as a name by ${BANK} with bank.example, but not by its addresses`,
  );
  assert.match(kept.reasons[1]!, 'in a range of an app, that counts: whp why ADDRESS');
  // The kernel looks at addresses: a range of all of them has this one too.
  const all = ask(ruled([['0.0.0.0/0', []]], ['bank.example']));
  assert.equal([all.state, all.app, all.proxy], ['proxied', 'skype', 'a']);
  assert.is(all.verdict, `proxied: skype has every address, by ${WORK}, by proxy a`);
  assert.match(all.reasons[0]!, BANK);
  const some = ask(ruled([['0.0.0.0/0', [443]]], []));
  assert.is(some.state, 'direct');
  assert.match(some.verdict, 'direct, but for tcp and udp ports 443 of every address, which skype');
});

test('a name of a proxy rule names the rule; an address rule that keeps its addresses direct wins', () => {
  const { profile } = policy.apps[0]!;
  const entry = { value: 'example.com', evidence: 'source' as const, by: WORK };
  const dns = { ...profile.dns, suffixes: [...profile.dns.suffixes, entry] };
  const more = learnedState(policyFrom({ profile: { dns } }));
  const named = why('a.example.com', around(), kernelOf(), more);
  assert.is(named.verdict, `proxied: a name of skype (.example.com, ${WORK}), by proxy a`);
  const except = [ownRange([LEARNED], ['tcp', 'udp'], [[0, 65535]], BANK)];
  const kept = why(
    'ui.skype.com',
    around(),
    kernelOf(),
    learnedState(policyFrom({ app: { except } })),
  );
  assert.is(kept.state, 'direct');
  assert.is(kept.verdict, `direct by ${BANK}, which has the addresses that were learned from it`);
  assert.match(kept.reasons.join(), `kept direct by ${BANK}`);
});

test('names, devices by name, and words that are nothing', () => {
  const named = why('UI.Skype.com.');
  assert.match(named.verdict, /^proxied: a name of skype, by proxy a$/);
  assert.match(named.reasons.join(), /198\.51\.100\.8 was learned from it/);
  assert.match(why('ui.skype.com', around(by('blocked'))).verdict, /^REFUSED now: a name of skype/);
  assert.match(why('example.com').verdict, /^direct: no profile and no rule has this name/);
  assert.match(why('tv').verdict, /^a device of this home; skype applies/);
  assert.match(why('TV.lan').verdict, /a device of this home/);
  for (const [query, problem] of [
    ['nonsense', /no address, no flow .*, no host name .* and no device .*; whp devices$/],
    ['', /no address/],
    ['8.8.8.8 x', /no address/],
    ['skype', /^"skype" is an app, .*; whp status$/],
    ['a', /^"a" is a proxy, .*; whp proxy list$/],
    ['udp 1.2.3.4:5', /no address/],
    ['udp 1.2.3.4 5.6.7.8', /a udp flow has a port at both ends/],
    ['udp 1.2.3.4:70000 5.6.7.8:1', /no address/],
    ['::1', /no packet that passes the router/],
    ['0.0.0.0', /no packet that passes the router/],
    ['https://meet.example.com/', /write the host name only: meet\.example\.com/],
    ['192.168.1.0/24', /is an IP address and no host name/],
  ] as const) {
    const answer = whyAnswer(learnedState(), kernelOf(), query, around());
    assert.match(answer.ok ? 'an answer' : answer.what, problem, query);
  }
});

test.run();
