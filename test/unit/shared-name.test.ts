// A name in the profiles of two apps: each app learns its own addresses, windows and servers, an exception
// counts for its app alone, and the app of a flow follows from device lists and the order of apps.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { whyAnswer } from '../../agent/src/answers/why.ts';
import type { Effect } from '../../agent/src/learn/effect.ts';
import type { Policy } from '../../agent/src/policy/policy.ts';
import type { Profile } from '../../agent/src/profile/profile.ts';
import { homePrefixes } from '../../agent/src/replay/direction.ts';
import { replayCapture } from '../../agent/src/replay/replay.ts';
import { createState, type State } from '../../agent/src/step/state.ts';
import { step } from '../../agent/src/step/step.ts';
import { ok } from '../../agent/src/syntax/result.ts';
import { span } from '../fixtures/bytes.ts';
import { answerTo, queryFor } from '../fixtures/dns.ts';
import { tcp, udp } from '../fixtures/packets.ts';
import { captureOf, type Timed } from '../fixtures/pcap.ts';
import { policyFrom, resolverBypass } from '../fixtures/policies.ts';
import { profile } from '../fixtures/profile.ts';
import { chosen, surroundings } from '../fixtures/surroundings.ts';
import { clientHello, serverName } from '../fixtures/tls.ts';

const ROUTER = '192.168.1.1';
const TALKS = '192.168.1.50';
const CHATS = '192.168.1.60';
const BOTH = '192.168.1.70';
const NAME = 'login.shared.example';
const SERVER = '203.0.113.9';

const named = (...suffixes: string[]): Profile['dns'] => ({
  names: [],
  suffixes: suffixes.map((value) => ({ value, evidence: 'source' })),
  patterns: [],
  except: [],
});

function sharedBy(talk: Profile['dns'], chat: Profile['dns']): Policy {
  return policyFrom({
    globals: { hold: true },
    proxies: [{ name: 'a' }, { name: 'b', key: 8 }],
    apps: [
      {
        name: 'talk',
        slot: 1,
        devices: [TALKS, BOTH],
        profile: { ...profile, ranges: [], dns: talk },
      },
      {
        name: 'chat',
        slot: 2,
        devices: [CHATS, BOTH],
        proxies: ['b'],
        profile: { ...profile, ranges: [], dns: chat },
      },
    ],
    resolverBypass: { ...resolverBypass, hello: 'hold' },
  });
}

const shared = sharedBy(named(NAME), named('x.example', 'shared.example'));

function answer(device: string, name = NAME): Uint8Array {
  const message = answerTo(name, [{ name: '@12', type: 1, ttl: 600, rdata: [203, 0, 113, 9] }]);
  return udp({ src: ROUTER, dst: device, sport: 53, dport: 40000 }, message);
}

function query(device: string, name = NAME): Uint8Array {
  return udp({ src: device, dst: ROUTER, sport: 40000, dport: 53 }, queryFor(name));
}

type Kind = 'answer' | 'query' | 'hello';

function play(state: State, kind: Kind, bytes: Uint8Array): readonly Effect[] {
  if (kind === 'query') return step(state, { kind, age: 0, mac: null, ...span(bytes) }, 1000);
  if (kind === 'hello') return step(state, { kind, id: 1, mac: null, ...span(bytes) }, 1000);
  return step(state, { kind, id: 1, outside: false, heard: null, ...span(bytes) }, 1000);
}

const setsOf = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.kind === 'renew' ? [effect.set] : []));

test('an answer, a query and a hello teach each app that has the name', () => {
  const state = createState(shared, () => false);
  assert.equal(setsOf(play(state, 'query', query(TALKS))), ['talk_portmap4', 'chat_portmap4']);
  const effects = play(state, 'answer', answer(CHATS));
  assert.equal(setsOf(effects), ['talk_addr4', 'chat_addr4']);
  assert.is(effects.at(-1)!.kind, 'release');
  const ends = { src: CHATS, dst: '203.0.113.10', sport: 50000, dport: 443, sequence: 1 };
  const hello = play(state, 'hello', tcp(ends, 'PA', clientHello([serverName(NAME)])));
  assert.equal(setsOf(hello), ['talk_hello4', 'chat_hello4']);
  assert.equal(hello.at(-1), { kind: 'pass', id: 1, again: true });
  assert.equal(
    hello.flatMap((one) =>
      one.kind === 'monitor' && one.event.kind === 'hello' ? [one.event.named.app] : [],
    ),
    ['talk', 'chat'],
  );
});

test('copies of a held hello are refused as often with two apps as with one', () => {
  const state = createState(shared, () => false);
  const ends = { src: BOTH, dst: SERVER, sport: 50000, dport: 443, sequence: 1 };
  const hello = tcp(ends, 'PA', clientHello([serverName(NAME)]));
  const again = Array.from({ length: 6 }, () => {
    const last = play(state, 'hello', hello).at(-1)!;
    return last.kind === 'pass' && last.again;
  });
  assert.equal(again, [true, true, true, true, false, false]);
});

test('an exception of one app takes the name from that app alone', () => {
  for (const [talk, chat, sets] of [
    [{ ...named(NAME), except: named(NAME).suffixes }, named('shared.example'), ['chat_addr4']],
    [named(NAME), { ...named('shared.example'), except: named(NAME).suffixes }, ['talk_addr4']],
  ] as const) {
    const state = createState(sharedBy(talk, chat), () => false);
    assert.equal(setsOf(play(state, 'answer', answer(BOTH))), sets);
  }
});

test('a flow to it belongs to the app of its device, and to the first app where both have it', () => {
  const home = homePrefixes([]);
  if (!home.ok) throw new Error('no prefixes');
  const flow = (device: string) => ({ src: device, dst: SERVER, sport: 50000, dport: 443 });
  const packets: Timed[] = [TALKS, CHATS, BOTH, '192.168.1.80'].flatMap((device, i): Timed[] => [
    [i, query(device)],
    [i + 0.1, answer(device)],
    [i + 0.2, tcp(flow(device), 'S')],
  ]);
  // In both orders of asking, the device of the other app is proxied too.
  for (const order of [
    packets,
    [...packets.slice(3, 6), ...packets.slice(0, 3), ...packets.slice(6)],
  ]) {
    const timed = order.map(([, packet], i): Timed => [i / 10, packet]);
    const { flows } = replayCapture(captureOf(timed), shared, home.value);
    const apps = new Map(flows.map((one) => [one.flow.slice(4, 16), one.app]));
    assert.equal(
      [TALKS, CHATS, BOTH, '192.168.1.80'].map((device) => apps.get(device)),
      ['talk', 'chat', 'talk', null],
    );
  }
});

test('why NAME names every app that has it', () => {
  const state = createState(shared, () => false);
  play(state, 'answer', answer(CHATS));
  const around = surroundings({
    choices: new Map([
      ['talk', chosen('a')],
      ['chat', chosen('b')],
    ]),
    up: new Set(['a', 'b']),
  });
  const kernel = { readSet: () => ok([]), countSet: () => 0, connections: () => ok([]) };
  const why = whyAnswer(state, kernel, NAME, around);
  if (!why.ok) throw new Error(why.what);
  assert.is(why.value.verdict, `proxied: a name of talk (.${NAME}), by proxy a`);
  assert.equal(why.value.reasons, [
    'for devices of chat that talk does not have: proxied: a name of chat (.shared.example), by proxy b',
    `${SERVER} was learned from it; 20 min left`,
  ]);
});

test.run();
