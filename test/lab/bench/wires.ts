// The time of each DNS answer in the router: from its arrival on the WAN card to its departure from the LAN
// card. The router's emulator writes both captures with one clock.
import { framesOf } from '../verdict/frames.ts';
import { labelAt, phaseOf } from './answer.ts';

/** An answer that arrived: time in seconds, and of its departure, undefined if it did not leave. */
export interface Passage {
  readonly label: string;
  readonly arrived: number;
  readonly left: number | undefined;
}

/** The first packet of every answer in a capture, by its label. */
function answers(capture: Uint8Array): Map<string, number> {
  const seen = new Map<string, number>();
  for (const { time, bytes, offset, end } of framesOf(capture)) {
    if (offset + 40 > end || bytes[offset] !== 0x45 || bytes[offset + 9] !== 17) continue;
    const port = (bytes[offset + 20]! << 8) | bytes[offset + 21]!;
    const response = (bytes[offset + 30]! & 0x80) !== 0;
    const label = port === 53 && response ? labelAt(bytes, offset + 28, end) : null;
    if (label !== null && !seen.has(label)) seen.set(label, time);
  }
  return seen;
}

/** Every answer that reached the router, by its phase, in order of arrival. */
export function passages(wan: Uint8Array, lan: Uint8Array): Map<string, Passage[]> {
  const left = answers(lan);
  const phases = new Map<string, Passage[]>();
  for (const [label, arrived] of answers(wan)) {
    const phase = phases.get(phaseOf(label)) ?? [];
    phase.push({ label, arrived, left: left.get(label) });
    phases.set(phaseOf(label), phase);
  }
  return phases;
}

/** Milliseconds in the router of the answers that left it, sorted. */
export function durations(phase: readonly Passage[]): number[] {
  return phase
    .flatMap(({ arrived, left }) => (left === undefined ? [] : [(left - arrived) * 1000]))
    .sort((a, b) => a - b);
}

/** The value below which `part` (0..1) of the sorted values lie. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}
