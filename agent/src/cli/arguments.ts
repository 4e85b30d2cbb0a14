// cli/arguments: parses the command line into one command, which main.ts runs. Pure.
import { RANGE_NAMES } from '../account/series.ts';
import { nearest } from '../syntax/nearest.ts';
import { fail, ok, type Result } from '../syntax/result.ts';
import {
  COMMAND_NAMES,
  COMMANDS,
  type CommandName,
  type CommandShape,
  isCommand,
  isOldSpelling,
  MOST_ROWS,
  OLD_SPELLINGS,
  OPTIONS,
  type OptionShape,
  type Place,
  VIEWS,
  type View,
} from './commands.ts';

export const DEFAULT_CONFIG = '/etc/config/whp';
export const DEFAULT_PROFILES = '/usr/share/whp/profiles';

export interface Command {
  readonly name: CommandName;
  /** The words after the command. */
  readonly words: readonly string[];
  /** `words` as one text; null: none. */
  readonly operand: string | null;
  /** Of `flows`: the list that is asked for; null: the open flows, or another command. */
  readonly view: View | null;
  /** What to say besides the answer, on standard error; null: nothing. */
  readonly hint: string | null;
  readonly json: boolean;
  readonly csv: boolean;
  /** Print nothing (status). */
  readonly quiet: boolean;
  /** Print what was examined, one line each (check). */
  readonly explain: boolean;
  /** Print where each range comes from (profile show). */
  readonly sources: boolean;
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
  const sorted = sortWords(words);
  if (!sorted.ok) return sorted;
  const { options, plain } = sorted.value;
  const [word = 'help', ...operands] = plain;
  const hint = isOldSpelling(word) ? hintText(word) : null;
  const [name = '', old] = isOldSpelling(word) ? OLD_SPELLINGS[word].split(' --') : [word];
  if (old !== undefined) options.set(old, '');
  if (!isCommand(name)) return unknownCommand(name);
  const views = VIEWS.filter((one) => options.has(one));
  const view = name === 'flows' ? (views[0] ?? null) : null;
  const wrong =
    optionProblem(name, view, options) ??
    (views.length > 1 ? fail(`--${views[1]}`, `whp flows takes one of ${flags(VIEWS)}`) : null) ??
    operandProblem(name, view, operands) ??
    sourcesProblem(options, operands);
  if (wrong !== null) return wrong;
  const rows = options.get('limit') ?? '100';
  const limit = /^\d{1,6}$/.test(rows) ? Number(rows) : 0;
  if (limit === 0 || limit > MOST_ROWS)
    return fail(`--limit ${rows}`, `is no whole number from 1 to ${MOST_ROWS}`);
  return ok({
    name,
    words: operands,
    operand: operands.length === 0 ? null : operands.join(' '),
    view,
    hint,
    json: options.has('json'),
    csv: options.has('csv'),
    quiet: options.has('quiet'),
    explain: options.has('explain'),
    sources: options.has('sources'),
    limit,
    config: options.get('config') ?? DEFAULT_CONFIG,
    profiles: options.get('profiles') ?? DEFAULT_PROFILES,
    state: options.get('state') ?? '/etc/whp',
    socket: options.get('socket') ?? '/var/run/whp.sock',
    lan: options.get('lan')?.split(',') ?? [],
  });
}

interface Sorted {
  /** Values by the option's name; '': it takes none. */
  readonly options: Map<string, string>;
  /** The command and its operands. */
  readonly plain: readonly string[];
}

function sortWords(words: readonly string[]): Result<Sorted> {
  const options = new Map<string, string>();
  const plain: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === '--') {
      plain.push(...words.slice(at + 1));
      break;
    }
    if (!word.startsWith('-')) plain.push(word);
    else if (word === '--help' || word === '-h') plain.unshift('help');
    else if (word === '--version' || word === '-v') plain.unshift('version');
    else {
      const [flag = '', inline] = word.split(/=(.*)/s);
      const option = OPTIONS.find(({ name }) => flag === `--${name}`);
      if (option === undefined) return unknownOption(word, flag);
      if (option.value === '' && inline !== undefined) return fail(word, 'takes no value');
      const value = option.value === '' ? '' : (inline ?? words[++at]);
      if (value === undefined) return fail(word, `needs a value: --${option.name} ${option.value}`);
      options.set(option.name, value);
    }
  }
  return ok({ options, plain });
}

function unknownOption(word: string, flag: string): Result<never> {
  const known = OPTIONS.map(({ name }) => name);
  const meant = nearest(flag.replace(/^-+/, ''), known);
  return fail(
    word,
    `no such option; ${meant === null ? 'whp help lists them' : `did you mean --${meant}?`}`,
  );
}

/** Words that other programs have, for the service. */
const OF_SERVICE = ['start', 'stop', 'restart', 'enable', 'disable'];

function unknownCommand(word: string): Result<never> {
  if (OF_SERVICE.includes(word))
    return fail(word, `no such command; the service: /etc/init.d/whp ${word}`);
  const meant = nearest(word, COMMAND_NAMES);
  const guess = meant === null ? '' : `did you mean ${meant}? `;
  return fail(word, `no such command; ${guess}whp help lists them`);
}

function hintText(word: keyof typeof OLD_SPELLINGS): string {
  return `whp ${word} is whp ${OLD_SPELLINGS[word]} now; the next release knows that alone`;
}

function flags(names: readonly string[]): string {
  return names.map((one) => `--${one}`).join(', ');
}

/** An option that means nothing to the command. */
function optionProblem(
  name: CommandName,
  view: View | null,
  options: ReadonlyMap<string, string>,
): Result<never> | null {
  // For `whp status --csv --help` the command is an operand.
  if (name === 'help' || name === 'version') return null;
  const place: Place = view === null ? name : `flows --${view}`;
  const wrong = OPTIONS.find((one) => options.has(one.name) && !isOf(one, name, place));
  if (wrong === undefined) return null;
  const { name: option, of } = wrong;
  const others = 'all' in of ? '' : `; whp ${of.join(', ')} ${of.length === 1 ? 'does' : 'do'}`;
  return fail(`--${option}`, `whp ${place} takes no --${option}${others}`);
}

function isOf({ name: option, of }: OptionShape, name: CommandName, place: Place): boolean {
  if ('all' in of) return !of.all.includes(name);
  // A view is an option of `flows` itself.
  return of.includes((VIEWS as readonly string[]).includes(option) ? name : place);
}

/** Of `whp profile`, only `show` prints ranges. */
function sourcesProblem(
  options: ReadonlyMap<string, string>,
  [word]: readonly string[],
): Result<never> | null {
  if (!options.has('sources') || word === 'show') return null;
  return fail('--sources', 'belongs to whp profile show NAME');
}

/** Subcommands that need a second word. */
const WANT_MORE = ['show', 'validate', 'import', 'use'];

function operandProblem(
  name: CommandName,
  view: View | null,
  words: readonly string[],
): Result<never> | null {
  // For `whp status --help` and `whp x --version` the command is an operand here.
  if (name === 'help' || name === 'version') return null;
  if (name === 'flows') return subjectProblem(view, words);
  const { operand, least, most, words: fixed }: CommandShape = COMMANDS[name];
  if (words.length < least) return fail(`whp ${name}`, `needs ${operand}`);
  if (words.length > most) {
    const takes = most === 0 ? 'takes no operand' : `takes ${operand}`;
    return fail(words[most]!, `whp ${name} ${takes}`);
  }
  const [first, second] = words;
  if (first === undefined) return null;
  if (fixed !== undefined && !fixed.includes(first))
    return fail(first, `whp ${name} takes ${fixed.join(', ')}`);
  if (fixed !== undefined && WANT_MORE.includes(first) && second === undefined) {
    return fail(`whp ${name} ${first}`, `needs one word more; see whp help ${name}`);
  }
  if (first === 'list' && second !== undefined) {
    return fail(second, `whp ${name} list takes no operand`);
  }
  return null;
}

/** Of `whp flows --totals [SUBJECT [RANGE]]`. */
function subjectProblem(view: View | null, words: readonly string[]): Result<never> | null {
  const [kind, subject, range] = words;
  if (kind === undefined) return null;
  if (view !== 'totals') return fail(kind, 'whp flows takes an operand with --totals only');
  if (!['app', 'device', 'proxy'].includes(kind) || subject === undefined)
    return fail(kind, 'a subject is app NAME, device ADDRESS or proxy NAME');
  if (range !== undefined && !(RANGE_NAMES as readonly string[]).includes(range))
    return fail(range, `a range is ${RANGE_NAMES.join(', ')}`);
  return words.length > 3 ? fail(words[3]!, 'whp flows --totals takes [SUBJECT [RANGE]]') : null;
}
