// learn/effect: the effects an event calls for, as values in the order in which to run them. Made by step/, run
// by runtime/effects.

import type { Flow, FlowEvidence } from './evidence.ts';
import type { Recheck } from './late-flows.ts';
import type { NamedServer } from './named-servers.ts';
import type { Lesson } from './observe-dns.ts';

export interface TimedElement {
  readonly key: Uint8Array;
  /** Milliseconds; absent: that of the set. */
  readonly timeout?: number;
}

/** One effect. Order matters: the elements of a held packet's lesson precede its verdict. */
export type Effect =
  /** Nothing was done: the runtime repeats the event as `heard` after the waiting queries. */
  | { readonly kind: 'hear' }
  | { readonly kind: 'renew'; readonly set: string; readonly elements: readonly TimedElement[] }
  | { readonly kind: 'forget'; readonly set: string; readonly keys: readonly Uint8Array[] }
  /** `behind`: a later segment of a stream; the lesson of a segment it repeats may still wait. */
  | { readonly kind: 'release'; readonly id: number; readonly behind?: true }
  /** Drops a matching answer without a lesson: no query is open for it, or its device is over its rate. It must
   * not pass without teaching; the device asks again. */
  | { readonly kind: 'refuse'; readonly id: number }
  /** Verdict on a held ClientHello. `again`: the rules judge it again, as the sets now contain its server. */
  | { readonly kind: 'pass'; readonly id: number; readonly again: boolean }
  /** Delete the conntrack entry of a flow that began on the direct path before its evidence. */
  | {
      readonly kind: 'cut';
      readonly app: string;
      readonly flow: Flow;
      /** The packet of that flow that was refused. */
      readonly refused: { readonly packets: number; readonly bytes: number };
    }
  /** Check running flows again: what was just learned may apply to them. */
  | { readonly kind: 'late'; readonly recheck: Recheck }
  /** A set that the ruleset fills is full: evict its oldest elements. */
  | { readonly kind: 'make-room'; readonly app: string }
  | { readonly kind: 'report'; readonly text: string }
  | { readonly kind: 'monitor'; readonly event: MonitorEvent };

export const NO_EFFECTS: readonly Effect[] = [];

/** What `whp monitor` shows. */
export type MonitorEvent =
  | { readonly kind: 'lesson'; readonly lesson: Lesson }
  | { readonly kind: 'asked'; readonly app: string; readonly device: string; readonly name: string }
  | { readonly kind: 'hello'; readonly named: NamedServer }
  | { readonly kind: 'evidence'; readonly evidence: FlowEvidence };
