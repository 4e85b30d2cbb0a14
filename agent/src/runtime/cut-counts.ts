// runtime/cut-counts: counts the packets that a late flow had sent beside the tunnels before it is ended. Reads
// them from its conntrack entry before that is deleted, for `whp status` and the log.

import { reportOnce } from '../bounds/log-once.ts';
import { noteLate } from '../learn/outside.ts';
import type { Connection, Tuple } from '../netlink/conntrack.ts';
import { now } from '../os/clock.ts';
import { log } from '../os/log.ts';
import type { State } from '../step/state.ts';
import { flowText } from '../wire/flow-text.ts';

const SAME_MILLISECONDS = 1000;

/** `outward`: the device began the flow. `refused`: packets that the entry counts and the table has rejected. */
export function noteCut(
  state: State,
  app: string,
  { original, reply, packets, bytes }: Pick<Connection, 'original' | 'reply' | 'packets' | 'bytes'>,
  outward = true,
  refused: { readonly packets: number; readonly bytes: number } = { packets: 0, bytes: 0 },
): void {
  // The flow was in a tunnel and has lost its mark: the meter counts it.
  if (isInner(state, reply)) return;
  const left = outward ? 'original' : 'reply';
  const sent = { packets: packets[left] - refused.packets, bytes: bytes[left] - refused.bytes };
  if (sent.packets <= 0) return;
  const flow = outward ? original : reply;
  // An announced packet and the search for late flows may both find the flow.
  const known = state.outside.late.get(app);
  const isSame = known !== undefined && flowText(known.last) === flowText(flow);
  if (isSame && now() - known.at < SAME_MILLISECONDS) return;
  noteLate(state.outside, app, flow, sent, now());
  const many = sent.packets === 1 ? 'a packet' : `${sent.packets} packets`;
  const text = `${app}: ${many} of ${flowText(flow)} had left before the evidence came`;
  const said = reportOnce(state.reports, `late ${app}`, text, now());
  if (said !== null) log('notice', said);
}

function isInner({ policy }: State, { destination }: Tuple): boolean {
  return policy.proxies.some(
    ({ local, inner6 }) => local === destination || inner6?.local === destination,
  );
}
