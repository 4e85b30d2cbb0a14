// ruleset/trace/fake-sets: named sets of the model kernel: intervals of static sets, elements with expiry of
// learned sets. Expired elements disappear at once; in the kernel they may count against the size until the
// next garbage collection, about a second.

import { parseAddress } from '../../wire/address.ts';
import { hexBytes } from '../../wire/hex.ts';
import { macBytes } from '../../wire/mac.ts';
import type { Constant, Datatype, LimitRate, NamedSet } from '../model.ts';

/**
 * A value in a rule: a number, an interface name, an address. Evaluators return null for an unreadable one.
 */
export type Value = number | string | Uint8Array;

/** Key of a learned element (see elements.ts) and its lifetime in ms; absent: the default of the set. */
export interface NewElement {
  readonly key: Uint8Array;
  readonly timeout?: number;
}

export interface Element {
  readonly key: Uint8Array;
  /** Milliseconds, on the clock of `now`. */
  readonly expires: number;
}

interface StaticState {
  readonly role: 'static';
  readonly key: readonly Datatype[];
  readonly boxes: readonly (readonly (readonly [from: string, to: string])[])[];
}

interface LearnedState {
  readonly role: 'learned';
  readonly key: readonly Datatype[];
  readonly size: number;
  readonly timeout: number | null;
  /** Hex of the key -> expiry. */
  readonly entries: Map<string, number>;
  /** Rate limits: hex of the key -> tokens left, and the time of that count. */
  readonly tokens: Map<string, { count: number; at: number }>;
}

export type SetState = StaticState | LearnedState;

export function createSet(set: NamedSet): SetState {
  if (set.role === 'learned') {
    const { key, size, timeout } = set;
    return { role: 'learned', key, size, timeout, entries: new Map(), tokens: new Map() };
  }
  const boxes = set.elements.map((element) =>
    element.map(([from, to], i) => {
      const type = set.key[i]!;
      return [
        hexOf(type, constantValue(type, from)),
        hexOf(type, constantValue(type, to)),
      ] as const;
    }),
  );
  return { role: 'static', key: set.key, boxes };
}

export function hasElement(state: SetState, values: readonly Value[], now: number): boolean {
  if (state.role === 'static') {
    const fields = values.map((value, i) => hexOf(state.key[i]!, value));
    return state.boxes.some((box) =>
      box.every(([from, to], i) => from <= fields[i]! && fields[i]! <= to),
    );
  }
  const expires = state.entries.get(keyOf(state, values));
  return expires !== undefined && expires > now;
}

/** False: the set has no room for a new element, and the rule ends. */
export function updateElement(
  state: SetState,
  values: readonly Value[],
  now: number,
  timeout?: number,
): boolean {
  if (state.role === 'static') return false;
  const life = timeout ?? state.timeout ?? Number.POSITIVE_INFINITY;
  return insert(state, keyOf(state, values), now + life, now);
}

const PER = { second: 1000, hour: 3600000, week: 604800000 } as const;

/**
 * updateElement and a token bucket for the element (nft_limit). False: no token left, or the set is full.
 * With `over`: false while tokens are left, or the set is full.
 */
export function paceElement(
  state: SetState,
  values: readonly Value[],
  now: number,
  { rate, per, burst, over }: LimitRate & { readonly over: boolean },
): boolean {
  if (state.role === 'static') return false;
  const key = keyOf(state, values);
  const alive = (state.entries.get(key) ?? 0) > now;
  if (!updateElement(state, values, now)) return false;
  const known = alive ? state.tokens.get(key) : undefined;
  const gained = known === undefined ? 0 : ((now - known.at) * rate) / PER[per];
  const count = known === undefined ? burst : Math.min(burst, known.count + gained);
  state.tokens.set(key, { count: count >= 1 ? count - 1 : count, at: now });
  return count >= 1 !== over;
}

/** Adds or renews an element as over netlink; false: the set is full. */
export function addElement(state: SetState, element: NewElement, now: number): boolean {
  if (state.role === 'static') return false;
  const life = element.timeout ?? state.timeout ?? Number.POSITIVE_INFINITY;
  return insert(state, hexBytes(element.key), now + life, now);
}

function insert(state: LearnedState, key: string, expires: number, now: number): boolean {
  if (!state.entries.has(key) && state.entries.size >= state.size) {
    for (const [old, until] of state.entries) if (until <= now) state.entries.delete(old);
    if (state.entries.size >= state.size) return false;
  }
  state.entries.set(key, expires);
  return true;
}

export function removeElement(state: SetState, key: Uint8Array): boolean {
  return state.role === 'learned' && state.entries.delete(hexBytes(key));
}

/** Live elements; none for a static set. */
export function elementsOf(state: SetState, now: number): Element[] {
  if (state.role === 'static') return [];
  return [...state.entries]
    .filter(([, expires]) => expires > now)
    .map(([key, expires]) => ({ key: bytesOfHex(key), expires }));
}

function keyOf(state: SetState, values: readonly Value[]): string {
  const [type, ...rest] = state.key;
  // Before another field a MAC is padded to eight bytes.
  const padding = type === 'ether' && rest.length > 0 ? '0000' : '';
  return values.map((value, i) => hexOf(state.key[i]!, value) + (i === 0 ? padding : '')).join('');
}

/** A constant of the ruleset as a value: addresses as bytes, others unchanged. */
export function constantValue(type: Datatype, constant: Constant): Value {
  if (type === 'ether') return macBytes(String(constant))!;
  if (type !== 'ipv4' && type !== 'ipv6') return constant;
  const bytes = parseAddress(String(constant));
  if (bytes === null) throw new Error(`ruleset model: ${constant} is no address`);
  return bytes;
}

/** One field in netlink form: network byte order, padded to 4 bytes on the right. */
function hexOf(type: Datatype, value: Value): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'number') return hexBytes(value);
  // A family is always a key of its own, where the kernel stores one byte.
  if (type === 'family') return value.toString(16).padStart(2, '0');
  const digits = type === 'port' || type === 'mac16' ? 4 : type === 'protocol' ? 2 : 8;
  return value.toString(16).padStart(digits, '0').padEnd(8, '0');
}

function bytesOfHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}
