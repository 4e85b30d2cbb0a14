// config/claimed-names: the file of MACs that have used a host name of the configuration (policy/claims).
// Leases are lost when the router reboots, while devices keep their addresses for hours. Read once; writes
// are rate-limited, since the file is on flash.
import { createPace, takeToken } from '../bounds/token-bucket.ts';
import { now } from '../os/clock.ts';
import { parseJson, readKept, type Understood } from '../os/kept-file.ts';
import { CLAIM_WRITES, claimsOf } from '../policy/claims.ts';
import { type Host, hostName } from '../syntax/dhcp-hosts.ts';
import { canonicalMac } from '../wire/mac.ts';

/** The claims in memory, the text last written, and the token bucket for writes. */
const kept = {
  path: '',
  claims: [] as readonly Host[],
  written: '',
  pace: createPace(CLAIM_WRITES),
};

/**
 * The known MACs of the names `asked`, those of `hosts` included. Calls `write` with the new text of the file
 * at `path` if the text has changed and a token is left; a later call writes what was deferred.
 */
export function claimedNames(
  path: string,
  asked: ReadonlySet<string>,
  hosts: readonly Host[],
  write: (text: string) => void,
): readonly Host[] {
  if (kept.path !== path) {
    const claims = readKept(path, namesIn)?.value ?? [];
    Object.assign(kept, { path, claims, written: textOf(claims) });
  }
  const known = kept.claims.filter(({ name }) => asked.has(name!));
  const seen = hosts.filter(({ name }) => name !== null && asked.has(name));
  kept.claims = claimsOf(known, seen);
  const text = textOf(kept.claims);
  if (text !== kept.written && takeToken(kept.pace, '', now())) {
    kept.written = text;
    write(text);
  }
  return kept.claims;
}

function textOf(claims: readonly Host[]): string {
  return `${JSON.stringify(claims.map(({ mac, name }) => ({ mac, name })))}\n`;
}

/** Unreadable entries are dropped: readKept renames such a file before it is written again. */
function namesIn(text: string): Understood<Host[]> {
  const list = parseJson(text);
  const entries: unknown[] = Array.isArray(list) ? list : [];
  const hosts = entries.flatMap((one): Host[] => {
    const { mac, name } = (one ?? {}) as { mac?: unknown; name?: unknown };
    const [known, called] = [canonicalMac(String(mac)), hostName(String(name))];
    return known === null || called === null ? [] : [{ mac: known, name: called, address: null }];
  });
  const isGood = Array.isArray(list) && hosts.length === entries.length;
  return {
    value: hosts,
    wrong: isGood ? null : 'holds no names of devices, or not all can be read',
  };
}
