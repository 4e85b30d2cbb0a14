// learn/outside: packets of applications that left outside the tunnels: counted and announced by the meter at the
// exit (ruleset/compile/exit-meter), or sent directly before their evidence was known. Kept by app, so bounded by
// the policy; shown by `whp status`.
import type { Ground } from '../ruleset/names.ts';
import type { FlowEnds } from '../wire/flow-text.ts';

export interface Counted {
  readonly packets: number;
  readonly bytes: number;
}

/** The last packet announced by the meter. */
export interface LastOutside {
  readonly flow: FlowEnds;
  readonly ground: Ground;
  /** The range, name, port or peer, in words. */
  readonly why: string;
  /** Milliseconds. */
  readonly at: number;
}

/** Flows cut because their evidence came late, counted in the device's direction until the cut. */
export interface Late extends Counted {
  readonly flows: number;
  /** The last of these flows, and its packets. */
  readonly last: FlowEnds;
  readonly lastPackets: number;
  readonly at: number;
}

export interface Outside {
  /** Counters of the table by name, as last read from the kernel or from a file. */
  counts: ReadonlyMap<string, Counted>;
  /** Packets announced since the counters were read, by app. */
  readonly unread: Map<string, Counted>;
  readonly last: Map<string, LastOutside>;
  readonly late: Map<string, Late>;
}

export function createOutside(): Outside {
  return { counts: new Map(), unread: new Map(), last: new Map(), late: new Map() };
}

/** Notes that the meter announced a packet of `bytes` bytes of `app`. */
export function noteOutside(outside: Outside, app: string, last: LastOutside, bytes: number): void {
  outside.last.set(app, last);
  const known = outside.unread.get(app) ?? { packets: 0, bytes: 0 };
  outside.unread.set(app, { packets: known.packets + 1, bytes: known.bytes + bytes });
}

export function noteCounts(outside: Outside, counts: ReadonlyMap<string, Counted>): void {
  outside.counts = counts;
  outside.unread.clear();
}

/** The counters with what was announced since: for a table loaded without its old counters. */
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

/** Notes that a direct flow of `app` was cut, and what its device had sent until then. */
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
    last: flow,
    lastPackets: packets,
    at: now,
  });
}

/** Forgets applications that are not configured any more. */
export function retainOutside({ last, late, unread }: Outside, apps: readonly string[]): void {
  for (const map of [last, late, unread]) {
    for (const app of map.keys()) if (!apps.includes(app)) map.delete(app);
  }
}
