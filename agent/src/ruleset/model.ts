// ruleset/model: the table as plain objects. compile builds it from the policy, render prints it as nft text,
// trace runs packets through it. Each kind of expression and statement has exactly one renderer and one
// evaluator, so results on the model hold for the text.
import type { Family } from '../wire/address.ts';

/** Datatype of a value; determines how its constants are written and compared. */
export type Datatype =
  | 'mark'
  | 'length'
  | 'protocol'
  | 'family'
  | 'device'
  | 'state'
  | 'status'
  | 'direction'
  | 'ipv4'
  | 'ipv6'
  | 'port'
  | 'number'
  | 'raw'
  | 'addrtype'
  | 'ether'
  /** The first four bytes of a MAC, and the last two. */
  | 'mac32'
  | 'mac16'
  | 'flow';

/** A number, or text in nft's form (addresses canonical). */
export type Constant = number | string;

/** Header fields by name; fields.ts has their offsets. */
export type FieldName =
  | 'ip saddr'
  | 'ip daddr'
  | 'ip6 saddr'
  | 'ip6 daddr'
  | 'th sport'
  | 'th dport'
  | 'udp length'
  | 'tcp flags'
  | 'icmp type'
  | 'icmpv6 type';

export type MetaKey = 'mark' | 'l4proto' | 'nfproto' | 'iiftype' | 'iifname' | 'oifname' | 'length';

export type Expression =
  | { readonly kind: 'meta'; readonly key: MetaKey }
  | { readonly kind: 'ct'; readonly key: 'mark' | 'state' | 'status' | 'direction' | 'id' }
  /** Packets of the flow so far in the original direction; 0 without conntrack accounting. */
  | { readonly kind: 'sent' }
  /** Source address of the flow's first packet, before any NAT: the device at home. */
  | { readonly kind: 'original'; readonly family: Family }
  /** Destination port of the flow's first packet, before any NAT; only after a match of TCP or UDP. */
  | { readonly kind: 'originalPort' }
  | { readonly kind: 'field'; readonly name: FieldName }
  /** Raw bits from the start of the transport header. */
  | { readonly kind: 'raw'; readonly offset: number; readonly bits: 8 | 16 | 32 }
  /** Raw bits of the TCP or UDP payload; a shorter payload ends the rule. */
  | { readonly kind: 'payload'; readonly offset: number; readonly bits: 8 | 16 | 32 }
  /** Source MAC: the device's, on packets from the home's own network. */
  | { readonly kind: 'ether' }
  /**
   * The same MAC in two parts, as raw bits of the link header: nft has no cast, and a packet of
   * compile/element-packets carries a MAC as raw bits as well.
   */
  | { readonly kind: 'mac'; readonly part: 'mac32' | 'mac16' }
  /** Result of a routing lookup: type of the destination address, or output device. */
  | { readonly kind: 'fib'; readonly result: 'type' | 'oifname' }
  | { readonly kind: 'masked'; readonly of: Expression; readonly mask: number }
  | { readonly kind: 'concat'; readonly parts: readonly Expression[] };

export type Verdict =
  | { readonly verdict: 'accept' | 'drop' | 'return' }
  | { readonly verdict: 'goto' | 'jump'; readonly chain: string };

export interface LimitRate {
  readonly rate: number;
  readonly per: 'second' | 'hour' | 'week';
  readonly burst: number;
}

export type Statement =
  | {
      readonly kind: 'compare';
      readonly left: Expression;
      readonly operator: '==' | '!=' | '>=';
      readonly right: Constant;
    }
  | {
      readonly kind: 'between';
      readonly left: Expression;
      readonly from: number;
      readonly to: number;
    }
  /** In an anonymous set, or (`not`) outside it. */
  | {
      readonly kind: 'oneof';
      readonly left: Expression;
      readonly not: boolean;
      readonly right: readonly Constant[];
    }
  /** Any of these bits is set (ct state, ct status). */
  | { readonly kind: 'flags'; readonly left: Expression; readonly any: readonly string[] }
  | {
      readonly kind: 'lookup';
      readonly left: Expression;
      readonly not: boolean;
      readonly set: string;
    }
  /**
   * Adds the element or renews its timeout: `timeout` milliseconds, absent: that of the set. A full set ends
   * the rule: use a rule of its own.
   */
  | {
      readonly kind: 'update';
      readonly set: string;
      readonly element: Expression;
      readonly timeout?: number;
    }
  /**
   * Rate limit for each element of the set: true for a burst of `burst` packets and `rate` packets per `per`
   * after that; false, or a full set, ends the rule. `over`: true for packets beyond the limit; packets
   * within it, or a full set, end the rule.
   */
  | ({
      readonly kind: 'pace';
      readonly set: string;
      readonly element: Expression;
      readonly over: boolean;
    } & LimitRate)
  /** Verdict map; without a matching entry the next rule follows. */
  | {
      readonly kind: 'dispatch';
      readonly left: Expression;
      readonly entries: readonly (readonly [Constant, Verdict])[];
    }
  /** mark = mark & keep | value */
  | {
      readonly kind: 'mark';
      readonly target: 'meta' | 'ct';
      readonly keep: number;
      readonly value: number;
    }
  | { readonly kind: 'count'; readonly counter: string }
  | {
      readonly kind: 'log';
      readonly prefix: string;
      readonly group: number;
      /** Bytes of the packet to copy; null = all. */
      readonly snaplen: number | null;
    }
  /** `isStrict`: without a listener the packet is discarded; else it passes. */
  | { readonly kind: 'queue'; readonly number: number; readonly isStrict?: true }
  | { readonly kind: 'reject'; readonly answer: 'tcp reset' | 'admin-prohibited' }
  /** Turns a TCP packet into a reset (RST and ACK); ends the rule for other packets. */
  | { readonly kind: 'end' }
  /** Disables connection tracking; only at the raw priority of prerouting and output. */
  | { readonly kind: 'untracked' }
  /** Lowers the MSS option: to a number of bytes, or to what the route's MTU allows. */
  | { readonly kind: 'clamp'; readonly size: number | 'route' }
  | { readonly kind: 'masquerade' }
  /** To a port of the router itself. */
  | { readonly kind: 'redirect'; readonly port: number }
  | { readonly kind: 'verdict'; readonly verdict: Verdict };

export interface Rule {
  readonly statements: readonly Statement[];
  /** The reason for the rule, printed by nft. */
  readonly comment: string;
}

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export interface BaseHook {
  readonly type: 'filter' | 'route' | 'nat';
  readonly hook: Hook;
  /** Smaller runs earlier (mangle = -150, filter = 0). */
  readonly priority: number;
}

export interface Chain {
  readonly name: string;
  /** Absent: reached by jump and goto only. */
  readonly base?: BaseHook;
  readonly rules: readonly Rule[];
}

/** One field of an element of a static set: a closed interval. */
export type Span = readonly [from: Constant, to: Constant];

interface SetShape {
  readonly name: string;
  /** Concatenated fields of the key. */
  readonly key: readonly Datatype[];
}

/** Elements come from the policy; a reload replaces them. */
export interface StaticSet extends SetShape {
  readonly role: 'static';
  readonly elements: readonly (readonly Span[])[];
  /** Single values, at most this many, which are added and deleted one by one; absent: intervals. */
  readonly size?: number;
}

/** Elements come from packets and the agent; a reload keeps them. */
export interface LearnedSet extends SetShape {
  readonly role: 'learned';
  /** Also written by rules, not only over netlink. */
  readonly dynamic: boolean;
  readonly size: number;
  /** Default lifetime of an element, milliseconds; null: each element has its own. */
  readonly timeout: number | null;
}

export type NamedSet = StaticSet | LearnedSet;

/** Output devices for the packets of a slot, in order of preference. */
export interface Path {
  readonly slot: number;
  readonly app: string;
  readonly devices: readonly string[];
}

export interface Ruleset {
  readonly table: string;
  readonly mask: number;
  readonly lan: readonly string[];
  readonly paths: readonly Path[];
  readonly counters: readonly string[];
  readonly sets: readonly NamedSet[];
  readonly chains: readonly Chain[];
}
