// kernel/audit-table: the audit's table in the kernel: what its sets hold, read a slice a turn. Before:
// ruleset/audit. After: learn/audit, daemon/audit.

import type { LeftFlow } from '../learn/audit.ts';
import type { Counted } from '../learn/outside.ts';
import { NFPROTO_INET } from '../netlink/constants.ts';
import { type KernelElement, putSetDump, readElements } from '../netlink/nft-element.ts';
import { AUDIT_TABLE } from '../ruleset/names.ts';
import { formatAddress } from '../wire/address.ts';
import { TCP, UDP } from '../wire/packet.ts';
import { readCounters } from './counters.ts';
import type { SetSocket } from './sets.ts';
import type { Dumps } from './sliced-dump.ts';

/** An audit that runs, as the agent keeps it. */
export interface RunningAudit {
  /** Whose it is: the connection of its command; null: its agent has ended, and it may come back. */
  owner: object | null;
  /** When it began, or was found; `now()`. */
  readonly since: number;
  /** The table as it was loaded. */
  text: string;
  /** Somebody has deleted the table: what was counted before is lost. */
  interrupted: boolean;
  /** Apps that were beside the tunnels by the owner's word or by their fallback at some time. */
  readonly chosen: Set<string>;
  /** What the meter had counted when it began, by app. */
  readonly counted: ReadonlyMap<string, Counted>;
}

/** Packets of flows that found no room; null: the table does not stand. */
export function readUnkept(sets: SetSocket): Counted | null {
  return readCounters(sets, AUDIT_TABLE).get('unkept') ?? null;
}

const LIFE_SECONDS = 86400;
const WHERE = { family: NFPROTO_INET, table: AUDIT_TABLE };

/** All flows that the audit has kept. A string is why they could not be read. */
export function readLeft(dumps: Dumps): Promise<readonly LeftFlow[] | string> {
  const found = new Map<string, LeftFlow>();
  return new Promise((resolve) => {
    dumps.read(
      (['flows4', 'flows6'] as const).map((set) => (w, seq) => putSetDump(w, seq, WHERE, set)),
      (message, reader) => {
        const read = readElements(reader, message);
        if (!read.ok) return;
        for (const element of read.value.elements) {
          const flow = flowOf(element);
          if (flow !== null) found.set(String.fromCharCode(...element.key), flow);
        }
      },
      ({ errno }) => {
        const gone = `table ${AUDIT_TABLE} cannot be read (errno ${errno})`;
        resolve(errno === 0 ? Array.from(found.values()) : gone);
      },
    );
  });
}

/** Of a key: device, protocol, remote, both ports, each in whole 32-bit words. */
function flowOf({ key, counted, expiration }: KernelElement): LeftFlow | null {
  const width = key.length === 16 ? 4 : key.length === 40 ? 16 : 0;
  if (width === 0 || counted === undefined) return null;
  const family = width === 4 ? 4 : 6;
  const protocol = key[width]!;
  const ports = 2 * width + 4;
  const hasPorts = protocol === TCP || protocol === UDP;
  const port = (at: number): number => (hasPorts ? (key[at]! << 8) | key[at + 1]! : 0);
  return {
    device: formatAddress(key, 0, family),
    protocol,
    remote: formatAddress(key, width + 4, family),
    devicePort: port(ports),
    remotePort: port(ports + 2),
    ...counted,
    ago: Math.max(0, Math.round(LIFE_SECONDS - (expiration ?? 0) / 1000)),
  };
}
