// profile/glance-names: the names of all applications as one array for the host program (agent/native/glance.c),
// which looks at a DNS message before the script runs. An entry is the end of a name without wildcards, so the array
// has more names than the matcher, and none less: exceptions are left out, and a pattern counts from its last wildcard on.
//
// Bytes: `whp`, 1; for each of the 4,096 tail keys (wire/dns-walk) the offset of its list, 16 bits, network order;
// the lists: each entry a length byte and that many bytes of the name in wire form, behind the last one a 0.
import type { Bucket, NameMatcher } from './name-match.ts';

const HEADER = [0x77, 0x68, 0x70, 1];
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
    for (const end of list.flatMap(endsOf)) lists.push(end.length, ...end);
    lists.push(0);
    if (lists.length > MOST) return null;
  }
  const array = new Uint8Array(LISTS + lists.length);
  array.set(HEADER);
  array.set(offsets, HEADER.length);
  array.set(lists, LISTS);
  return array;
}

/** The ends of names that an entry of the bucket may match, without those that end in another one. */
function endsOf(bucket: Bucket): number[][] {
  const tail = [...labelBytes(bucket.second), ...labelBytes(bucket.top)];
  const ends = bucket.entries.map(({ labels }) => {
    const end = tail.slice();
    for (const [only, more] of labels) {
      if (more !== undefined || only?.kind !== 'text') break;
      end.unshift(...labelBytes(only.bytes));
    }
    return end;
  });
  ends.sort((a, b) => a.length - b.length);
  return ends.reduce<number[][]>((kept, end) => {
    if (!kept.some((shorter) => isEnd(shorter, end))) kept.push(end);
    return kept;
  }, []);
}

function labelBytes(label: Uint8Array): number[] {
  return [label.length, ...label];
}

function isEnd(shorter: readonly number[], end: readonly number[]): boolean {
  const from = end.length - shorter.length;
  return shorter.every((byte, i) => end[from + i] === byte);
}
