// step/state: what the agent knows, and what can happen to it. step/step goes from one state to the next, and
// answers what is to be done (learn/effect).

import { createRepeats, type Repeats } from '../bounds/dedupe.ts';
import { createReports, type Reports } from '../bounds/log-once.ts';
import { ASKING, createPace, HOME_PACE, LOOKS, type Pace } from '../bounds/token-bucket.ts';
import { type Aliases, createAliases, retainAliases } from '../learn/aliases.ts';
import { type AskedQuestions, createAskedQuestions } from '../learn/asked-questions.ts';
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

/** One IP packet in a buffer that is reused after the step: bytes[offset, end). */
export interface PacketSpan {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly end: number;
}

/** Who sent the packet. */
export interface Sender {
  /** "02:00:00:00:00:0a"; null: its device has no Ethernet, or it came through none. */
  readonly mac: string | null;
}

export type Event =
  /** A DNS answer on its way to a device; held by the kernel when it has an id. */
  | ({
      readonly kind: 'answer';
      readonly id: number | null;
      /** Another resolver than the router's own says so. */
      readonly outside: boolean;
      /** All queries that passed before it have been events before it; null: the kernel announces none, and
       * every answer has to be taken for one that was asked for. */
      readonly heard: boolean | null;
      /** So many held answers wait that those which cost no time are let go first. */
      readonly isBehind?: boolean;
    } & PacketSpan)
  /** A DNS query of a device, on its way to a resolver. */
  | ({
      readonly kind: 'query';
      /** Milliseconds since it passed: a busy agent reads it late, and its window began then. */
      readonly age: number;
    } & Sender &
      PacketSpan)
  /** A packet that the ruleset announces: what for stands in the prefix of its log rule. */
  | ({ readonly kind: 'evidence'; readonly prefix: string } & Sender & PacketSpan)
  /** First words of a TLS flow that nobody knows; held by the kernel when it has an id. */
  | ({ readonly kind: 'hello'; readonly id: number | null } & Sender & PacketSpan)
  /** As many held answers were read in a row as there is room for: more may have been dropped. */
  | { readonly kind: 'full' }
  /** Answers wait for their devices' next tokens. */
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
  /** Packets of which too little was copied to read them. */
  cut: number;
  /** Times that there may have been no room for an answer to hold, which was dropped then. */
  full: number;
}

export interface State {
  readonly policy: Policy;
  readonly observer: DnsObserver;
  readonly apps: ReadonlyMap<string, App>;
  /** What the router's own resolver said: for the whole home. */
  readonly learned: Learned;
  /** What resolvers outside said: for the device that asked. */
  readonly pairs: Learned;
  readonly asked: AskedQuestions;
  /** What the ruleset has learned by itself, for the day somebody deletes its table. */
  readonly taught: Taught;
  /** MACs of other routers at home, which tell no device. */
  readonly gateways: Set<string>;
  /** What of it an earlier agent had kept on flash. */
  readonly restored: Restorations;
  /** What may still come for flows that were cut. */
  readonly silence: Silence;
  readonly evidence: EvidenceStore;
  readonly streams: DnsStreams;
  /** Of answers that teach: of a device, and of the home. */
  readonly pace: Pace;
  readonly homePace: Pace;
  /** Of answers that are looked into. */
  readonly looks: Pace;
  /** Of queries for an application's names that are looked into, for the window they open. */
  readonly windows: Pace;
  readonly askers: Askers;
  /** Answers that have passed and are still to be learned. */
  readonly waiting: Waiting;
  /** Of queries that open a window. */
  readonly asking: Pace;
  readonly reports: Reports;
  readonly repeats: Repeats;
  /** When room was made last in the sets of an app, milliseconds. */
  readonly roomMade: Map<string, number>;
  readonly hellos: Hellos;
  /** The last answer with an address that is not public, of each app. */
  readonly standIns: Map<string, StandIn>;
  readonly suspects: Suspects;
  /** What left beside the tunnels. */
  readonly outside: Outside;
  readonly counters: Counters;
  /** The last reasons why a packet could not be read, newest last, at most REASONS of them. */
  readonly reasons: string[];
}

/**
 * The state of a policy: before the first packet, or with what `before` knows of the apps that are
 * still configured. `isOwn` tells the addresses that must never be learned.
 */
export function createState(
  policy: Policy,
  isOwn: (address: string) => boolean,
  before: State | null = null,
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
  const aliases = aliasesUnder(matcher, before);
  const askers = before?.askers ?? createAskers();
  const whoIs = (address: string) => namesOf(askers, address);
  return {
    policy,
    observer: { matcher, profiles, isOwn, nat64, aliases, whoIs },
    apps: new Map(policy.apps.map((app) => [app.name, app])),
    learned,
    pairs,
    asked: before?.asked ?? createAskedQuestions(),
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
    asking: before?.asking ?? createPace(ASKING),
    reports: before?.reports ?? createReports(),
    repeats: before?.repeats ?? createRepeats(),
    roomMade: before?.roomMade ?? new Map(),
    hellos: before?.hellos ?? createHellos(),
    standIns: before?.standIns ?? new Map(),
    suspects: before?.suspects ?? createSuspects(),
    outside,
    counters: before?.counters ?? noCounts(),
    reasons: before?.reasons ?? [],
  };
}

/** Made anew only for other names: that is most of what a new policy costs here. */
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

/** Aliases of names that are still an application's, unless they are kept direct now. */
function aliasesUnder(matcher: NameMatcher, before: State | null): Aliases {
  if (before === null) return createAliases();
  const { aliases, matcher: old } = before.observer;
  if (old === matcher) return aliases;
  retainAliases(aliases, ({ app, name, root }) => {
    const isIts = matchText(matcher, root).some((match) => match.app === app);
    return isIts && !isExceptedText(matcher, app, name);
  });
  return aliases;
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
