// ruleset/encode/rule: a rule of the model as the messages that add it: its anonymous sets, then the rule. The order of
// its expressions is that of nft.
import { NLM_F_APPEND } from '../../netlink/constants.ts';
import {
  NFT_CMP_EQ,
  NFT_CMP_GTE,
  NFT_CMP_LTE,
  NFT_CMP_NEQ,
  NFT_MSG_NEWRULE,
  NFT_PAYLOAD_TRANSPORT_HEADER,
  NFT_REJECT_ICMPX_ADMIN_PROHIBITED,
  NFT_REJECT_ICMPX_UNREACH,
  NFT_REJECT_TCP_RST,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_TABLE,
  NFTA_RULE_USERDATA,
} from '../../netlink/nft-constants.ts';
import {
  clamp,
  counted,
  limit,
  log,
  lookup,
  masquerade,
  queue,
  redirect,
  reject,
  routeSize,
  set,
  untracked,
  update,
  writeTcp,
} from '../../netlink/nft-statement.ts';
import {
  be16,
  bits,
  compare,
  immediate,
  type NftMessage,
  ordered,
  payload,
  type Tree,
} from '../../netlink/nft-tree.ts';
import { TCP } from '../../wire/packet.ts';
import { datatypeOf, FIELDS } from '../fields.ts';
import type { Constant, Expression, Rule, Statement } from '../model.ts';
import { commentText, plainText, word } from '../plain.ts';
import { statementText } from '../render.ts';
import { NFPROTO } from '../terms.ts';
import { CREATE, type Encoder, type Known, type Step } from './encoder.ts';
import { load, NOTHING_KNOWN, needProtocol, type RulePlace } from './expression.ts';
import { joined, type Match } from './join.ts';
import { isList, listLookup, listMessages } from './list.ts';
import { CT_KEYS, META_KEYS } from './meta.ts';
import { userdataOfRule } from './userdata.ts';
import { constantBytes, numberBytes, shapeOf } from './value.ts';
import { verdictTree } from './verdict.ts';

/** RFC 9293 section 3.1 */
const RST_ACK = 0x14;
const SECONDS = { second: 1, hour: 3600, week: 604_800 };

type Part = Statement | Match;

/** The rules of a chain, each behind its anonymous sets. */
export function ruleMessages(to: Encoder, chain: string, rules: readonly Rule[]): NftMessage[] {
  const messages: NftMessage[] = [];
  const names = [NFTA_RULE_TABLE, to.table, NFTA_RULE_CHAIN, word(chain)];
  for (const rule of rules) {
    const steps: Tree[] = [];
    let known = NOTHING_KNOWN;
    for (const part of joined(rule.statements)) {
      const step = stepOf(to, part, known);
      known = step.known ?? known;
      steps.push(step.tree);
      if (part.kind === 'match' || !isList(part)) continue;
      to.sets += 1;
      messages.push(...listMessages(to, part, to.sets));
      steps.push(listLookup(part, to.sets));
    }
    messages.push([
      NFT_MSG_NEWRULE,
      CREATE | NLM_F_APPEND,
      [names, NFTA_RULE_EXPRESSIONS, steps, NFTA_RULE_USERDATA, userdataOfRule(commentText(rule))],
    ]);
  }
  return messages;
}

/** Parts that need no condition before them and show nothing. */
const UNCONDITIONAL: readonly Part['kind'][] = [
  'verdict',
  'log',
  'count',
  'mark',
  'queue',
  'clamp',
  'match',
  'masquerade',
  'redirect',
  'untracked',
];

/** Equal statements behind equal knowledge are equal steps. That of a list is without its lookup. */
function stepOf(to: Encoder, part: Part, before: Known): Step {
  const text = part.kind === 'match' ? part.text : statementText(part);
  const isFree = UNCONDITIONAL.includes(part.kind);
  const key = isFree ? text : before.key + text;
  const found = to.steps.get(key);
  if (found !== undefined) return found;
  const { family, isEthernet, protocol } = before;
  const place: RulePlace = { trees: [], family, isEthernet, protocol };
  if (part.kind !== 'match' && isList(part)) load(to, part.left, place);
  else (PARTS[part.kind] as (to: Encoder, part: Part, place: RulePlace) => void)(to, part, place);
  const step = { tree: place.trees, known: isFree ? null : knownAt(place, before) };
  to.steps.set(key, step);
  return step;
}

function knownAt(place: RulePlace, before: Known): Known {
  const { family, isEthernet, protocol } = place;
  if (
    family === before.family &&
    isEthernet === before.isEthernet &&
    protocol === before.protocol
  ) {
    return before;
  }
  return { family, isEthernet, protocol, key: `${family} ${isEthernet} ${protocol} ` };
}

type Encoders = {
  readonly [K in Part['kind']]: (
    to: Encoder,
    part: Extract<Part, { kind: K }>,
    place: RulePlace,
  ) => void;
};

const OPERATORS = { '==': NFT_CMP_EQ, '!=': NFT_CMP_NEQ, '>=': NFT_CMP_GTE };

const PARTS: Encoders = {
  match: (_, { header: { base, offset, bytes }, operator, value }, { trees }) => {
    trees.push(payload(base, offset, bytes), compare(OPERATORS[operator], value));
  },
  compare: (to, { left, operator, right }, place) => {
    load(to, left, place);
    if (operator === '>=') order(left, place);
    place.trees.push(compare(OPERATORS[operator], bytesOf(to, left, right, operator !== '>=')));
    if (operator === '==') note(place, left, right);
  },
  between: (to, { left, from, to: end }, place) => {
    load(to, left, place);
    order(left, place);
    place.trees.push(
      compare(NFT_CMP_GTE, bytesOf(to, left, from, false)),
      compare(NFT_CMP_LTE, bytesOf(to, left, end, false)),
    );
  },
  // Only ever an anonymous map.
  dispatch: () => {},
  // Of one value; longer ones are anonymous sets.
  oneof: (to, { left, not, right }, place) => {
    const operator = not ? '!=' : '==';
    PARTS.compare(to, { kind: 'compare', left, operator, right: right[0]! }, place);
  },
  flags: (to, { left, any }, place) => {
    load(to, left, place);
    const shape = shapeOf(left);
    const none = new Uint8Array(shape.bytes);
    const mask = none.slice();
    for (const name of any) {
      const flag = constantBytes(datatypeOf(left), name, shape, to.isLittle);
      for (const [i, byte] of flag.entries()) mask[i] = mask[i]! | byte;
    }
    place.trees.push(bits(mask, none), compare(NFT_CMP_NEQ, none));
  },
  lookup: (to, { left, not, set: name }, place) => {
    load(to, left, place);
    place.trees.push(lookup(word(name), not, null));
  },
  update: (to, { set: name, element, timeout }, place) => {
    load(to, element, place);
    place.trees.push(update(word(name), timeout));
  },
  pace: (to, { set: name, element, rate, per, burst, over }, place) => {
    load(to, element, place);
    const inside = limit({ rate, seconds: SECONDS[per], burst, over });
    place.trees.push(update(word(name), undefined, inside));
  },
  mark: (to, { target, keep, value }, place) => {
    const mark: Expression = { kind: target, key: 'mark' };
    const host = (number: number): Uint8Array =>
      numberBytes(number >>> 0, shapeOf(mark), to.isLittle);
    load(to, mark, place);
    place.trees.push(
      bits(host(keep & ~value), host(value)),
      set(target, target === 'meta' ? META_KEYS.mark : CT_KEYS.mark),
    );
  },
  count: (_, { counter }, { trees }) => trees.push(counted(word(counter))),
  log: (_, { prefix, group, snaplen }, { trees }) =>
    trees.push(log(group, plainText(prefix), snaplen)),
  queue: (_, { number, isStrict }, { trees }) => trees.push(queue(number, isStrict !== true)),
  reject: (_, { answer }, place) => {
    if (answer === 'tcp reset') {
      needProtocol(TCP, place);
      place.trees.push(reject(NFT_REJECT_TCP_RST, 0));
    } else place.trees.push(reject(NFT_REJECT_ICMPX_UNREACH, NFT_REJECT_ICMPX_ADMIN_PROHIBITED));
  },
  end: (_, __, place) => {
    needProtocol(TCP, place);
    // The checksum is corrected by two bytes at once: the first stays as it is.
    const at = FIELDS['tcp flags'].offset - 1;
    place.trees.push(
      payload(NFT_PAYLOAD_TRANSPORT_HEADER, at, 2),
      bits(Uint8Array.of(0xff, 0), Uint8Array.of(0, RST_ACK)),
      writeTcp(at, 2),
    );
  },
  untracked: (_, __, { trees }) => trees.push(untracked()),
  clamp: (_, { size }, { trees }) => {
    if (size === 'route') trees.push(routeSize(), ordered(2), clamp());
    else trees.push(immediate(be16(size)), clamp());
  },
  masquerade: (_, __, { trees }) => trees.push(masquerade()),
  redirect: (_, { port }, { trees }) => trees.push(immediate(be16(port)), redirect()),
  verdict: (_, { verdict }, { trees }) => trees.push(verdictTree(verdict)),
};

/** Values in network order are as they are compared. */
function order(left: Expression, { trees }: RulePlace): void {
  const { bytes, isHost } = shapeOf(left);
  if (isHost) trees.push(ordered(bytes));
}

function bytesOf(to: Encoder, left: Expression, value: Constant, isHost: boolean): Uint8Array {
  const shape = shapeOf(left);
  const inOrder = { bytes: shape.bytes, isHost: isHost && shape.isHost };
  return constantBytes(datatypeOf(left), value, inOrder, to.isLittle);
}

/** A comparison that tells which headers the packet has. */
function note(place: RulePlace, left: Expression, right: Constant): void {
  if (left.kind !== 'meta') return;
  if (left.key === 'nfproto') place.family = right === NFPROTO[4] ? 4 : 6;
  else if (left.key === 'l4proto') place.protocol = Number(right);
  else if (left.key === 'iiftype') place.isEthernet = true;
}
