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
  bits,
  compare,
  type Expression as Encoded,
  log,
  nest,
  payload,
} from '../../netlink/nft-expression.ts';
import {
  clamp,
  counted,
  immediate,
  limit,
  lookup,
  masquerade,
  ordered,
  queue,
  redirect,
  reject,
  routeSize,
  set,
  untracked,
  update,
  writeTcp,
} from '../../netlink/nft-statement.ts';
import { attributeBytes, attributeString, endMessage } from '../../netlink/writer.ts';
import { datatypeOf, FIELDS } from '../fields.ts';
import type { Constant, Expression, Rule, Statement } from '../model.ts';
import { commentText, plainText, word } from '../plain.ts';
import { NFPROTO, TCP } from '../terms.ts';
import { beginChange, type Encoder, put } from './encoder.ts';
import { type Known, load, needProtocol, nothingKnown } from './expression.ts';
import { joined, type Match } from './join.ts';
import { putAnonymous } from './list.ts';
import { CT_KEYS, META_KEYS } from './meta.ts';
import { userdataOfRule } from './userdata.ts';
import { constantBytes, numberBytes, shapeOf } from './value.ts';
import { putVerdict } from './verdict.ts';

/** RFC 9293 section 3.1 */
const RST_ACK = 0x14;
const SECONDS = { second: 1, hour: 3600, week: 604_800 };

type Step = Statement | Match;

/** The state of encoding one rule: what its conditions have shown, and its anonymous sets in order. */
interface Place {
  readonly known: Known;
  readonly sets: number[];
}

export function putRule(to: Encoder, chain: string, rule: Rule): void {
  const sets = rule.statements.flatMap((one) => putAnonymous(to, one));
  beginChange(to, NFT_MSG_NEWRULE, NLM_F_APPEND);
  attributeString(to.w, NFTA_RULE_TABLE, to.table);
  attributeString(to.w, NFTA_RULE_CHAIN, word(chain));
  nest(to.w, NFTA_RULE_EXPRESSIONS, () => {
    const place = { known: nothingKnown(), sets };
    for (const step of joined(rule.statements)) putStep(to, step, place);
  });
  attributeBytes(to.w, NFTA_RULE_USERDATA, userdataOfRule(commentText(rule)));
  endMessage(to.w);
}

type Writers = {
  readonly [K in Step['kind']]: (
    to: Encoder,
    one: Extract<Step, { kind: K }>,
    place: Place,
  ) => void;
};

function putStep(to: Encoder, one: Step, place: Place): void {
  (STEPS[one.kind] as (to: Encoder, one: Step, place: Place) => void)(to, one, place);
}

const OPERATORS = { '==': NFT_CMP_EQ, '!=': NFT_CMP_NEQ, '>=': NFT_CMP_GTE };

const STEPS: Writers = {
  match: (to, { place: { base, offset, bytes }, operator, value }) => {
    put(to, `match ${base} ${offset} ${operator} ${value}`, () => [
      payload(base, offset, bytes),
      compare(OPERATORS[operator], value),
    ]);
  },
  compare: (to, { left, operator, right }, { known }) => {
    load(to, left, known);
    if (operator === '>=') putOrdered(to, left);
    const value = bytesOf(to, left, right, operator !== '>=');
    put(to, `compare ${operator} ${value}`, () => [compare(OPERATORS[operator], value)]);
    if (operator === '==') note(known, left, right);
  },
  between: (to, { left, from, to: end }, { known }) => {
    load(to, left, known);
    putOrdered(to, left);
    const [least, most] = [from, end].map((one) => bytesOf(to, left, one, false));
    put(to, `between ${least} ${most}`, () => [
      compare(NFT_CMP_GTE, least!),
      compare(NFT_CMP_LTE, most!),
    ]);
  },
  oneof: (to, one, { known, sets }) => {
    const { left, not, right } = one;
    if (right.length === 1) {
      STEPS.compare(
        to,
        { kind: 'compare', left, operator: not ? '!=' : '==', right: right[0]! },
        { known, sets },
      );
      return;
    }
    load(to, left, known);
    lookup({ name: '__set%d', id: sets.shift()! }, not)(to.w);
  },
  flags: (to, { left, any }, { known }) => {
    load(to, left, known);
    const shape = shapeOf(left);
    const mask = any.reduce((sum, name) => {
      const one = constantBytes(datatypeOf(left), name, shape, to.w.little);
      return sum.map((byte, i) => byte | (one[i] ?? 0));
    }, new Uint8Array(shape.bytes));
    put(to, `flags ${mask}`, () => [
      bits(mask, new Uint8Array(shape.bytes)),
      compare(NFT_CMP_NEQ, new Uint8Array(shape.bytes)),
    ]);
  },
  lookup: (to, { left, not, set: name }, { known }) => {
    load(to, left, known);
    put(to, `lookup ${name} ${not}`, () => [lookup({ name: word(name) }, not)]);
  },
  update: (to, { set: name, element, timeout }, { known }) => {
    load(to, element, known);
    put(to, `update ${name} ${timeout}`, () => [update(word(name), timeout)]);
  },
  pace: (to, { set: name, element, rate, per, burst, over }, { known }) => {
    load(to, element, known);
    put(to, `pace ${name} ${rate} ${per} ${burst} ${over}`, () => [
      update(word(name), undefined, limit({ rate, seconds: SECONDS[per], burst, over })),
    ]);
  },
  dispatch: (to, { left }, { known, sets }) => {
    load(to, left, known);
    lookup({ name: '__map%d', id: sets.shift()! }, false, true)(to.w);
  },
  mark: (to, { target, keep, value }) => {
    const mark: Expression = { kind: target, key: 'mark' };
    const { w } = to;
    put(to, `mark ${target} ${keep} ${value}`, () => {
      const host = (number: number): Uint8Array =>
        numberBytes(number >>> 0, shapeOf(mark), w.little);
      const key = target === 'meta' ? META_KEYS.mark : CT_KEYS.mark;
      const steps: Encoded[] = [bits(host(keep & ~value), host(value)), set(target, key)];
      return [() => load(to, mark, nothingKnown()), ...steps];
    });
  },
  count: (to, { counter }) => put(to, `count ${counter}`, () => [counted(word(counter))]),
  log: (to, { prefix, group, snaplen }) => {
    const text = plainText(prefix);
    put(to, `log ${text} ${group} ${snaplen}`, () => [log(group, text, snaplen ?? undefined)]);
  },
  queue: (to, { number, isStrict }) => {
    put(to, `queue ${number} ${isStrict}`, () => [queue(number, isStrict !== true)]);
  },
  reject: (to, { answer }, { known }) => {
    const isReset = answer === 'tcp reset';
    if (isReset) needProtocol(to, TCP, known);
    const type = isReset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMPX_UNREACH;
    const code = isReset ? 0 : NFT_REJECT_ICMPX_ADMIN_PROHIBITED;
    put(to, `reject ${answer}`, () => [reject(type, code)]);
  },
  end: (to, _, { known }) => {
    needProtocol(to, TCP, known);
    // The flags are the second of two bytes that are checked as one number: the first stays.
    const at = FIELDS['tcp flags'].offset - 1;
    put(to, 'end', () => [
      payload(NFT_PAYLOAD_TRANSPORT_HEADER, at, 2),
      bits(Uint8Array.of(0xff, 0), Uint8Array.of(0, RST_ACK)),
      writeTcp(at, 2),
    ]);
  },
  untracked: (to) => put(to, 'notrack', () => [untracked()]),
  clamp: (to, { size }) => {
    const value =
      size === 'route'
        ? [routeSize(), ordered(2)]
        : [immediate(Uint8Array.of(size >> 8, size & 255))];
    put(to, `clamp ${size}`, () => [...value, clamp()]);
  },
  masquerade: (to) => put(to, 'masq', () => [masquerade()]),
  redirect: (to, { port }) => {
    put(to, `redirect ${port}`, () => [
      immediate(Uint8Array.of(port >> 8, port & 255)),
      redirect(),
    ]);
  },
  verdict: (to, { verdict }) => putVerdict(to, verdict),
};

/** Values in network order are as they are compared. */
function putOrdered(to: Encoder, left: Expression): void {
  const { bytes, isHost } = shapeOf(left);
  if (isHost) put(to, `ordered ${bytes}`, () => [ordered(bytes)]);
}

function bytesOf(to: Encoder, left: Expression, value: Constant, isHost: boolean): Uint8Array {
  const shape = shapeOf(left);
  return constantBytes(
    datatypeOf(left),
    value,
    isHost ? shape : { ...shape, isHost: false },
    to.w.little,
  );
}

/** A comparison that tells which headers the packet has. */
function note(known: Known, left: Expression, right: Constant): void {
  if (left.kind !== 'meta') return;
  if (left.key === 'nfproto') known.family = right === NFPROTO[4] ? 4 : 6;
  else if (left.key === 'l4proto') known.protocol = Number(right);
  else if (left.key === 'iiftype') known.isEthernet = true;
}
