// answers/bypass: which devices ask resolvers other than the router's, and how, from the set that
// ruleset/compile/resolver-bypass fills. For answers/status and daemon/audit.
import { portOf } from '../ruleset/elements.ts';
import { bypassSet } from '../ruleset/names.ts';
import { FAMILIES } from '../ruleset/terms.ts';
import type { DeviceNames } from './device-names.ts';
import { type KernelView, read } from './flows.ts';

export interface BypassAnswer {
  readonly device: string | null;
  readonly address: string;
  readonly how: readonly BypassKind[];
}

/** Plain DNS to another resolver; DNS over TLS or QUIC; a known DNS over HTTPS service. */
export type BypassKind = 'dns' | 'dot' | 'doh';

const BYPASS_PORTS = new Map<number, BypassKind>([
  [53, 'dns'],
  [853, 'dot'],
  [443, 'doh'],
]);

/** The devices in the bypass sets, sorted by address. */
export function bypassAnswer(kernel: KernelView, { nameOf }: DeviceNames): BypassAnswer[] {
  const found = new Map<string, BypassKind[]>();
  for (const family of FAMILIES) {
    for (const { key } of read(kernel, bypassSet(family))) {
      const noted = portOf(key);
      const how = noted === null ? undefined : BYPASS_PORTS.get(noted.port);
      if (noted === null || how === undefined) continue;
      found.set(noted.device, [...(found.get(noted.device) ?? []), how].sort());
    }
  }
  const rows = Array.from(found, ([address, how]) => ({ device: nameOf(address), address, how }));
  return rows.sort((a, b) => (a.address < b.address ? -1 : 1));
}
