// A session's row: its finding and the ISP wire in one verdict. A packet of the app outside the tunnel fails
// it, unless the session may leak or the packet's remote is excused.
import { remoteOf } from '../verdict/nature.ts';
import type { Sighting } from '../verdict/sighting.ts';
import { HOME_ADDRESS } from '../world/plan.ts';
import type { Fault, Finding } from './fault.ts';

export interface Row extends Finding {
  readonly session: string;
  readonly injected: string;
  /** The excused ones not counted. */
  readonly leaks: number;
}

export function told(one: Sighting): string {
  return `${one.protocol} ${one.source}:${one.sourcePort} > ${one.destination}:${one.destinationPort}`;
}

/** What the far side of a flow goes on sending, as `told` writes it: the flow was direct in an earlier session. */
export function echoes(leaks: readonly Sighting[]): string[] {
  return leaks.map((one) => {
    const { protocol, source, sourcePort, destination, destinationPort } = one;
    const incoming = destination === HOME_ADDRESS;
    return incoming
      ? told(one)
      : `${protocol} ${destination}:${destinationPort} > ${source}:${sourcePort}`;
  });
}

/** `leaks`: the application's packets outside the tunnel during the session. */
export function judged(fault: Fault, finding: Finding, leaks: readonly Sighting[]): Row {
  const { name: session, injected, mayLeak } = fault;
  const { excused } = finding;
  const counted = leaks.filter((one) => excused?.remotes.has(remoteOf(one).address) !== true);
  const apart = leaks.length - counted.length;
  const parts = [
    `${counted.length} leaked${mayLeak === undefined ? '' : ` (${mayLeak})`}`,
    ...(excused === undefined ? [] : [`${apart} outside, ${excused.why}`]),
    finding.verdict,
  ];
  const ok = finding.ok && (counted.length === 0 || mayLeak !== undefined);
  return { ...finding, session, injected, leaks: counted.length, ok, verdict: parts.join('; ') };
}
