// ruleset/model: the table as plain objects. compile builds it from the policy, render prints it
// as nft text, trace runs packets through it. Each kind of expression and statement has exactly
// one renderer and one evaluator, so what is proved on the model holds for the text.
import type { Family } from '../wire/address.ts';

/** What a value is; decides how constants of it are written and compared. */
export type Datatype =
  | 'mark'
  | 'length'
  | 'protocol'
  | 'family'
  | 'device'
  | 'state'
  | 'status'
  | 'ipv4'
  | 'ipv6'
  | 'port'
  | 'number'
  | 'raw'
  | 'addrtype'
  | 'ether'
  | 'flow';

/** Numbers are plain, everything else is text as nft writes it (addresses canonical). */
export type Constant = number | string;

/** Header fields by name; where they are is in fields.ts. */
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

export type MetaKey = 'mark' | 'l4proto' | 'nfproto' | 'iifname' | 'oifname' | 'length';

export type Expression =
  | { readonly kind: 'meta'; readonly key: MetaKey }
  | { readonly kind: 'ct'; readonly key: 'mark' | 'state' | 'status' | 'id' }
  /** Source address of the flow's first packet, before any NAT: the device at home. */
  | { readonly kind: 'original'; readonly family: Family }
  | { readonly kind: 'field'; readonly name: FieldName }
  /** Raw bits from the start of the transport header. */
  | { readonly kind: 'raw'; readonly offset: number; readonly bits: 8 | 16 | 32 }
  /** Raw bits of what TCP or UDP carries; a packet that carries less ends the rule. */
  | { readonly kind: 'payload'; readonly offset: number; readonly bits: 8 | 16 | 32 }
  /** Hardware address of the sender: the device, on packets from the home's own network. */
  | { readonly kind: 'ether' }
  /** The kernel's own answer about the destination: kind of address, or the way it would take. */
  | { readonly kind: 'fib'; readonly result: 'type' | 'oifname' }
  | { readonly kind: 'masked'; readonly of: Expression; readonly mask: number }
  | { readonly kind: 'concat'; readonly parts: readonly Expression[] };

export type Verdict =
  | { readonly verdict: 'accept' | 'drop' | 'return' }
  | { readonly verdict: 'goto' | 'jump'; readonly chain: string };

export interface Rate {
  readonly rate: number;
  readonly per: 'second' | 'hour';
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
  /** In an anonymous set, or in none of it. */
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
  /** Adds the element or renews its timeout. A full set ends the rule: keep it in its own. */
  | { readonly kind: 'update'; readonly set: string; readonly element: Expression }
  /**
   * Counts a packet against what each element of the set may have: true for `burst` packets at once
   * and `rate` of them per time after that. Ends the rule when it is more, or the set is full.
   * `over`: true for what is more, and ends the rule otherwise, which a full set does too.
   */
  | ({
      readonly kind: 'pace';
      readonly set: string;
      readonly element: Expression;
      readonly over: boolean;
    } & Rate)
  /** Verdict map; without an entry the next rule goes on. */
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
      /** How many bytes of the packet are copied; null = all. */
      readonly snaplen: number | null;
    }
  | { readonly kind: 'queue'; readonly number: number }
  | { readonly kind: 'reject'; readonly answer: 'tcp reset' | 'admin-prohibited' }
  /** Makes a TCP packet a reset (RST and ACK) on its way; ends the rule for any other. */
  | { readonly kind: 'end' }
  /** No connection tracking; the raw priority of prerouting and output alone. */
  | { readonly kind: 'untracked' }
  /** Lowers the MSS option: to a number of bytes, or to what the route's MTU allows. */
  | { readonly kind: 'clamp'; readonly size: number | 'route' }
  | { readonly kind: 'masquerade' }
  /** To a port of the router itself. */
  | { readonly kind: 'redirect'; readonly port: number }
  | { readonly kind: 'verdict'; readonly verdict: Verdict };

export interface Rule {
  readonly statements: readonly Statement[];
  /** Why the rule is there. */
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

/** Its elements come from the policy; a reload replaces them. */
export interface StaticSet extends SetShape {
  readonly role: 'static';
  readonly elements: readonly (readonly Span[])[];
  /** Single values, at most so many, which come and go one by one; absent: intervals. */
  readonly size?: number;
}

/** Its elements come from packets and from the agent; a reload leaves them alone. */
export interface LearnedSet extends SetShape {
  readonly role: 'learned';
  /** Written by rules too, not only over netlink. */
  readonly dynamic: boolean;
  readonly size: number;
  /** Life of an element that does not bring its own, milliseconds; null: each brings its own. */
  readonly timeout: number | null;
}

export type NamedSet = StaticSet | LearnedSet;

/** The way a slot's packets take: devices in order of preference. */
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
