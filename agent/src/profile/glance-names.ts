// profile/glance-names: the names of all applications as one array for the host program (agent/native/glance.c),
// which looks at a DNS message before the script runs. An entry is the end of a name without wildcards, so the array
// has more names than the matcher, and none less: a pattern counts from its last wildcard on. An entry that decides
// alone names its application. Patterns and exceptions do not: the script decides.
//
// Bytes: `whp`, 2; for each of the 4,096 tail keys (wire/dns-walk) the offset of its list, 16 bits, network order;
// the lists: each entry a length byte, the number of the application from 1 (NOT_SAID: the script decides; with EXACT:
// of no longer name) and as many bytes of the name in wire form, behind the last one a 0.
import type { Bucket, NameMatcher } from './name-match.ts';

const HEADER = [0x77, 0x68, 0x70, 2];
const EXACT = 0x80;
const NOT_SAID = 0x7f;
const KEYS = 4096;
const LISTS = HEADER.length + 2 * KEYS;
/** The offset of a list has 16 bits; the host program takes no more. */
const MOST = 0xf000;

/** Null: the names need more than MOST bytes; the host program then looks at nothing. */
export function glanceNames({ buckets }: NameMatcher): Uint8Array | null {
  const lists: number[] = [0];
  const offsets = new Uint8Array(2 * KEYS);
  for (const [key, list] of buckets) {
    offsets.set([lists.length >> 8, lists.length & 255], 2 * key);
    for (const { end, said } of list.flatMap(endsOf)) lists.push(end.length, said, ...end);
    lists.push(0);
    if (lists.length > MOST) return null;
  }
  const array = new Uint8Array(LISTS + lists.length);
  array.set(HEADER);
  array.set(offsets, HEADER.length);
  array.set(lists, LISTS);
  return array;
}

interface End {
  readonly app: number;
  /** As in the array. */
  readonly said: number;
  readonly end: readonly number[];
}

/** The ends of names that an entry of the bucket may match, without those that end in another one of the same
 * application which decides. */
function endsOf(bucket: Bucket): End[] {
  const tail = [...labelBytes(bucket.second), ...labelBytes(bucket.top)];
  const endOf = ({ app, labels, below }: Bucket['entries'][number]): End => {
    const end = tail.slice();
    let isWhole = true;
    for (const [only, more] of labels) {
      if (more !== undefined || only?.kind !== 'text') {
        isWhole = false;
        break;
      }
      end.unshift(...labelBytes(only.bytes));
    }
    return { app, said: isWhole ? (app + 1) | (below ? 0 : EXACT) : NOT_SAID, end };
  };
  if (bucket.entries.length === 0) return [];
  const ends = bucket.entries.map(endOf);
  ends.sort((a, b) => a.end.length - b.end.length);
  const kept: End[] = [];
  for (const one of ends) if (!kept.some((shorter) => covers(shorter, one))) kept.push(one);
  return [...kept, ...bucket.except.map((one) => ({ ...endOf(one), said: NOT_SAID }))];
}

/** Whether `other` says nothing of a name that `one` does not say. */
function covers(one: End, other: End): boolean {
  const isDecided = one.app === other.app && (one.said & EXACT) === 0;
  return (isDecided || one.said === NOT_SAID) && isEnd(one.end, other.end);
}

function labelBytes(label: Uint8Array): number[] {
  return [label.length, ...label];
}

function isEnd(shorter: readonly number[], end: readonly number[]): boolean {
  const from = end.length - shorter.length;
  return shorter.every((byte, i) => end[from + i] === byte);
}
