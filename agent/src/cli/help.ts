// cli/help: the help pages, each within 80 columns and 24 lines, from the command table. Pure.
import {
  COMMAND_NAMES,
  COMMANDS,
  type CommandShape,
  EXITS,
  GROUPS,
  isCommand,
  isOldSpelling,
  OLD_SPELLINGS,
  OPTIONS,
  type OptionShape,
} from './commands.ts';

/** The page of `topic`: a command, "more", or null for the first page. Null: no such topic. */
export function helpText(topic: string | null): string | null {
  if (topic === null) return page(firstPage());
  if (topic === 'more') return page(secondPage());
  const name = isOldSpelling(topic) ? OLD_SPELLINGS[topic].split(' ')[0]! : topic;
  return isCommand(name) ? page(commandPage(name, COMMANDS[name])) : null;
}

function page(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

function firstPage(): string[] {
  const groups = GROUPS.slice(0, -1).flatMap((group) => [`${group}:`, ...commandLines(group)]);
  return [
    'usage: whp COMMAND [OPERAND] [OPTION..]',
    ...groups,
    'More: whp help COMMAND. Other commands, options, exit statuses: whp help more',
  ];
}

function secondPage(): string[] {
  return [
    `${GROUPS[GROUPS.length - 1]}:`,
    ...commandLines(GROUPS[GROUPS.length - 1]!),
    'Options of every command:',
    ...OPTIONS.filter(({ of }) => 'all' in of).map(optionLine),
    'Those of one command: whp help COMMAND. Exit statuses:',
    ...EXITS.map(([status, says]) => row(`exit ${status}`, says)),
  ];
}

function commandLines(group: string): string[] {
  return COMMAND_NAMES.filter((name) => COMMANDS[name].group === group).map((name) => {
    const { brief, operand, says }: CommandShape = COMMANDS[name];
    return row(`${name} ${brief ?? operand}`, says);
  });
}

function optionLine({ name, value, says }: OptionShape): string {
  return row(`--${name} ${value}`, says);
}

function row(what: string, says: string): string {
  return `  ${what.trimEnd().padEnd(26)} ${says}`;
}

function commandPage(name: string, { operand, says, more }: CommandShape): string[] {
  const usage = `usage: whp ${name} ${operand}`.trimEnd();
  const options = OPTIONS.filter(
    ({ of }) => !('all' in of) && of.some((place) => place.split(' ')[0] === name),
  );
  const parts = [[sentence(says)], more, options.map(optionLine)];
  return [usage, ...parts.flatMap((lines) => (lines.length > 0 ? ['', ...lines] : []))];
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
