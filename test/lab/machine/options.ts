// Words after `lab.sh COMMAND` -> checked values, before anything is built or booted: lab.sh runs each
// driver once with WHP_LAB_CHECK set, and the driver ends here. What is refused is one line and exit
// status 2.
import { parseArgs } from 'node:util';
import { KERNEL_LINES } from './roles.ts';

/**
 * A flag, one of some words, several of them (all when left out), a whole number above 0, or any text;
 * each with its value when left out.
 */
export type Rule =
  | false
  | { readonly of: readonly string[]; readonly otherwise: string }
  | { readonly list: readonly string[] }
  | { readonly above: 0; readonly otherwise: number }
  | { readonly text: string };

type Value<R> = R extends false
  ? boolean
  : R extends { readonly of: readonly (infer Word)[] }
    ? Word
    : R extends { readonly above: 0 }
      ? number
      : R extends { readonly list: readonly string[] }
        ? readonly string[]
        : string;

export interface Options<Rules> {
  readonly values: { readonly [Name in keyof Rules]: Value<Rules[Name]> };
  /** What is no option, after the command itself. */
  readonly words: readonly string[];
}

/** The routers that play sessions. */
export const ROUTER = { of: ['mipsel', 'x86_64'], otherwise: 'mipsel' } as const;

/** A refusal's text. */
export class Refusal extends Error {}

/** Reads `given` by `rules`; `known` are the words it may have ('any' for files). Throws Refusal. */
export function readOptions<const Rules extends Readonly<Record<string, Rule>>>(
  rules: Rules,
  known: readonly string[] | 'any',
  given: readonly string[],
): Options<Rules> {
  const names = Object.keys(rules);
  const { tokens } = parseArgs({
    args: [...given],
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      names.map((name) => [name, { type: rules[name] === false ? 'boolean' : 'string' }]),
    ),
  });
  const values: Record<string, unknown> = Object.fromEntries(
    Object.entries(rules).map(([name, rule]) => [name, valueOf(name, rule, undefined)]),
  );
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'option') {
      const rule = Object.hasOwn(rules, token.name) ? rules[token.name] : undefined;
      if (rule === undefined) throw new Refusal(unknown(token.rawName, names));
      values[token.name] = valueOf(token.name, rule, token.value ?? '');
    } else if (token.kind === 'positional') words.push(token.value);
  }
  if (known === 'any') return { values, words } as Options<Rules>;
  const strange = words.find((word) => !known.includes(word));
  if (strange === undefined) return { values, words } as Options<Rules>;
  const choice =
    known.length === 0 ? 'nothing but options is taken' : `known are ${known.join(', ')}`;
  throw new Refusal(`${strange}: ${choice}`);
}

function unknown(option: string, names: readonly string[]): string {
  if (names.length === 0) return `unknown option ${option}; there is none`;
  return `unknown option ${option}; known are ${names.map((name) => `--${name}`).join(', ')}`;
}

/** `given` is undefined when the option is left out, and empty when its value is. */
function valueOf(
  name: string,
  rule: Rule,
  given: string | undefined,
): boolean | number | string | readonly string[] {
  if (rule === false) {
    if (given) throw new Refusal(`--${name} takes no value`);
    return given !== undefined;
  }
  if ('of' in rule) {
    const text = given ?? rule.otherwise;
    if (rule.of.includes(text)) return text;
    throw new Refusal(`--${name} ${text}: known are ${rule.of.join(', ')}`);
  }
  if ('list' in rule) {
    const texts = given?.split(',') ?? rule.list;
    if (texts.every((text) => rule.list.includes(text))) return texts;
    throw new Refusal(`--${name} ${given}: known are ${rule.list.join(', ')}`);
  }
  if ('above' in rule) {
    const text = given ?? String(rule.otherwise);
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
    throw new Refusal(`--${name} ${text}: a whole number above 0`);
  }
  if (given === '' || given?.startsWith('-')) throw new Refusal(`--${name} needs a value`);
  return given ?? rule.text;
}

/**
 * The options of this process, whose first word is `command` ('' for the sessions, which have none).
 * Ends the process when they are refused, and when lab.sh only wants them checked.
 */
export function labOptions<const Rules extends Readonly<Record<string, Rule>>>(
  command: string,
  rules: Rules,
  known: readonly string[] | 'any' = [],
): Options<Rules> {
  try {
    // lab.sh has put the kernel's line into WHP_KERNEL.
    const all = { ...rules, kernel: { of: KERNEL_LINES, otherwise: '6.1' } };
    const options = readOptions(all, known, process.argv.slice(command === '' ? 2 : 3));
    if (process.env.WHP_LAB_CHECK !== undefined) process.exit(0);
    return options as unknown as Options<Rules>;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(`${`lab ${command}`.trim()}: ${error.message} (lab.sh --help)`);
    process.exit(2);
  }
}
