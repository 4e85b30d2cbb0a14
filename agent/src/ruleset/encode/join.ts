// ruleset/encode/join: nft compares neighbouring bytes of a packet in one step: `@th,64,8 0 @th,72,8 1` becomes the
// comparison of two bytes. Here the same comparisons are joined, so a table is listed alike however it was loaded.
import { datatypeOf } from '../fields.ts';
import type { Constant, Expression, Statement } from '../model.ts';
import { type Place, placeOf } from './expression.ts';
import { constantBytes, shapeOf } from './value.ts';

/** Bytes of the packet and a constant, compared. */
export interface Match {
  readonly kind: 'match';
  readonly place: Place;
  readonly operator: '==' | '!=';
  readonly value: Uint8Array;
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
export function joined(statements: readonly Statement[]): (Statement | Match)[] {
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
  const order = ({ place }: Match): number => place.base * 1000 + place.offset;
  window.sort((a, b) => order(at(a)) - order(at(b)));
  let first = window[0]!;
  for (const index of window.slice(1)) {
    const [one, other] = [at(first), at(index)];
    const bytes = one.place.bytes + other.place.bytes;
    const isNext =
      one.place.base === other.place.base &&
      one.place.offset + one.place.bytes === other.place.offset &&
      one.operator === other.operator &&
      bytes <= LONGEST;
    if (!isNext) {
      first = index;
      continue;
    }
    const value = Uint8Array.of(...one.value, ...other.value);
    steps[first] = { ...one, place: { ...one.place, bytes }, value };
    gone.add(index);
  }
}

function matchOf(one: Statement): Statement | Match {
  if (one.kind === 'compare' && one.operator !== '>=')
    return compared(one.left, one.operator, one.right) ?? one;
  if (one.kind === 'oneof' && one.right.length === 1)
    return compared(one.left, one.not ? '!=' : '==', one.right[0]!) ?? one;
  return one;
}

/** null: the value is not of the packet, or needs a condition before it. */
function compared(left: Expression, operator: '==' | '!=', right: Constant): Match | null {
  const place = placeOf(left);
  if (place === null || (left.kind === 'field' && !left.name.startsWith('th '))) return null;
  // Bytes of a packet are in network order.
  const value = constantBytes(datatypeOf(left), right, shapeOf(left), false);
  return { kind: 'match', place, operator, value };
}
