// config/claimed-names: the file that remembers which MAC had a name that the configuration asks for:
// leases are gone after a reboot of the router, while devices go on with their addresses for hours. Read
// once; written at a pace that flash bears. Before: config/settings. After: policy/claims.
import { createPace, takeToken } from '../bounds/token-bucket.ts';
import { now } from '../os/clock.ts';
import { parseJson, readKept, type Understood } from '../os/kept-file.ts';
import { CLAIM_WRITES, claimsOf } from '../policy/claims.ts';
import { type Host, hostName } from '../syntax/dhcp-hosts.ts';
import { canonicalMac } from '../wire/mac.ts';

/** In memory what the file holds or would hold, and when it may be written. */
const kept = {
  path: '',
  claims: [] as readonly Host[],
  written: '',
  pace: createPace(CLAIM_WRITES),
};

/**
 * The remembered MACs of the names `asked`, those of `hosts` among them. `write` is called with the text
 * of the file at `path` when it differs and its time has come: a change that waits is written by a later
 * call, with all that came since.
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

/** What is not understood is left out and written no more: the file is aside then. */
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
