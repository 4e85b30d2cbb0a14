// learn/chain: the names that a message leads to from the names of an application: by CNAME, DNAME, SVCB,
// HTTPS, SRV and NAPTR, its records in any order. Before: wire/dns. After: observe-dns (addresses) and
// aliases (names that are asked for next). Pure; bounded, whatever the message says.
import type { DnsMessage, DnsRecord } from '../wire/dns.ts';
import { TYPE_DNAME } from '../wire/dns-targets.ts';

/** A name, and how it was reached. */
export interface Reached {
  /** Records followed from an application's name; 0: it is one. */
  readonly depth: number;
  /** Of the record that led here; 0: none of this message has. */
  readonly ttlSeconds: number;
}

/** Names followed one from the other, over one answer or several. Resolvers follow 8 to 16. */
export const MOST_STEPS = 16;
/** DNAME records that are applied in one message: honest answers have one, a chain of them a few. */
const MOST_DNAMES = 8;
/** RFC 1035 section 2.3.4, written as text. */
const LONGEST_NAME = 253;

export interface Chain {
  readonly reached: ReadonlyMap<string, Reached>;
  /** It goes on behind MOST_STEPS. */
  readonly isCut: boolean;
}

/**
 * Follows the records of a message from the names `starts`, each with the steps that have led to it from
 * an application's name. Every name is visited once.
 */
export function chainFrom(
  message: Pick<DnsMessage, 'records'>,
  starts: ReadonlyMap<string, number>,
): Chain {
  const reached = new Map<string, Reached>();
  for (const [name, depth] of starts) reached.set(name, { depth, ttlSeconds: 0 });
  const { byOwner, renames } = recordsByOwner(message.records);
  let isCut = false;
  // A Map is iterated in the order of insertion, what is added meanwhile included.
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
  // RFC 6672 section 2.2: names below the owner go to the same names below the target, the owner not.
  const below = renames.filter(({ owner }) => name.endsWith(`.${owner}`));
  const renamed = below.map(({ owner, next: { target, ttlSeconds } }) => {
    return { target: `${name.slice(0, -owner.length)}${target}`, ttlSeconds };
  });
  return [...named, ...renamed.filter(({ target }) => target.length <= LONGEST_NAME)];
}
