// cli/arguments: parses the command line into one command, which main.ts runs. Pure.
import { nearest } from '../syntax/nearest.ts';
import { fail, ok, type Result } from '../syntax/result.ts';
import {
  COMMAND_NAMES,
  COMMANDS,
  type CommandName,
  isCommand,
  MOST_ROWS,
  OPTIONS,
} from './commands.ts';

export const DEFAULT_CONFIG = '/etc/config/whp';
export const DEFAULT_PROFILES = '/usr/share/whp/profiles';

export interface Command {
  readonly name: CommandName;
  /** The words after the command. */
  readonly words: readonly string[];
  /** `words` as one text; null: none. */
  readonly operand: string | null;
  readonly json: boolean;
  readonly csv: boolean;
  /** Print what was examined, one line each (check). */
  readonly explain: boolean;
  /** Most rows of a list. */
  readonly limit: number;
  readonly config: string;
  readonly profiles: string;
  readonly state: string;
  readonly socket: string;
  /** Home prefixes of a capture (replay); empty: the private ranges. */
  readonly lan: readonly string[];
}

/** Parses the words after the program's name. Problems name the word and the fix. */
export function readArguments(words: readonly string[]): Result<Command> {
  const options = new Map<string, string>();
  const plain: string[] = [];
  let onlyWords = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (onlyWords || !word.startsWith('-')) plain.push(word);
    else if (word === '--') onlyWords = true;
    else if (word === '--help' || word === '-h') plain.unshift('help');
    else if (word === '--version') plain.unshift('version');
    else {
      const [flag = '', inline] = word.split(/=(.*)/s);
      const option = OPTIONS.find(({ name }) => flag === `--${name}`);
      if (option === undefined) return fail(word, 'no such option; whp help lists them');
      if (option.value === '' && inline !== undefined) return fail(word, 'takes no value');
      const value = option.value === '' ? '' : (inline ?? words[++at]);
      if (value === undefined) return fail(word, `needs a value: --${option.name} ${option.value}`);
      options.set(option.name, value);
    }
  }
  const [name = 'help', ...operands] = plain;
  if (!isCommand(name)) {
    const meant = nearest(name, COMMAND_NAMES);
    const guess = meant === null ? '' : `did you mean ${meant}? `;
    return fail(name, `no such command; ${guess}whp help lists them`);
  }
  const wrong = operandProblem(name, operands);
  if (wrong !== null) return wrong;
  const rows = options.get('limit') ?? '100';
  const limit = /^\d{1,6}$/.test(rows) ? Number(rows) : 0;
  if (limit === 0 || limit > MOST_ROWS)
    return fail(`--limit ${rows}`, `is no whole number from 1 to ${MOST_ROWS}`);
  return ok({
    name,
    words: operands,
    operand: operands.length === 0 ? null : operands.join(' '),
    json: options.has('json'),
    csv: options.has('csv'),
    explain: options.has('explain'),
    limit,
    config: options.get('config') ?? DEFAULT_CONFIG,
    profiles: options.get('profiles') ?? DEFAULT_PROFILES,
    state: options.get('state') ?? '/etc/whp',
    socket: options.get('socket') ?? '/var/run/whp.sock',
    lan: options.get('lan')?.split(',') ?? [],
  });
}

/** Subcommands that need a second word. */
const WANT_MORE = ['show', 'validate', 'import', 'use'];

function operandProblem(name: CommandName, words: readonly string[]): Result<never> | null {
  // For `whp status --help` and `whp x --version` the command is an operand here.
  if (name === 'help' || name === 'version') return null;
  const { operand, least, most, words: fixed } = COMMANDS[name];
  if (words.length < least) return fail(`whp ${name}`, `needs ${operand}`);
  if (words.length > most) {
    const takes = most === 0 ? 'takes no operand' : `takes ${operand}`;
    return fail(words[most]!, `whp ${name} ${takes}`);
  }
  if (fixed === undefined) return null;
  if (words.length === 0) return null;
  const [first = '', second] = words;
  if (!fixed.includes(first)) return fail(first, `whp ${name} takes ${fixed.join(', ')}`);
  if (WANT_MORE.includes(first) && second === undefined) {
    return fail(`whp ${name} ${first}`, `needs one word more; see whp help ${name}`);
  }
  if (first === 'list' && second !== undefined) {
    return fail(second, `whp ${name} list takes no operand`);
  }
  return null;
}
