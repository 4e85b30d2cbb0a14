// ruleset/trace/evaluate: evaluates the model's expressions and statements for one packet, one evaluator for
// each kind, the counterpart of render. A value that cannot be read ends the rule, like NFT_BREAK in the
// kernel.

import { hexBytes } from '../../wire/hex.ts';
import { type Packet, TCP, UDP } from '../../wire/packet.ts';
import { u16At, u32At } from '../../wire/reader.ts';
import { datatypeOf, FIELDS } from '../fields.ts';
import type { Constant, Expression, Statement, Verdict } from '../model.ts';
import { CONFIRMED } from '../terms.ts';
import { directionOf, type FlowState, type TrackedFlow } from './fake-conntrack.ts';
import {
  constantValue,
  hasElement,
  paceElement,
  type SetState,
  updateElement,
  type Value,
} from './fake-sets.ts';

/** One packet at one hook, with its state so far. */
export interface Visit {
  readonly packet: Packet;
  readonly iif: string;
  /** Source MAC; null: unknown. */
  readonly ether: Uint8Array | null;
  /** Output device by the last routing decision; empty before routing. */
  oif: string;
  /** Output device by the main table, and type of the destination address. */
  readonly mainDevice: string;
  readonly addressType: string;
  mark: number;
  readonly flow: TrackedFlow | null;
  readonly state: FlowState;
  readonly now: number;
  readonly sets: ReadonlyMap<string, SetState>;
  readonly counters: Map<string, { packets: number; bytes: number }>;
  readonly logs: { prefix: string; group: number }[];
  /** Applied MSS limits: bytes, or 'route' for the route's MTU. */
  readonly clamps: (number | 'route')[];
}

type Final = 'accept' | 'drop' | 'reject' | 'queue' | 'masquerade' | 'redirect';

/** Result of a statement: next statement, end of the rule, final verdict, another chain, or return. */
export type StatementResult =
  | 'next'
  | 'break'
  | { readonly final: Final; readonly queue?: number }
  | { readonly chain: Extract<Verdict, { chain: string }> }
  | 'return';

type Evaluators = {
  readonly [K in Expression['kind']]: (
    one: Extract<Expression, { kind: K }>,
    visit: Visit,
  ) => Value | null;
};

const EXPRESSIONS: Evaluators = {
  meta: (one, visit) => {
    switch (one.key) {
      case 'mark':
        return visit.mark;
      case 'l4proto':
        return visit.packet.protocol;
      case 'nfproto':
        return visit.packet.family === 4 ? 2 : 10;
      case 'iiftype':
        return visit.ether === null ? null : ARPHRD_ETHER;
      case 'iifname':
        return visit.iif;
      case 'oifname':
        return visit.oif;
      case 'length':
        return visit.packet.length;
    }
  },
  ct: (one, visit) => {
    if (one.key === 'state') return visit.state;
    if (visit.flow === null) return null;
    if (one.key === 'id') return visit.flow.original;
    if (one.key === 'direction') return directionOf(visit.flow, visit.packet);
    return one.key === 'mark' ? visit.flow.mark : visit.flow.confirmed ? CONFIRMED : 0;
  },
  sent: (_, visit) => visit.flow?.sent ?? null,
  original: (one, visit) =>
    visit.flow !== null && visit.flow.family === one.family ? visit.flow.source : null,
  originalPort: (_, visit) =>
    visit.flow !== null && visit.flow.port >= 0 ? visit.flow.port : null,
  field: (one, visit) => {
    const { base, offset, bytes, family, protocol } = FIELDS[one.name];
    const { packet } = visit;
    if (family !== undefined && family !== packet.family) return null;
    if (protocol !== undefined && protocol !== packet.protocol) return null;
    const start = base === 'network' ? packet.offset : packet.transport;
    return start < 0 ? null : load(packet, start + offset, bytes);
  },
  raw: (one, visit) => {
    const { packet } = visit;
    if (packet.transport < 0) return null;
    return load(packet, packet.transport + one.offset / 8, one.bits / 8);
  },
  payload: (one, visit) => {
    const { payload, payloadEnd, protocol, bytes } = visit.packet;
    if (protocol !== TCP && protocol !== UDP) return null;
    const at = payload + one.offset / 8;
    if (at + one.bits / 8 > payloadEnd) return null;
    return one.bits === 8 ? bytes[at]! : one.bits === 16 ? u16At(bytes, at) : u32At(bytes, at);
  },
  ether: (_, visit) => visit.ether,
  mac: (one, { ether }) => {
    if (ether === null) return null;
    return one.part === 'mac32' ? u32At(ether, 0) : u16At(ether, 4);
  },
  fib: (one, visit) => (one.result === 'type' ? visit.addressType : visit.mainDevice),
  masked: (one, visit) => {
    const value = evaluate(one.of, visit);
    return typeof value === 'number' ? (value & one.mask) >>> 0 : null;
  },
  // A concatenation has several values; keyOf evaluates its parts.
  concat: () => null,
};

/** linux/if_arp.h */
const ARPHRD_ETHER = 1;

/** Bytes of the packet; null if they are not all inside, as in the kernel. */
function load(packet: Packet, at: number, count: number): Value | null {
  const end = Math.min(packet.offset + packet.length, packet.bytes.length);
  if (at + count > end) return null;
  if (count === 1) return packet.bytes[at]!;
  if (count === 2) return u16At(packet.bytes, at);
  // Four bytes before the transport header are an IPv4 address and stay bytes; in the transport they are a
  // number.
  if (count === 4 && packet.transport >= 0 && at >= packet.transport)
    return u32At(packet.bytes, at);
  return packet.bytes.subarray(at, at + count);
}

function evaluate(one: Expression, visit: Visit): Value | null {
  return (EXPRESSIONS[one.kind] as (one: Expression, visit: Visit) => Value | null)(one, visit);
}

function keyOf(one: Expression, visit: Visit): Value[] | null {
  const parts = one.kind === 'concat' ? one.parts : [one];
  const values: Value[] = [];
  for (const part of parts) {
    const value = evaluate(part, visit);
    if (value === null) return null;
    values.push(value);
  }
  return values;
}

function equal(left: Expression, value: Value, right: Constant): boolean {
  if (typeof value !== 'object') return value === right;
  return hexBytes(value) === hexBytes(constantValue(datatypeOf(left), right) as Uint8Array);
}

type Actions = {
  readonly [K in Statement['kind']]: (
    one: Extract<Statement, { kind: K }>,
    visit: Visit,
  ) => StatementResult;
};

function when(condition: boolean): StatementResult {
  return condition ? 'next' : 'break';
}

const STATEMENTS: Actions = {
  compare: (one, visit) => {
    const value = evaluate(one.left, visit);
    if (value === null) return 'break';
    if (one.operator === '>=') return when((value as number) >= (one.right as number));
    return when(equal(one.left, value, one.right) === (one.operator === '=='));
  },
  between: (one, visit) => {
    const value = evaluate(one.left, visit);
    return when(typeof value === 'number' && value >= one.from && value <= one.to);
  },
  oneof: (one, visit) => {
    const value = evaluate(one.left, visit);
    if (value === null) return 'break';
    return when(one.right.some((right) => equal(one.left, value, right)) !== one.not);
  },
  flags: (one, visit) => {
    const value = evaluate(one.left, visit);
    // Confirmed is the only status bit of the model.
    const name = value === CONFIRMED ? 'confirmed' : value;
    return when(typeof name === 'string' && one.any.includes(name));
  },
  lookup: (one, visit) => {
    const key = keyOf(one.left, visit);
    if (key === null) return 'break';
    return when(hasElement(visit.sets.get(one.set)!, key, visit.now) !== one.not);
  },
  update: (one, visit) => {
    const key = keyOf(one.element, visit);
    if (key === null) return 'break';
    return when(updateElement(visit.sets.get(one.set)!, key, visit.now, one.timeout));
  },
  pace: (one, visit) => {
    const key = keyOf(one.element, visit);
    if (key === null) return 'break';
    return when(paceElement(visit.sets.get(one.set)!, key, visit.now, one));
  },
  dispatch: (one, visit) => {
    const value = evaluate(one.left, visit);
    if (value === null) return 'break';
    const entry = one.entries.find(([constant]) => equal(one.left, value, constant));
    return entry === undefined ? 'break' : verdictOutcome(entry[1]);
  },
  mark: (one, visit) => {
    if (one.target === 'meta') visit.mark = ((visit.mark & one.keep) | one.value) >>> 0;
    else if (visit.flow === null) return 'break';
    else visit.flow.mark = ((visit.flow.mark & one.keep) | one.value) >>> 0;
    return 'next';
  },
  count: (one, visit) => {
    const counter = visit.counters.get(one.counter)!;
    counter.packets += 1;
    counter.bytes += visit.packet.length;
    return 'next';
  },
  log: (one, visit) => {
    visit.logs.push({ prefix: one.prefix, group: one.group });
    return 'next';
  },
  queue: (one) => (one.isStrict ? { final: 'drop' } : { final: 'queue', queue: one.number }),
  reject: () => ({ final: 'reject' }),
  end: (_, visit) => when(visit.packet.protocol === TCP),
  untracked: () => 'next',
  clamp: (one, visit) => {
    visit.clamps.push(one.size);
    return 'next';
  },
  masquerade: () => ({ final: 'masquerade' }),
  redirect: () => ({ final: 'redirect' }),
  verdict: (one) => verdictOutcome(one.verdict),
};

function verdictOutcome(verdict: Verdict): StatementResult {
  if ('chain' in verdict) return { chain: verdict };
  return verdict.verdict === 'return' ? 'return' : { final: verdict.verdict };
}

export function execute(one: Statement, visit: Visit): StatementResult {
  return (STATEMENTS[one.kind] as (one: Statement, visit: Visit) => StatementResult)(one, visit);
}
