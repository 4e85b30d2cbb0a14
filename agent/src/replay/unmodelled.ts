// replay/unmodelled: what a policy asks for and replay does not play: the report says it, so that its
// verdict is not taken for the router's. Pure.
import type { Policy } from '../policy/policy.ts';

/** In words. `macless`: packets of home devices in frames without a hardware address. */
export function unmodelled({ apps, escape }: Policy, macless: number): string[] {
  const said: string[] = [];
  for (const { name, macs, schedule } of apps) {
    if (schedule !== undefined) said.push(`the hours of ${name}: it is played as if always inside`);
    if (macless > 0 && (macs?.length ?? 0) > 0) {
      said.push(`${macless} packets without a MAC, which ${name} knows its devices by`);
    }
  }
  if (escape?.redirect === true) said.push('option dns_redirect');
  return said;
}
