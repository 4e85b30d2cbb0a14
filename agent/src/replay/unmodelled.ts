// replay/unmodelled: the parts of a policy that replay does not play; the report lists them, so that its result
// is not taken for the router's. Pure.
import type { Policy } from '../policy/policy.ts';
import { counted } from '../syntax/words.ts';

/** One text for each part. `macless`: packets of home devices in frames without a MAC. */
export function unmodelled({ apps, resolverBypass }: Policy, macless: number): string[] {
  const said: string[] = [];
  for (const { name, macs, schedule } of apps) {
    if (schedule !== undefined) said.push(`the hours of ${name}: it is played as if always inside`);
    if (macless > 0 && (macs?.length ?? 0) > 0) {
      said.push(`${counted(macless, 'packet')} without a MAC, which ${name} knows its devices by`);
    }
  }
  if (resolverBypass?.redirect === true) said.push('option dns_redirect');
  return said;
}
