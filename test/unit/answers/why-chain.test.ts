// answers/why-chain: what led to a connection, in the order of time and not in that of the stores, each line with its time.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { whyAnswer } from '../../../agent/src/answers/why.ts';
import type { Surroundings } from '../../../agent/src/answers/why-parts.ts';
import { markOf } from '../../../agent/src/policy/marks.ts';
import { addressKey } from '../../../agent/src/ruleset/elements.ts';
import { setName } from '../../../agent/src/ruleset/names.ts';
import { createState, type State } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { ok } from '../../../agent/src/syntax/result.ts';
import { byteString } from '../../../agent/src/wire/hex.ts';
import { answerTo } from '../../fixtures/dns.ts';
import { askedEvents } from '../../fixtures/dns-events.ts';
import { udp } from '../../fixtures/packets.ts';
import { policy } from '../../fixtures/policies.ts';
import { chosen, surroundings } from '../../fixtures/surroundings.ts';

const DEVICE = '192.168.1.10';
const NODE = '111.221.74.20';
const SERVER = '198.51.100.8';
const PEER = '198.51.100.40';
const PORT = 50000;

function lookUp(state: State, at: number): void {
  const record = { name: 'ui.skype.com', type: 1, ttl: 60, rdata: [198, 51, 100, 8] };
  const message = answerTo('ui.skype.com', [record]);
  const bytes = udp({ src: '192.168.1.1', dst: DEVICE, sport: 53, dport: 5000 }, message);
  for (const event of askedEvents(bytes)) step(state, event, at);
}

function announce(state: State, feed: string, ends: Parameters<typeof udp>[0], at: number): void {
  const bytes = udp(ends);
  const event = {
    kind: 'evidence',
    mac: null,
    prefix: `whp:${feed}:skype`,
    bytes,
    offset: 0,
  } as const;
  step(state, { ...event, end: bytes.length }, at);
}

const to = (dst: string, dport: number) => ({ src: DEVICE, dst, sport: PORT, dport });

function around(now: number): Surroundings {
  return surroundings({
    now,
    choices: new Map([['skype', chosen('a')]]),
    up: new Set(['a']),
    hosts: [{ mac: '02:00:00:00:00:10', address: DEVICE, name: 'tv' }],
    isHome: (address) => address.startsWith('192.168.1.'),
  });
}

/** The reasons for an open flow. */
function reasons(state: State, destination: string, port: number, now: number): readonly string[] {
  const original = { source: DEVICE, sourcePort: PORT, destination, destinationPort: port };
  const mark = markOf(policy.globals.mask, 1);
  const kernel = {
    readSet: () => ok([]),
    countSet: () => 0,
    connections: () => ok([{ original: { ...original, protocol: 17 }, mark, proxy: 'a' }]),
  };
  const query = `udp ${DEVICE}:${PORT} ${destination}:${port}`;
  const answer = whyAnswer(state, kernel, query, around(now));
  if (!answer.ok) throw new Error(answer.what);
  assert.match(answer.value.verdict, 'that is open now');
  return answer.value.reasons;
}

test('the look-up of the name, then the connection, each with its time', () => {
  const state = createState(policy, () => false);
  lookUp(state, 1000);
  announce(state, 'addr', to(SERVER, 443), 13_000);
  assert.equal(reasons(state, SERVER, 443, 73_000), [
    '12 s before the connection began: tv looked up ui.skype.com; the answer from 192.168.1.1 was 198.51.100.8',
    '1 min ago: the connection began: ui.skype.com is 198.51.100.8, asked by 192.168.1.10',
  ]);
});

test('a look-up at the same moment, and one after the connection', () => {
  const state = createState(policy, () => false);
  lookUp(state, 12_900);
  announce(state, 'addr', to(SERVER, 443), 13_000);
  assert.match(reasons(state, SERVER, 443, 20_000)[0]!, /^just before the connection began: tv/);
  const later = createState(policy, () => false);
  announce(later, 'port', to(SERVER, 443), 1000);
  lookUp(later, 4000);
  assert.equal(
    reasons(later, SERVER, 443, 20_000).map((one) => one.split(': ')[0]),
    ['19 s ago', '3 s after the connection began'],
  );
});

test('of several answers the last is not taken for the first', () => {
  const state = createState(policy, () => false);
  lookUp(state, 1000);
  announce(state, 'addr', to(SERVER, 443), 13_000);
  lookUp(state, 50_000);
  assert.is(
    reasons(state, SERVER, 443, 73_000)[0],
    '12 s before the connection began: a name of skype led to 198.51.100.8, and does since',
  );
});

test('what came back from before the start has no time, and is first', () => {
  const state = createState(policy, () => false);
  lookUp(state, 5000);
  const set = setName('skype', 'addr', 4);
  const key = byteString(addressKey(SERVER)!);
  state.restored.set(`${set} ${key}`, { until: 10_000_000, gift: 0 });
  announce(state, 'range', to(SERVER, 443), 2000);
  assert.match(reasons(state, SERVER, 443, 20_000)[0]!, /^before whp started: tv looked up/);
});

test('a call: the server from the same port, the request that came in, then the other end; of others nothing', () => {
  const state = createState(policy, () => false);
  const other = '192.168.1.77';
  announce(state, 'request', { src: PEER, dst: DEVICE, sport: 9, dport: PORT }, 9000);
  announce(state, 'range', to(NODE, 33033), 2000);
  announce(state, 'range', { ...to(NODE, 40011), src: other }, 500);
  announce(state, 'request', { src: NODE, dst: other, sport: 9, dport: PORT }, 9900);
  announce(state, 'window', to(PEER, 7000), 10_000);
  announce(state, 'port', to(SERVER, 1), 11_000);
  const [port, request, began, ...more] = reasons(state, PEER, 7000, 30_000);
  assert.match(
    port!,
    /^8 s before the connection began: tv used the same port 50000 towards 111\.221\.74\.20: supernode range /,
  );
  assert.match(
    request!,
    /^1 s before the connection began: a call came in from 198\.51\.100\.40: /,
  );
  assert.match(began!, /^20 s ago: the connection began: new flow within \d+ ms/);
  assert.equal(more, []);
});

test.run();
