// answers/bypass: which devices ask resolvers other than the router's, and how, from the set that
// ruleset/compile/resolver-bypass fills. For answers/status and daemon/audit.
import { portOf } from '../ruleset/elements.ts';
import { bypassSet } from '../ruleset/names.ts';
import { FAMILIES } from '../wire/address.ts';
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

const WORDS = { dns: 'DNS', dot: 'DoT or DoQ', doh: 'DoH' } as const;
const REFUSALS = { dot: 'dns_reject_dot', doh: 'dns_reject_doh' } as const;

/** "tv (192.168.1.11) asks other resolvers (DNS, DoH)". */
export function bypassText({ device, address, how }: BypassAnswer): string {
  const who = device === null ? address : `${device} (${address})`;
  return `${who} asks other resolvers (${how.map((kind) => WORDS[kind]).join(', ')})`;
}

/** The commands that end what cannot be read; null: plain DNS alone, which is read as it passes. */
export function bypassFix({ how }: BypassAnswer): string | null {
  const sets = how.flatMap((kind) =>
    kind === 'dns' ? [] : [`uci set whp.globals.${REFUSALS[kind]}='1'; `],
  );
  return sets.length === 0 ? null : `${sets.join('')}uci commit whp; whp reload`;
}

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
