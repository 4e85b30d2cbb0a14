// learn/endpoint-names: which entries of a store (learn/endpoints) a name has led to, so that one name does not fill it.
import type { Family } from '../wire/address.ts';

export interface NameIndex {
  /** Keys of the entries of a name, by app, family, name and (pairs) device. */
  readonly names: Map<string, Set<string>>;
  /** True: the store holds pairs, each valid for its device alone. */
  readonly isPairs: boolean;
}

interface NamedEntry {
  readonly app: string;
  readonly family: Family;
  readonly name: string;
  readonly device: string;
  readonly mac: string | null;
}

function nameKey({ isPairs }: NameIndex, entry: NamedEntry): string {
  const { app, family, name, device, mac } = entry;
  return `${app} ${family} ${name}${isPairs ? ` ${mac ?? device}` : ''}`;
}

/** The keys of the entries that have the name of `entry`; undefined: none has. */
export function keysOfName(index: NameIndex, entry: NamedEntry): ReadonlySet<string> | undefined {
  return index.names.get(nameKey(index, entry));
}

/** `key` is the key of `entry`. */
export function addName(index: NameIndex, entry: NamedEntry, key: string): void {
  const name = nameKey(index, entry);
  const keys = index.names.get(name) ?? new Set<string>();
  index.names.set(name, keys);
  keys.add(key);
}

export function dropName(index: NameIndex, entry: NamedEntry, key: string): void {
  const name = nameKey(index, entry);
  const keys = index.names.get(name);
  keys?.delete(key);
  if (keys?.size === 0) index.names.delete(name);
}
