// learn/chain: the names reached from an application's names by the CNAME, DNAME, SVCB, HTTPS, SRV and NAPTR
// records of one message, in any order. learn/observe-dns takes their addresses, learn/aliases the names to
// expect in later queries. Pure; bounded for any message.
import type { DnsMessage, DnsRecord } from '../wire/dns.ts';
import { TYPE_DNAME } from '../wire/dns-targets.ts';

/** How a name was reached. */
export interface Reached {
  /** Records followed from an application's name; 0: an application's name itself. */
  readonly depth: number;
  /** TTL of the record that led here; 0: a start, not reached by a record of this message. */
  readonly ttlSeconds: number;
}

/** Most records followed in sequence, over one answer or several. Resolvers follow 8 to 16. */
export const MOST_STEPS = 16;
/** Most DNAME records applied in one message; honest answers have one or a few. */
const MOST_DNAMES = 8;
/** Most characters of a name as text (RFC 1035 section 2.3.4). */
const LONGEST_NAME = 253;

export interface NameChain {
  readonly reached: ReadonlyMap<string, Reached>;
  /** The chain goes on after MOST_STEPS. */
  readonly isCut: boolean;
}

/** Follows the records of a message from `starts` (name to records already followed from an application's name).
 * Visits every name once. */
export function chainFrom(
  message: Pick<DnsMessage, 'records'>,
  starts: ReadonlyMap<string, number>,
): NameChain {
  const reached = new Map<string, Reached>();
  for (const [name, depth] of starts) reached.set(name, { depth, ttlSeconds: 0 });
  const { byOwner, renames } = recordsByOwner(message.records);
  let isCut = false;
  // A Map iterates in insertion order and includes entries added during the iteration.
  for (const [name, { depth: steps }] of reached) {
    for (const { target, ttlSeconds } of nextOf(name, byOwner, renames)) {
      const known = reached.get(target);
      if (known !== undefined) {
        if (!starts.has(target) && known.ttlSeconds < ttlSeconds) {
          reached.set(target, { depth: known.depth, ttlSeconds });
        }
      } else if (steps >= MOST_STEPS) isCut = true;
      else reached.set(target, { depth: steps + 1, ttlSeconds });
    }
  }
  return { reached, isCut };
}

interface Next {
  readonly target: string;
  readonly ttlSeconds: number;
}

function recordsByOwner(records: readonly DnsRecord[]) {
  const byOwner = new Map<string, Next[]>();
  const renames: { readonly owner: string; readonly next: Next }[] = [];
  for (const { owner, target, type, ttlSeconds } of records) {
    if (target === null || target.text === owner.text) continue;
    const next = { target: target.text, ttlSeconds };
    if (type === TYPE_DNAME) {
      if (renames.length < MOST_DNAMES) renames.push({ owner: owner.text, next });
      continue;
    }
    const known = byOwner.get(owner.text);
    if (known === undefined) byOwner.set(owner.text, [next]);
    else known.push(next);
  }
  return { byOwner, renames };
}

function nextOf(
  name: string,
  byOwner: ReadonlyMap<string, Next[]>,
  renames: readonly { readonly owner: string; readonly next: Next }[],
): readonly Next[] {
  const named = byOwner.get(name) ?? [];
  if (renames.length === 0) return named;
  // RFC 6672 section 2.2: a DNAME renames the names below its owner, not the owner itself.
  const below = renames.filter(({ owner }) => name.endsWith(`.${owner}`));
  const renamed = below.map(({ owner, next: { target, ttlSeconds } }) => {
    return { target: `${name.slice(0, -owner.length)}${target}`, ttlSeconds };
  });
  return [...named, ...renamed.filter(({ target }) => target.length <= LONGEST_NAME)];
}
