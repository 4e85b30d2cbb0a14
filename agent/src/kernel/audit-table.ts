// kernel/audit-table: reads the flows in the sets of the audit's table (ruleset/audit), one slice a turn of the
// event loop.
import type { LeftFlow } from '../learn/audit.ts';
import type { Counted } from '../learn/outside.ts';
import { NFPROTO_INET } from '../netlink/constants.ts';
import { done, failed, type KernelResult, refused } from '../netlink/kernel-error.ts';
import { putSetDump } from '../netlink/nft-element.ts';
import { AUDIT_TABLE } from '../ruleset/names.ts';
import { formatAddress } from '../wire/address.ts';
import { bytesIn } from '../wire/hex.ts';
import { TCP, UDP } from '../wire/packet.ts';
import { eachElement } from './set-elements.ts';
import type { Dumps } from './sliced-dump.ts';

const LIFE_SECONDS = 86400;
const WHERE = { family: NFPROTO_INET, table: AUDIT_TABLE };

/** Returns all flows of both sets. */
export function readLeft(dumps: Dumps): Promise<KernelResult<readonly LeftFlow[]>> {
  const found = new Map<string, LeftFlow>();
  return new Promise((resolve) => {
    dumps.read(
      (['flows4', 'flows6'] as const).map((set) => (w, seq) => putSetDump(w, seq, WHERE, set)),
      (message, reader) => {
        eachElement(message, reader, (key, left, counted) => {
          const flow = counted === null ? null : flowOf(bytesIn(key), left ?? 0, counted);
          if (flow !== null) found.set(key, flow);
        });
      },
      ({ errno }) => {
        const error = refused('read', `table inet ${AUDIT_TABLE}`, errno);
        resolve(errno === 0 ? done(Array.from(found.values())) : failed(error));
      },
    );
  });
}

/** Key: device, protocol, remote, both ports; each field is padded to 32 bits. null: an unknown width. */
function flowOf(key: Uint8Array, left: number, counted: Counted): LeftFlow | null {
  const width = key.length === 16 ? 4 : key.length === 40 ? 16 : 0;
  if (width === 0) return null;
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
    ago: Math.max(0, Math.round(LIFE_SECONDS - left / 1000)),
  };
}
