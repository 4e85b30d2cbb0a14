// learn/outside: packets of applications that left beside the tunnels: what the meter at the exit
// (ruleset/compile/exit-meter) has counted and announced, and what was direct until its evidence came. By app,
// so as many as the policy has. Before: step/outside, kernel/counters, runtime/late-flows. After: `whp status`.
import type { Ground } from '../ruleset/names.ts';
import { type FlowEnds, flowText } from '../wire/flow-text.ts';

export interface Counted {
  readonly packets: number;
  readonly bytes: number;
}

/** The last packet that the meter announced. */
export interface LastOutside {
  readonly flow: string;
  readonly ground: Ground;
  /** Which range, name, port or peer speaks for it, in words. */
  readonly why: string;
  /** Milliseconds. */
  readonly at: number;
}

/** Flows that were direct before their evidence came, in the device's direction, until they were cut. */
export interface Late extends Counted {
  readonly flows: number;
  /** The last of them, and what it had sent. */
  readonly last: string;
  readonly lastPackets: number;
  readonly at: number;
}

export interface Outside {
  /** The table's counters by name, as they were read last, or as a file had them. */
  counts: ReadonlyMap<string, Counted>;
  /** Packets announced since the counters were read. */
  readonly unread: Map<string, Counted>;
  readonly last: Map<string, LastOutside>;
  readonly late: Map<string, Late>;
}

export function createOutside(): Outside {
  return { counts: new Map(), unread: new Map(), last: new Map(), late: new Map() };
}

/** The meter has announced a packet of `bytes` of `app`. */
export function noteOutside(outside: Outside, app: string, last: LastOutside, bytes: number): void {
  outside.last.set(app, last);
  const known = outside.unread.get(app) ?? { packets: 0, bytes: 0 };
  outside.unread.set(app, { packets: known.packets + 1, bytes: known.bytes + bytes });
}

export function noteCounts(outside: Outside, counts: ReadonlyMap<string, Counted>): void {
  outside.counts = counts;
  outside.unread.clear();
}

/** The counters as far as is known: for a table that has to be loaded without what it had counted. */
export function knownCounts(
  { counts, unread }: Outside,
  counterOf: (app: string) => string,
): Map<string, Counted> {
  const known = new Map(counts);
  for (const [app, { packets, bytes }] of unread) {
    const before = known.get(counterOf(app)) ?? { packets: 0, bytes: 0 };
    known.set(counterOf(app), {
      packets: before.packets + packets,
      bytes: before.bytes + bytes,
    });
  }
  return known;
}

/** A flow of `app` was cut that had been direct; what its device had sent until then. */
export function noteLate(
  outside: Outside,
  app: string,
  flow: FlowEnds,
  { packets, bytes }: Counted,
  now: number,
): void {
  const known = outside.late.get(app);
  outside.late.set(app, {
    flows: (known?.flows ?? 0) + 1,
    packets: (known?.packets ?? 0) + packets,
    bytes: (known?.bytes ?? 0) + bytes,
    last: flowText(flow),
    lastPackets: packets,
    at: now,
  });
}

/** Forgets the applications that are no longer configured. */
export function retainOutside({ last, late, unread }: Outside, apps: readonly string[]): void {
  for (const map of [last, late, unread]) {
    for (const app of map.keys()) if (!apps.includes(app)) map.delete(app);
  }
}
