// step/state: the agent's state, and the events that step/step accepts.

import { createRepeats, type Repeats } from '../bounds/dedupe.ts';
import { createReports, type Reports } from '../bounds/log-once.ts';
import { createPace, HOME_PACE, LOOKS, type Pace } from '../bounds/token-bucket.ts';
import { type Alias, type Aliases, createAliases, retainAliases } from '../learn/aliases.ts';
import { type QuestionBook, questionBook } from '../learn/asked-questions.ts';
import { type Askers, createAskers, namesOf } from '../learn/askers.ts';
import type { DnsObserver } from '../learn/dns-observer.ts';
import { createTaught, retainTaught, type Taught } from '../learn/dynamic-sets.ts';
import { createLearned, type Learned, retainApps } from '../learn/endpoints.ts';
import { createEvidence, type EvidenceStore } from '../learn/evidence.ts';
import type { Restorations } from '../learn/kept-sets.ts';
import { createHellos, type Hellos } from '../learn/named-servers.ts';
import { createOutside, type Outside, retainOutside } from '../learn/outside.ts';
import { createSilence, type Silence } from '../learn/silence.ts';
import type { StandIn } from '../learn/stand-ins.ts';
import { createSuspects, type Suspects } from '../learn/suspects.ts';
import { createWaiting, type Waiting } from '../learn/waiting.ts';
import { nat64Prefixes } from '../policy/nat64.ts';
import type { App, Policy } from '../policy/policy.ts';
import {
  compileNames,
  isExceptedText,
  matchText,
  type NameMatcher,
} from '../profile/name-match.ts';
import { createStreams, type DnsStreams } from '../wire/dns-stream.ts';

/** One IP packet: bytes[offset, end) of a buffer that is reused after the step. */
export interface PacketSpan {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly end: number;
}

/** Link-layer sender of the packet. */
export interface Sender {
  /** "02:00:00:00:00:0a"; null: no Ethernet header. */
  readonly mac: string | null;
}

export type Event =
  /** A DNS answer to a device. `id`: NFQUEUE packet id; null: the answer is not held. */
  | ({
      readonly kind: 'answer';
      readonly id: number | null;
      /** True: sent by a resolver other than the router's own. */
      readonly outside: boolean;
      /** True: all queries that passed earlier were events earlier. False: some may not have been. Null: the
       * kernel announces no queries, and every answer counts as asked for. */
      readonly heard: boolean | null;
      /** True: many held answers wait, so those that cost no time are released first. */
      readonly isBehind?: boolean;
      /** True: the host program has judged the answer, added its elements for as long as the longest lease, and
       * released it (agent/native/judge.c). */
      readonly isTaught?: true;
    } & PacketSpan)
  /** A DNS query from a device to a resolver. */
  | ({
      readonly kind: 'query';
      /** Milliseconds since it passed, when its window began; a busy agent reads it late. */
      readonly age: number;
      /** True: `asked` has it, and it is for the name of an application (agent/native/judge.c). */
      readonly isNoted?: boolean;
    } & Sender &
      PacketSpan)
  /** A packet logged by the ruleset; the prefix of the log rule names the reason. */
  | ({ readonly kind: 'evidence'; readonly prefix: string } & Sender & PacketSpan)
  /** The first data of a TLS flow without evidence. `id`: as of an answer. */
  | ({ readonly kind: 'hello'; readonly id: number | null } & Sender & PacketSpan)
  /** As many held answers were read in a row as the queue has room for: more may have been dropped. */
  | { readonly kind: 'full' }
  /** Time to read answers that wait for tokens. */
  | { readonly kind: 'later' }
  | { readonly kind: 'tick' };

export interface Counters {
  answers: number;
  matched: number;
  queries: number;
  asked: number;
  refused: number;
  unasked: number;
  hellos: number;
  evidence: number;
  malformed: number;
  /** Packets of which the kernel copied too little. */
  cut: number;
  /** Times when the queue may have overflowed, which drops an answer. */
  full: number;
}

export interface State {
  readonly policy: Policy;
  readonly observer: DnsObserver;
  readonly apps: ReadonlyMap<string, App>;
  /** Addresses told by the router's own resolver, for the whole home. */
  readonly learned: Learned;
  /** Addresses told by other resolvers, for the device that asked. */
  readonly pairs: Learned;
  readonly asked: QuestionBook;
  /** Elements that the ruleset added itself, to restore them if its table is deleted. */
  readonly taught: Taught;
  /** MACs of other routers of the home; they identify no device. */
  readonly gateways: Set<string>;
  /** Learned entries that came from an earlier agent's file. */
  readonly restored: Restorations;
  /** Remote ends of cut flows that may still send. */
  readonly silence: Silence;
  readonly evidence: EvidenceStore;
  readonly streams: DnsStreams;
  /** Rates of answers that teach: of a device, and of the home. */
  readonly pace: Pace;
  readonly homePace: Pace;
  /** Rate of answers that are decoded, by device. */
  readonly looks: Pace;
  /** Rate of queries for an application's names that are matched, over UDP and TCP, by device. */
  readonly windows: Pace;
  readonly askers: Askers;
  /** Delivered answers that are still to be learned. */
  readonly waiting: Waiting;
  readonly reports: Reports;
  readonly repeats: Repeats;
  /** The packet that was last announced as `full`, and how often. */
  readonly refused: Map<string, number>;
  /** When each app's sets were last evicted from, milliseconds. */
  readonly roomMade: Map<string, number>;
  /** When the stores of learned elements were last searched for expired ones, milliseconds. */
  sweptAt: number;
  readonly hellos: Hellos;
  /** The last answer of each app with an address that is not public. */
  readonly standIns: Map<string, StandIn>;
  readonly suspects: Suspects;
  /** Packets that left outside the tunnels. */
  readonly outside: Outside;
  readonly counters: Counters;
  /** Why packets could not be read: the last REASONS, newest last. */
  readonly reasons: string[];
}

/** The state for a policy: empty, or with what `before` knows of the apps that are still configured. `isOwn`:
 * true for addresses that must never be learned. `asked`: where open questions are kept. */
export function createState(
  policy: Policy,
  isOwn: (address: string) => boolean,
  before: State | null = null,
  asked: QuestionBook = before?.asked ?? questionBook(),
): State {
  const learned = before?.learned ?? createLearned();
  const pairs = before?.pairs ?? createLearned(true);
  const taught = before?.taught ?? createTaught();
  const outside = before?.outside ?? createOutside();
  const names = policy.apps.map((app) => app.name);
  retainApps(learned, names);
  retainApps(pairs, names);
  retainTaught(taught, names);
  const nat64 = nat64Prefixes(policy.globals.nat64);
  retainOutside(outside, names);
  const profiles = new Map(policy.apps.map((app) => [app.name, app.profile]));
  const matcher = matcherOf(policy.apps, before);
  const aliases = aliasesUnder(matcher, names, before);
  const askers = before?.askers ?? createAskers();
  const whoIs = (address: string) => namesOf(askers, address);
  return {
    policy,
    observer: { matcher, profiles, isOwn, nat64, aliases, whoIs },
    apps: new Map(policy.apps.map((app) => [app.name, app])),
    learned,
    pairs,
    asked,
    taught,
    gateways: before?.gateways ?? new Set(),
    restored: before?.restored ?? new Map(),
    silence: before?.silence ?? createSilence(),
    evidence: before?.evidence ?? createEvidence(),
    streams: before?.streams ?? createStreams(),
    pace: before?.pace ?? createPace(),
    looks: before?.looks ?? createPace(LOOKS),
    windows: before?.windows ?? createPace(),
    homePace: before?.homePace ?? createPace(HOME_PACE),
    askers,
    waiting: before?.waiting ?? createWaiting(),
    reports: before?.reports ?? createReports(),
    repeats: before?.repeats ?? createRepeats(),
    refused: before?.refused ?? new Map(),
    roomMade: before?.roomMade ?? new Map(),
    sweptAt: before?.sweptAt ?? Number.NEGATIVE_INFINITY,
    hellos: before?.hellos ?? createHellos(),
    standIns: before?.standIns ?? new Map(),
    suspects: before?.suspects ?? createSuspects(),
    outside,
    counters: before?.counters ?? noCounts(),
    reasons: before?.reasons ?? [],
  };
}

/** The matcher; built anew only when the names changed, as that is most of the cost of a new policy here. */
function matcherOf(apps: readonly App[], before: State | null): NameMatcher {
  const known = before?.policy.apps ?? [];
  const isSame =
    before !== null &&
    known.length === apps.length &&
    apps.every(({ name, profile: { dns } }, i) => {
      return known[i]!.name === name && known[i]!.profile.dns === dns;
    });
  return isSame ? before.observer.matcher : compileNames(apps);
}

/** The aliases whose root is still a name of their app, except those that are kept direct now. */
function aliasesUnder(
  matcher: NameMatcher,
  apps: readonly string[],
  before: State | null,
): Aliases {
  if (before === null) return createAliases(apps);
  const { aliases, matcher: old } = before.observer;
  if (old === matcher) return aliases;
  const isKept = ({ app, name, root }: Alias): boolean => {
    const isIts = matchText(matcher, root).some((match) => match.app === app);
    return isIts && !isExceptedText(matcher, app, name);
  };
  retainAliases(aliases, isKept, apps);
  return aliases;
}

/** Counts packets that were no event here: they concern no application (kernel/glance). */
export function countStrangers({ counters }: State, answers: number, queries: number): void {
  counters.answers += answers;
  counters.queries += queries;
}

function noCounts(): Counters {
  return {
    answers: 0,
    matched: 0,
    queries: 0,
    asked: 0,
    refused: 0,
    unasked: 0,
    hellos: 0,
    evidence: 0,
    malformed: 0,
    cut: 0,
    full: 0,
  };
}
