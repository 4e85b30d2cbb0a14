// learn/effect: what an event asks for, as values in the order in which they have to be run. Made by step/ and
// by what it asks here, run by runtime/effects.

import type { Flow, FlowEvidence } from './evidence.ts';
import type { Wish } from './late-flows.ts';
import type { NamedServer } from './named-servers.ts';
import type { Lesson } from './observe-dns.ts';

export interface TimedElement {
  readonly key: Uint8Array;
  /** Milliseconds. */
  readonly timeout: number;
}

/** In the order in which they have to be run: what a held packet teaches, then its verdict. */
export type Effect =
  /** Nothing was done yet: the event comes again as `heard`, behind the queries that wait. */
  | { readonly kind: 'hear' }
  | { readonly kind: 'renew'; readonly set: string; readonly elements: readonly TimedElement[] }
  | { readonly kind: 'forget'; readonly set: string; readonly keys: readonly Uint8Array[] }
  /** `behind`: a segment of a stream; what it repeats may still wait for its lesson. */
  | { readonly kind: 'release'; readonly id: number; readonly behind?: true }
  /** An answer that matches and teaches nothing: nobody asked, or its device floods us with them. It must
   * not pass untaught; the device asks again. */
  | { readonly kind: 'refuse'; readonly id: number }
  /** The same for a held ClientHello. `again`: the rules know its server now and refuse the flow. */
  | { readonly kind: 'pass'; readonly id: number; readonly again: boolean }
  /** A flow that was direct before its evidence: delete its conntrack entry. */
  | {
      readonly kind: 'cut';
      readonly app: string;
      readonly flow: Flow;
      /** Its packet that was refused. */
      readonly refused: { readonly packets: number; readonly bytes: number };
    }
  /** Flows that run already may be the application's by what was just learned. */
  | { readonly kind: 'late'; readonly wish: Wish }
  /** A set that the ruleset fills has no room left: its oldest elements have to go. */
  | { readonly kind: 'make-room'; readonly app: string }
  | { readonly kind: 'report'; readonly text: string }
  | { readonly kind: 'told'; readonly what: MonitorEvent };

/** What `whp monitor` shows. */
export type MonitorEvent =
  | { readonly kind: 'lesson'; readonly lesson: Lesson }
  | { readonly kind: 'asked'; readonly app: string; readonly device: string; readonly name: string }
  | { readonly kind: 'hello'; readonly named: NamedServer }
  | { readonly kind: 'evidence'; readonly evidence: FlowEvidence };
