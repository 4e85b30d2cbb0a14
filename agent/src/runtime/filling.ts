// runtime/filling: where answers are not held, dnsmasq may put their addresses into the sets before it answers.
import { log } from '../os/log.ts';
import type { Policy } from '../policy/policy.ts';
import { type Filling, fillByDnsmasq, filledText, leaveDnsmasq } from '../router/dnsmasq.ts';
import type { TableState } from './table-state.ts';

export interface FillingState {
  /** null: not looked at yet. */
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
    filling.now = { fills: false, why: failed ?? '' };
  }
  const after = filling.now;
  const said = after.fills ? filledText(after.left) : after.why;
  const saidBefore = before === null ? '' : before.fills ? filledText(before.left) : before.why;
  if (said !== saidBefore && said !== '') log('notice', `answers are not held: ${said}`);
  // What is weaker without held answers is less so.
  if (after.fills && problems.has('queue'))
    problems.set('queue', `the kernel has no nft queue: ${said}`);
}
