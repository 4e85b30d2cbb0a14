// runtime/filling: where answers are not held, dnsmasq may add their addresses to the sets before it answers
// (router/dnsmasq).
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { installText } from '../policy/missing-parts.ts';
import type { Policy } from '../policy/policy.ts';
import { type Filling, fillByDnsmasq, filledText, leaveDnsmasq } from '../router/dnsmasq.ts';
import { readInstaller } from '../router/installer.ts';
import type { TableState } from './table-state.ts';

export interface FillingState {
  /** null: not known yet. */
  now: Filling | null;
}

export function createFilling(): FillingState {
  return { now: null };
}

interface FillingNeeds {
  readonly filling: FillingState;
  readonly table: TableState;
  readonly problems: Map<string, string>;
}

export async function keepFilling(
  { filling, table, problems }: FillingNeeds,
  policy: Policy,
): Promise<void> {
  const before = filling.now;
  const isWanted =
    table.piece?.holds !== true && policy.globals.dnsmasq !== false && policy.apps.length > 0;
  if (isWanted) filling.now = await fillByDnsmasq(policy);
  else {
    const failed = before?.fills === false ? null : await leaveDnsmasq();
    filling.now = { fills: false, why: failed === null ? '' : errorText(failed) };
  }
  const after = filling.now;
  const said = after.fills ? filledText(after.left) : after.why;
  const saidBefore = before === null ? '' : before.fills ? filledText(before.left) : before.why;
  if (said !== saidBefore && said !== '') log('notice', `answers are not held: ${said}`);
  // With dnsmasq's help the problem of a missing queue is smaller.
  if (after.fills && problems.has('queue'))
    problems.set(
      'queue',
      `the kernel has no nft queue: ${said}; ${installText('queue', readInstaller())}`,
    );
}
