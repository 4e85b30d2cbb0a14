// ruleset/encode/refusal: which part of a table the kernel has refused, found in the transaction as it was sent by the
// sequence number and the offset that the kernel names.
import { NFNL_SUBSYS_NFTABLES } from '../../netlink/constants.ts';
import {
  type Ack,
  createAttributes,
  createMessage,
  getText,
  getU16,
  type Message,
  type MessageReader,
  readAttributes,
  readMessage,
} from '../../netlink/message.ts';
import {
  NFT_MSG_NEWRULE,
  NFTA_EXPR_NAME,
  NFTA_LIST_ELEM,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
} from '../../netlink/nft-constants.ts';
import type { TableParts } from '../parts.ts';

export interface RefusedPart {
  /** "chain answer, rule 3", "set bogon4" ... */
  readonly what: string;
  /** The rule as nft text; null: no rule. */
  readonly rule: string | null;
  /** The kind of the expression that the kernel names: "queue"; null: none. */
  readonly expression: string | null;
}

/** Kinds of the messages by their place in the numbers NFT_MSG_*: each has NEW, GET and DEL. */
const KINDS = ['table', 'chain', 'rule', 'set', 'elements of set'];

/** `next`: the table that was to be made; null: none was. Without the message of `ack` in `sent`: the whole
 * transaction. */
export function refusedPart(sent: MessageReader, ack: Ack, next: TableParts | null): RefusedPart {
  const message = createMessage();
  const counts = new Map<string, number>();
  let isReached = false;
  for (let at = 0; at < sent.bytes.length; ) {
    at = readMessage(sent, at, sent.bytes.length, message);
    if (at < 0) break;
    if (message.type >> 8 !== NFNL_SUBSYS_NFTABLES) continue;
    const kind = message.type & 255;
    const chain = nameIn(sent, message);
    if (kind === NFT_MSG_NEWRULE) counts.set(chain, (counts.get(chain) ?? 0) + 1);
    isReached ||= message.seq === ack.seq;
    if (!isReached) continue;
    // An anonymous set belongs to the rule behind it.
    if (chain.startsWith('__')) continue;
    if (kind !== NFT_MSG_NEWRULE)
      return {
        what: `${KINDS[Math.floor(kind / 3)] ?? 'counter'} ${chain}`,
        rule: null,
        expression: null,
      };
    const number = counts.get(chain)!;
    const rules = next?.chains.find(({ name }) => name === chain)?.rules;
    return {
      what: `chain ${chain}, rule ${number}`,
      rule: rules?.[number - 1] ?? null,
      expression: message.seq === ack.seq ? expressionAt(sent, message, ack.offset) : null,
    };
  }
  return { what: 'the transaction', rule: null, expression: null };
}

/** The second attribute of every message but those about a table is a name: of the chain, the set, the counter. In
 * those of chains it is the third. */
function nameIn(sent: MessageReader, { body, end, type }: Message): string {
  const at = KINDS[Math.floor((type & 255) / 3)];
  const attribute = at === 'table' ? 1 : at === 'chain' ? 3 : NFTA_RULE_CHAIN;
  return textOf(sent, body + 4, end, attribute);
}

function textOf(sent: MessageReader, from: number, end: number, attribute: number): string {
  const fields = createAttributes(attribute);
  if (readAttributes(sent, from, end, fields) !== undefined) return '';
  return getText(sent.bytes, fields.at[attribute]!, fields.size[attribute]!);
}

/** The name of the expression that has the byte at `offset` of the message. */
function expressionAt(sent: MessageReader, m: Message, offset: number | undefined): string | null {
  const fields = createAttributes(NFTA_RULE_EXPRESSIONS);
  if (offset === undefined || readAttributes(sent, m.body + 4, m.end, fields)) return null;
  const wanted = m.at + offset;
  let at = fields.at[NFTA_RULE_EXPRESSIONS]!;
  const end = at + fields.size[NFTA_RULE_EXPRESSIONS]!;
  const one = createAttributes(NFTA_LIST_ELEM);
  while (at + 4 <= end) {
    const next = at + attributeSize(sent, at);
    if (next <= at) return null;
    if (wanted >= at && wanted < next) {
      if (readAttributes(sent, at, next, one)) return null;
      const from = one.at[NFTA_LIST_ELEM]!;
      return textOf(sent, from, from + one.size[NFTA_LIST_ELEM]!, NFTA_EXPR_NAME) || null;
    }
    at = next;
  }
  return null;
}

function attributeSize(sent: MessageReader, at: number): number {
  return (getU16(sent, at) + 3) & ~3;
}
