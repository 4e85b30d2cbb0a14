// cli/help: the help pages, each within 80 columns and 24 lines, and the completion script, both from the command
// table. Pure.
import {
  COMMAND_NAMES,
  COMMANDS,
  type CommandShape,
  EXITS,
  isCommand,
  OPTIONS,
} from './commands.ts';

/** The page of `topic`: a command, "more", or null for the first page. Null: no such topic. */
export function helpText(topic: string | null): string | null {
  if (topic === null) return page(firstPage());
  if (topic === 'more') return page(secondPage());
  return isCommand(topic) ? page(commandPage(topic, COMMANDS[topic])) : null;
}

function page(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

function line(name: string, { operand, says }: CommandShape): string {
  return `  ${`${name} ${operand}`.trimEnd().padEnd(26)} ${says}`;
}

function commandLines(first: boolean): string[] {
  return COMMAND_NAMES.filter((name) => COMMANDS[name].first === first).map((name) =>
    short(name, COMMANDS[name]),
  );
}

/** On the first page, a command with fixed words shows the first of them as its operand. */
function short(name: string, shape: CommandShape): string {
  if (shape.words === undefined) return line(name, shape);
  const [first, second, ...rest] = shape.words;
  return line(name, { ...shape, operand: `${first}|${second}${rest.length > 0 ? '|..' : ''}` });
}

function firstPage(): string[] {
  return [
    'usage: whp COMMAND [OPERAND] [--json]',
    '',
    ...commandLines(true),
    'Options, exit statuses and the other commands: whp help more',
  ];
}

function secondPage(): string[] {
  return [
    'usage: whp COMMAND [OPERAND] [OPTION..]',
    '',
    ...commandLines(false),
    '',
    ...OPTIONS.map(({ name, value, says }) => `  ${`--${name} ${value}`.padEnd(26)} ${says}`),
    ...EXITS.map(([status, says]) => `  exit ${status}${' '.repeat(21)}${says}`),
  ];
}

function commandPage(name: string, shape: CommandShape): string[] {
  const usage = `usage: whp ${name} ${shape.operand}`.trimEnd();
  return [usage, '', sentence(shape.says), ...(shape.more.length > 0 ? ['', ...shape.more] : [])];
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}

/** Completion script for bash: commands, then a command's fixed words, then files. */
export function completionText(): string {
  const fixed = COMMAND_NAMES.flatMap((name) => {
    const words = (COMMANDS[name] as CommandShape).words;
    return words === undefined ? [] : [`    ${name}) words="${words.join(' ')}" ;;`];
  });
  return page([
    '_whp() {',
    '  local words=""',
    '  if [ "$COMP_CWORD" = 1 ]; then',
    `    words="${COMMAND_NAMES.join(' ')}"`,
    '  else case $3 in',
    ...fixed,
    `    help) words="${COMMAND_NAMES.join(' ')} more" ;;`,
    '  esac; fi',
    `  case $2 in -*) words="${OPTIONS.map(({ name }) => `--${name}`).join(' ')}" ;; esac`,
    '  COMPREPLY=($(compgen -W "$words" -- "$2"))',
    '}',
    'complete -o default -F _whp whp',
  ]);
}
