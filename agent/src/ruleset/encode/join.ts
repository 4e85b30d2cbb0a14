// ruleset/encode/join: nft compares neighbouring bytes of a packet in one step: `@th,64,8 0 @th,72,8 1` becomes the
// comparison of two bytes. Here the same comparisons are joined, so a table is listed alike however it was loaded.
import { datatypeOf } from '../fields.ts';
import type { Constant, Expression, Statement } from '../model.ts';
import { statementText } from '../render.ts';
import { type Header, headerOf } from './expression.ts';
import { constantBytes, shapeOf } from './value.ts';

/** Bytes of the packet and a constant, compared. */
export interface Match {
  readonly kind: 'match';
  readonly header: Header;
  readonly operator: '==' | '!=';
  readonly value: Uint8Array;
  /** The comparisons in nft's form. */
  readonly text: string;
}

/** Bytes of the longest comparison: a register. */
const LONGEST = 16;
/** Statements across which nft joins. */
const CONDITIONS: readonly (Statement['kind'] | 'match')[] = [
  'match',
  'compare',
  'between',
  'oneof',
  'flags',
  'lookup',
];

/** The statements of a rule, with comparisons of packet bytes as matches, joined. */
export function joined(statements: readonly Statement[]): readonly (Statement | Match)[] {
  let candidates = 0;
  for (const one of statements) if (isCandidate(one)) candidates += 1;
  if (candidates < 2) return statements;
  const steps = statements.map(matchOf);
  const gone = new Set<number>();
  let window: number[] = [];
  for (let at = 0; at <= steps.length; at++) {
    const step = steps[at];
    if (step?.kind === 'match') window.push(at);
    if (step !== undefined && CONDITIONS.includes(step.kind)) continue;
    join(steps, window, gone);
    window = [];
  }
  return steps.filter((_, at) => !gone.has(at));
}

/** Joins the matches at `window` of `steps`; the first of neighbours gets the bytes of the others, which are gone. */
function join(steps: (Statement | Match)[], window: number[], gone: Set<number>): void {
  if (window.length < 2) return;
  const at = (index: number): Match => steps[index] as Match;
  const order = ({ header }: Match): number => header.base * 1000 + header.offset;
  window.sort((a, b) => order(at(a)) - order(at(b)));
  let first = window[0]!;
  for (const index of window.slice(1)) {
    const [one, other] = [at(first), at(index)];
    const bytes = one.header.bytes + other.header.bytes;
    const isNext =
      one.header.base === other.header.base &&
      one.header.offset + one.header.bytes === other.header.offset &&
      one.operator === other.operator &&
      bytes <= LONGEST;
    if (!isNext) {
      first = index;
      continue;
    }
    const value = Uint8Array.of(...one.value, ...other.value);
    const text = `${one.text} ${other.text}`;
    steps[first] = { ...one, header: { ...one.header, bytes }, value, text };
    gone.add(index);
  }
}

/** A comparison of bytes of the packet that needs no condition before it. */
function isCandidate(one: Statement): one is Extract<Statement, { kind: 'compare' | 'oneof' }> {
  if (one.kind !== 'compare' && one.kind !== 'oneof') return false;
  if (one.kind === 'compare' && one.operator === '>=') return false;
  const { left } = one;
  return (
    left.kind === 'raw' ||
    left.kind === 'payload' ||
    (left.kind === 'field' && left.name.startsWith('th '))
  );
}

function matchOf(one: Statement): Statement | Match {
  if (!isCandidate(one)) return one;
  if (one.kind === 'compare' && one.operator !== '>=')
    return compared(one, one.left, one.operator, one.right) ?? one;
  if (one.kind === 'oneof' && one.right.length === 1)
    return compared(one, one.left, one.not ? '!=' : '==', one.right[0]!) ?? one;
  return one;
}

/** null: the value is not of the packet. */
function compared(
  one: Statement,
  left: Expression,
  operator: '==' | '!=',
  right: Constant,
): Match | null {
  const header = headerOf(left);
  if (header === null) return null;
  // Bytes of a packet are in network order.
  const value = constantBytes(datatypeOf(left), right, shapeOf(left), false);
  return { kind: 'match', header, operator, value, text: statementText(one) };
}
