// ruleset/fields: offset of named header fields, and the datatype of every expression. render formats
// constants by it, trace reads packets by it.
import type { Datatype, Expression, FieldName } from './model.ts';

export interface Field {
  readonly base: 'network' | 'transport';
  /** Byte offset from the base. */
  readonly offset: number;
  readonly bytes: 1 | 2 | 4 | 16;
  /** Packets that have the field; nft adds this condition to the rule itself. */
  readonly family?: 4 | 6;
  readonly protocol?: number;
  readonly type: Datatype;
}

export const FIELDS: { readonly [name in FieldName]: Field } = {
  'ip saddr': { base: 'network', offset: 12, bytes: 4, family: 4, type: 'ipv4' },
  'ip daddr': { base: 'network', offset: 16, bytes: 4, family: 4, type: 'ipv4' },
  'ip6 saddr': { base: 'network', offset: 8, bytes: 16, family: 6, type: 'ipv6' },
  'ip6 daddr': { base: 'network', offset: 24, bytes: 16, family: 6, type: 'ipv6' },
  'th sport': { base: 'transport', offset: 0, bytes: 2, type: 'port' },
  'th dport': { base: 'transport', offset: 2, bytes: 2, type: 'port' },
  'udp length': { base: 'transport', offset: 4, bytes: 2, protocol: 17, type: 'number' },
  'tcp flags': { base: 'transport', offset: 13, bytes: 1, protocol: 6, type: 'raw' },
  'icmp type': { base: 'transport', offset: 0, bytes: 1, protocol: 1, type: 'number' },
  'icmpv6 type': { base: 'transport', offset: 0, bytes: 1, protocol: 58, type: 'number' },
};

const META_TYPES = {
  mark: 'mark',
  l4proto: 'protocol',
  nfproto: 'family',
  iiftype: 'number',
  iifname: 'device',
  oifname: 'device',
  length: 'length',
} as const;

/** Datatype of a single value; a concatenation has none ('raw'). */
export function datatypeOf(expression: Expression): Datatype {
  switch (expression.kind) {
    case 'meta':
      return META_TYPES[expression.key];
    case 'ct':
      return expression.key === 'id' ? 'flow' : expression.key;
    case 'sent':
      return 'number';
    case 'original':
      return expression.family === 4 ? 'ipv4' : 'ipv6';
    case 'originalPort':
      return 'port';
    case 'field':
      return FIELDS[expression.name].type;
    case 'fib':
      return expression.result === 'type' ? 'addrtype' : 'device';
    case 'ether':
      return 'ether';
    case 'mac':
      return expression.part;
    case 'masked':
      return datatypeOf(expression.of);
    case 'raw':
    case 'payload':
    case 'concat':
      return 'raw';
  }
}
