// reconcile/set-changes: pauses, schedules and pins are set elements. Tells whether two policies differ in these
// alone, and returns the set changes between them; runtime/enforce then needs neither the compiler nor nft. Pure.
import type { SetChange } from '../netlink/nft-set.ts';
import type { Policy } from '../policy/policy.ts';
import { pinSet } from '../ruleset/compile/sets.ts';
import { addressKey } from '../ruleset/elements.ts';
import type { StaticSet } from '../ruleset/model.ts';
import { elementList } from '../ruleset/render-words.ts';
import type { TableParts } from '../ruleset/transaction.ts';
import { FAMILIES } from '../wire/address.ts';
import { isSame } from './same.ts';

/** Whether the policies differ in pauses, schedules or pins, and in nothing else. */
export function differInChoices(before: Policy, next: Policy): boolean {
  const isRestSame =
    before.apps.length === next.apps.length &&
    next.apps.every((app, i) => sameBut(['direct', 'pins'], app, before.apps[i]!)) &&
    sameBut(['apps'], before, next);
  return isRestSame && !isSame(choicesIn(before), choicesIn(next));
}

function choicesIn({ apps }: Policy) {
  return apps.map(({ direct, pins }) => [direct, pins]);
}

function sameBut<T extends object>(but: readonly (keyof T)[], a: T, b: T): boolean {
  const keys = Object.keys({ ...a, ...b }) as (keyof T)[];
  return keys.every((key) => but.includes(key) || isSame(a[key], b[key]));
}

/** Changes from the pins of `before` to those of `next`, for one transaction. */
export function pinChanges(before: Policy, next: Policy): SetChange[] {
  const old = pinned(before);
  const now = pinned(next);
  return [...missing('delete', now, old), ...missing('add', old, now)];
}

/** The addresses of `all` that `from` does not have. */
function missing(operation: 'add' | 'delete', from: Pinned, all: Pinned): SetChange[] {
  return Array.from(all).flatMap(([set, addresses]) => {
    const known = from.get(set) ?? [];
    const elements = addresses
      .filter((address) => !known.includes(address))
      .map((address) => ({ key: addressKey(address)! }));
    return elements.length === 0 ? [] : [{ operation, set, elements }];
  });
}

/** By set, its addresses as text. */
type Pinned = ReadonlyMap<string, readonly string[]>;

function pinned(policy: Policy): Pinned {
  const texts = ({ elements }: StaticSet): string[] => elements.map(([span]) => String(span![0]));
  return new Map(pinSets(policy).map((set) => [set.name, texts(set)]));
}

function pinSets({ apps }: Policy): StaticSet[] {
  return apps.flatMap((app) => FAMILIES.map((family) => pinSet(app, family)));
}

/** `parts` with the pins of `policy`, as compile and render would write them. */
export function withPins(parts: TableParts, policy: Policy): TableParts {
  const texts = new Map(pinSets(policy).map((set) => [set.name, elementList(set)]));
  const sets = parts.sets.map((set) => {
    const elements = texts.get(set.name);
    return elements === undefined || elements === set.elements ? set : { ...set, elements };
  });
  return { ...parts, sets };
}
