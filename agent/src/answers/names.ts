// answers/names: the names that a command line may have, for completion: apps, proxies, devices and so on. Pure.
import type { Policy } from '../policy/policy.ts';
import type { Host } from '../syntax/dhcp-hosts.ts';
import type { UciPackage } from '../syntax/uci.ts';

export const NAME_KINDS = ['apps', 'devices', 'groups', 'pins', 'profiles', 'proxies'] as const;
export type NameKind = (typeof NAME_KINDS)[number];

export function isNameKind(word: string): word is NameKind {
  return (NAME_KINDS as readonly string[]).includes(word);
}

export interface CompletionSources {
  readonly policy: Pick<Policy, 'apps' | 'proxies'>;
  readonly uci: UciPackage;
  readonly hosts: readonly Host[];
  readonly profiles: Iterable<string>;
  readonly pins: readonly { readonly address: string }[];
}

export interface NamesAnswer {
  readonly rows: readonly string[];
}

/** Most names of a kind: more than a person reads. */
const MOST = 200;

/** Devices choose their DHCP names. The shell would expand a name with other characters, or split it at a colon. */
const PLAIN = /^\w[\w.-]*$/;

export function namesAnswer(kind: NameKind, from: CompletionSources): NamesAnswer {
  const plain = Array.from(namesOf(kind, from)).filter((name) => PLAIN.test(name));
  return { rows: Array.from(new Set(plain)).sort().slice(0, MOST) };
}

function namesOf(kind: NameKind, from: CompletionSources): Iterable<string> {
  switch (kind) {
    case 'apps':
      return from.policy.apps.map(({ name }) => name);
    case 'proxies':
      return from.policy.proxies.map(({ name }) => name);
    case 'profiles':
      return from.profiles;
    case 'pins':
      return from.pins.map(({ address }) => address);
    case 'groups':
      return sectionsOf(from.uci, 'group');
    case 'devices':
      return [...sectionsOf(from.uci, 'device'), ...from.hosts.flatMap(({ name }) => name ?? [])];
  }
}

function sectionsOf({ sections }: UciPackage, type: string): string[] {
  return sections.flatMap((one) => (one.type === type ? (one.name ?? []) : []));
}
