// ruleset/terms: short constructors for expressions and statements, used by the compile files.

import type { Family } from '../wire/address.ts';
import { TCP, UDP } from '../wire/packet.ts';
import type {
  Constant,
  Expression,
  FieldName,
  LimitRate,
  Rule,
  Statement,
  Verdict,
} from './model.ts';

/** Protocols with ports, and the names of their port sets. */
export const TRANSPORTS = [
  ['udp', UDP],
  ['tcp', TCP],
] as const;

/** Family numbers of netfilter (NFPROTO_IPV4, NFPROTO_IPV6). */
export const NFPROTO = { 4: 2, 6: 10 } as const;

export const metaMark: Expression = { kind: 'meta', key: 'mark' };
export const l4proto: Expression = { kind: 'meta', key: 'l4proto' };
export const nfproto: Expression = { kind: 'meta', key: 'nfproto' };
export const iifname: Expression = { kind: 'meta', key: 'iifname' };
export const ether: Expression = { kind: 'ether' };
/** The source MAC as two fields of a key. */
export const macParts: readonly Expression[] = [
  { kind: 'mac', part: 'mac32' },
  { kind: 'mac', part: 'mac16' },
];
/** The packet came by an Ethernet device (ARPHRD_ETHER): it has a source MAC. */
export const hasMac: Statement = is({ kind: 'meta', key: 'iiftype' }, 1);
export const oifname: Expression = { kind: 'meta', key: 'oifname' };
export const ipLength: Expression = { kind: 'meta', key: 'length' };
export const ctMark: Expression = { kind: 'ct', key: 'mark' };
const ctState: Expression = { kind: 'ct', key: 'state' };
export const ctStatus: Expression = { kind: 'ct', key: 'status' };
/** Id of the conntrack entry, the same in both directions. */
export const ctId: Expression = { kind: 'ct', key: 'id' };
export const ctDirection: Expression = { kind: 'ct', key: 'direction' };
export const originalPort: Expression = { kind: 'originalPort' };
/** Packets in the original direction. */
export const sent: Expression = { kind: 'sent' };
export const sport = field('th sport');
export const dport = field('th dport');

/** The source port in the upper half of 32 bits: the key format of a port set. */
export const sportKey: Expression = masked(raw(0, 32), 0xffff0000);
/** The destination port in the same format; the lower half (the next two bytes) is masked. */
export const dportKey: Expression = masked(raw(16, 32), 0xffff0000);

export function field(name: FieldName): Expression {
  return { kind: 'field', name };
}

export function saddr(family: Family): Expression {
  return field(family === 4 ? 'ip saddr' : 'ip6 saddr');
}

export function daddr(family: Family): Expression {
  return field(family === 4 ? 'ip daddr' : 'ip6 daddr');
}

/** `bits` from bit `offset` of the transport header. */
export function raw(offset: number, bits: 8 | 16 | 32): Expression {
  return { kind: 'raw', offset, bits };
}

/** `bits` from bit `offset` of the TCP or UDP payload. */
export function payload(offset: number, bits: 8 | 16 | 32): Expression {
  return { kind: 'payload', offset, bits };
}

export function masked(of: Expression, mask: number): Expression {
  return { kind: 'masked', of, mask };
}

export function concat(...parts: Expression[]): Expression {
  return { kind: 'concat', parts };
}

export function is(left: Expression, right: Constant): Statement {
  return { kind: 'compare', left, operator: '==', right };
}

export function isNot(left: Expression, right: Constant): Statement {
  return { kind: 'compare', left, operator: '!=', right };
}

export function atLeast(left: Expression, right: number): Statement {
  return { kind: 'compare', left, operator: '>=', right };
}

export function between(left: Expression, from: number, to: number): Statement {
  return { kind: 'between', left, from, to };
}

export function oneOf(left: Expression, right: readonly Constant[]): Statement {
  return { kind: 'oneof', left, not: false, right };
}

export function noneOf(left: Expression, right: readonly Constant[]): Statement {
  return { kind: 'oneof', left, not: true, right };
}

export function hasState(...any: string[]): Statement {
  return { kind: 'flags', left: ctState, any };
}

export function inSet(left: Expression, set: string): Statement {
  return { kind: 'lookup', left, not: false, set };
}

export function notInSet(left: Expression, set: string): Statement {
  return { kind: 'lookup', left, not: true, set };
}

/** `timeout`: milliseconds; absent: that of the set. */
export function update(set: string, element: Expression, timeout?: number): Statement {
  return { kind: 'update', set, element, ...(timeout === undefined ? {} : { timeout }) };
}

/** Matches packets beyond `rate`; does not match if the set is full and the element has no counter. */
export function over(set: string, element: Expression, rate: LimitRate): Statement {
  return { kind: 'pace', set, element, over: true, ...rate };
}

export function pace(set: string, element: Expression, rate: LimitRate): Statement {
  return { kind: 'pace', set, element, over: false, ...rate };
}

export function dispatch(left: Expression, entries: readonly [Constant, Verdict][]): Statement {
  return { kind: 'dispatch', left, entries };
}

export function count(counter: string): Statement {
  return { kind: 'count', counter };
}

export const accept: Statement = { kind: 'verdict', verdict: { verdict: 'accept' } };
export const back: Statement = { kind: 'verdict', verdict: { verdict: 'return' } };
export const drop: Statement = { kind: 'verdict', verdict: { verdict: 'drop' } };

export function goTo(chain: string): Statement {
  return { kind: 'verdict', verdict: { verdict: 'goto', chain } };
}

export function jump(chain: string): Statement {
  return { kind: 'verdict', verdict: { verdict: 'jump', chain } };
}

/** IPS_CONFIRMED of linux/netfilter/nf_conntrack_common.h. */
export const CONFIRMED = 8;
/**
 * The first packet of a flow: its conntrack entry is not confirmed yet. State "new" also matches later
 * packets, until the first answer.
 */
export const isFirst: Statement = is(masked(ctStatus, CONFIRMED), 0);

/** Without SYN, FIN and RST: the packet is of the middle of a TCP connection. */
export const isMidConnection: Statement = is(masked(field('tcp flags'), 0x07), 0);

export function rule(comment: string, ...statements: Statement[]): Rule {
  return { comment, statements };
}
