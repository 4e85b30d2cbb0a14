// The look of the host program beside the script's (agent/native/glance.c, learn/observe-dns), under the sanitizers:
// what it calls a stranger costs the script one release and nothing else; what it teaches of an application's answer is
// what the script teaches of it. Also its array of names with mistakes in it, and its store of questions beside that of
// learn/asked-questions.
import * as feeds from 'whp:feeds';
import { glance } from '../../../agent/src/kernel/glance.ts';
import { endsOf, questionBook } from '../../../agent/src/learn/asked-questions.ts';
import type { Effect } from '../../../agent/src/learn/effect.ts';
import { glanceNames } from '../../../agent/src/profile/glance-names.ts';
import { keyParts, setNumber } from '../../../agent/src/ruleset/element-packet.ts';
import { setsOf } from '../../../agent/src/ruleset/names.ts';
import { createState, type State } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { hexBytes } from '../../../agent/src/wire/hex.ts';
import { macBytes } from '../../../agent/src/wire/mac.ts';
import { decodePacket } from '../../../agent/src/wire/packet.ts';
import { queryTo } from '../../fixtures/dns-events.ts';
import { DNS_SEEDS, DNS_WORDS } from '../../fixtures/dns-seeds.ts';
import { DEVICE, ROUTER, tcp4, udp4, udp6 } from '../../fixtures/plain-packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { wideProfile } from '../../fixtures/profile.ts';
import { framed, mendFramed } from '../packet-input.ts';
import { must, type Target } from '../target.ts';

const policy = policyFrom({ profile: wideProfile });
const NO_LESSONS = new ArrayBuffer(6);
let state = newState();
let count = 0;
let now = 1000;

function newState(): State {
  const fresh = createState(policy, () => false);
  glance.look(fresh, []);
  return fresh;
}

/** What the script would do with the packet of a stranger. */
function judge(packet: Uint8Array, isAnswer: boolean): void {
  const span = { bytes: packet, offset: 0, end: packet.length };
  const judged = (heard: boolean): readonly Effect[] => {
    if (!isAnswer) return step(state, { kind: 'query', age: 0, mac: null, ...span }, now);
    return step(state, { kind: 'answer', id: 7, outside: false, heard, ...span }, now);
  };
  const before = { ...state.counters };
  const first = judged(false);
  // While names were led to, the query is read first.
  const effects = first[0]?.kind === 'hear' ? judged(true) : first;
  const kinds = effects.map(({ kind }) => kind).join();
  must(kinds === (isAnswer ? 'release' : ''), `a stranger's packet calls for "${kinds}"`);
  before[isAnswer ? 'answers' : 'queries'] += 1;
  const isSame = JSON.stringify(before) === JSON.stringify(state.counters);
  must(isSame, 'a stranger is counted as more than a packet');
}

const SEEDS = DNS_SEEDS.flatMap((message, i) => {
  const packet = i % 3 === 0 ? udp6(53, 40000, message) : udp4(ROUTER, 53, DEVICE, 40000, message);
  return [framed(1, packet), framed(0, queryTo(packet))];
});

export const strangers: Target = {
  name: 'glance',
  weight: 40,
  seeds: [...SEEDS, framed(1, tcp4(ROUTER, 53, DEVICE, 40000, 1, DNS_SEEDS[1]!))],
  words: DNS_WORDS,
  mend: mendFramed,
  run(input) {
    count += 1;
    now += 1;
    // Names that were led to come from the answers themselves; a new state has none.
    if (count % 500 === 0) state = newState();
    const kind = input[0] ?? 0;
    const isAnswer = (kind & 1) === 1;
    const packet = input.slice(1);
    const whose = feeds.whose(packet.buffer, 0, packet.length, isAnswer);
    if (whose === 0) {
      judge(packet, isAnswer);
      return `stranger ${isAnswer}`;
    }
    if (whose < 255 && isAnswer)
      return `told ${compareLessons(packet, (kind & 2) === 0, kind & 4)}`;
    if (!isAnswer) {
      step(
        state,
        { kind: 'query', age: 0, mac: null, bytes: packet, offset: 0, end: packet.length },
        now,
      );
      return 'query';
    }
    const span = { bytes: packet, offset: 0, end: packet.length };
    const effects = step(
      state,
      { kind: 'answer', id: 7, outside: false, heard: null, ...span },
      now,
    );
    return `script ${effects.map((one) => one.kind).slice(0, 3)}`;
  },
};

const MAC = '02:00:00:00:00:0a';

/** Both teach the answer of an application; returns how many elements. */
function compareLessons(packet: Uint8Array, isOwn: boolean, knowsMac: number): number {
  const mac = knowsMac === 0 ? null : MAC;
  const bytes = mac === null ? null : (macBytes(mac)!.buffer as ArrayBuffer);
  const told = new Uint8Array(
    feeds.lesson(packet.buffer as ArrayBuffer, 0, packet.length, isOwn, bytes),
  );
  const span = { bytes: packet, offset: 0, end: packet.length };
  // Everything is new to this state, and nothing was led to.
  const alone = createState(policy, () => false);
  const query = queryTo(packet);
  const asked = { bytes: query, offset: 0, end: query.length };
  step(alone, { kind: 'query', age: 0, mac, ...asked }, now);
  const answer = { kind: 'answer', id: 7, outside: !isOwn, heard: true, ...span } as const;
  const effects = step(alone, answer, now);
  const kinds = effects.map(({ kind }) => kind);
  const lessons = effects.flatMap((one) =>
    one.kind === 'monitor' && one.event.kind === 'lesson' ? [one.event.lesson] : [],
  );
  const apps = new Set(lessons.map(({ app }) => app));
  must(apps.size <= 1, `several applications: ${[...apps]}`);
  const elements = effects.flatMap((one) =>
    one.kind === 'renew' ? one.elements.map(({ key }) => `${one.set} ${hexBytes(key)}`) : [],
  );
  const its = elementsIn(told);
  // An address that must not be taught, or a pair that cannot be: the script decides.
  if (its.length === 0) return 0;
  must(kinds.at(-1) === 'release', `the script would not release: ${kinds}`);
  must(isSameSet(its, elements), `taught ${its}, by the script ${elements}`);
  return its.length;
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return [...new Set(a)].sort().join() === [...new Set(b)].sort().join();
}

/** The elements of packets, one behind the other, as `set key`. */
function elementsIn(packets: Uint8Array): string[] {
  const found: string[] = [];
  for (let at = 0; at < packets.length; ) {
    const header = packets[at]! >> 4 === 4 ? 20 : 40;
    const family = header === 20 ? 4 : 6;
    const width = header === 20 ? 4 : 16;
    const number = new DataView(packets.buffer, at + header).getUint32(0);
    const set = SETS.get(number)!;
    const parts = { source: header - 2 * width, destination: header - width, mac: header + 12 };
    const key = keyParts(set)!.flatMap((part) => {
      const from = at + parts[part as keyof typeof parts];
      return Array.from(packets.subarray(from, from + (part === 'mac' ? 8 : width)));
    });
    must(set.endsWith(`${family}`), `${set} in a packet of IPv${family}`);
    found.push(`${set} ${hexBytes(Uint8Array.from(key))}`);
    at += header + 20;
  }
  return found;
}

const SETS = new Map(
  policy.apps.flatMap(({ name }) =>
    (['addr', 'peer', 'peermac'] as const).flatMap((kind) =>
      setsOf(name, kind).map((set) => [setNumber(set), set] as const),
    ),
  ),
);

const book = questionBook();

export const questionsBeside: Target = {
  name: 'glance-asked',
  weight: 10,
  seeds: SEEDS,
  words: DNS_WORDS,
  mend: mendFramed,
  run(input) {
    now += input.length % 50;
    const kind = input[0] ?? 0;
    const bytes = input.slice(1);
    const packet = decodePacket(bytes);
    const ends = 'malformed' in packet ? null : endsOf(packet);
    if ('malformed' in packet || ends === null) return 'nothing';
    const { payload: from, payloadEnd: to } = packet;
    const mac = (kind & 4) === 0 ? null : `02:00:00:00:00:0${(kind >> 3) & 7}`;
    const found = [book, glance.asked].map((one) => {
      if (kind % 64 === 63) one.expire(now);
      if ((kind & 1) === 0) one.note(bytes, ends, bytes, from, to, mac, now);
      return JSON.stringify(one.find(bytes, ends, bytes, from, to, now));
    });
    // Of one question asked by two devices, the host program finds the older when the newer was dropped.
    const isKnown = found[0] === found[1] || found[0] === 'null';
    must(isKnown, `${found[0]} here, ${found[1]} in the host program`);
    return `${kind & 1} ${found[0] === 'null'}`;
  },
};

export const glanceArrays: Target = {
  name: 'glance-names',
  weight: 4,
  seeds: [glanceNames(state.observer.matcher)!],
  run(input, random) {
    const led = new Uint8Array(4096);
    for (let i = 0; i < 40; i++) led[random.below(4096)] = 1;
    try {
      feeds.judge(input.slice().buffer, led.buffer, new ArrayBuffer(6), NO_LESSONS);
    } catch (error) {
      must(error instanceof RangeError, String(error));
      return 'refused';
    }
    for (const seed of SEEDS)
      feeds.lesson(seed.buffer as ArrayBuffer, 1, seed.length - 1, (seed[0]! & 1) === 1, null);
    glance.look(state, []);
    return 'taken';
  },
};
