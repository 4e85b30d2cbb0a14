// What the documents type into a router's configuration: `uci` commands, alone or in `uci batch`, applied to the text
// of /etc/config/whp. Other files of the router and other commands have no effect.
import { parseUci } from '../../agent/src/syntax/uci.ts';

interface Section {
  readonly type: string;
  readonly options: Map<string, { keyword: string; values: string[] }>;
}

type Sections = Map<string, Section>;

function read(configuration: string): Sections {
  const parsed = parseUci(configuration, 'whp');
  if (!parsed.ok) throw new Error(parsed.problems.map(({ what }) => what).join('\n'));
  return new Map(
    parsed.value.sections.map(({ type, name, values }) => {
      const options: Section['options'] = new Map();
      for (const { keyword, name: option, value } of values) {
        const before = keyword === 'list' ? (options.get(option)?.values ?? []) : [];
        options.set(option, { keyword, values: [...before, value] });
      }
      return [name ?? '', { type, options }] as const;
    }),
  );
}

function write(sections: Sections): string {
  const parts = Array.from(sections, ([name, { type, options }]) => {
    const lines = Array.from(options, ([option, { keyword, values }]) =>
      values.map((value) => `\t${keyword} ${option} '${value}'\n`),
    );
    return `config ${type} '${name}'\n${lines.flat().join('')}`;
  });
  return parts.join('\n');
}

const COMMAND = /^(?:uci )?(set|add_list|del_list|delete) whp\.(\w+)(?:\.(\w+))?(?:='?([^']*)'?)?$/;

/** Commands of a script: `;` ends one; the words of this grammar have none in quotes. */
export function commandsIn(script: string): string[] {
  return script
    .split(/[;\n]|&&/)
    .map((one) => one.replace(/\s#.*$/, '').trim())
    .filter((one) => one !== '');
}

function apply(sections: Sections, command: string): void {
  const [, verb, name = '', option, value = ''] = COMMAND.exec(command) ?? [];
  if (verb === undefined) return;
  const section = sections.get(name);
  if (verb === 'set' && option === undefined) {
    sections.set(name, { type: value, options: section?.options ?? new Map() });
    return;
  }
  if (section === undefined) throw new Error(`"${command}": there is no section "${name}"`);
  if (option === undefined) sections.delete(name);
  else if (verb === 'set') section.options.set(option, { keyword: 'option', values: [value] });
  else if (verb === 'delete') section.options.delete(option);
  else {
    const before = section.options.get(option)?.values ?? [];
    const values = verb === 'add_list' ? [...before, value] : before.filter((one) => one !== value);
    section.options.set(option, { keyword: 'list', values });
  }
}

/** The configuration after the commands of `script`. */
export function typeUci(configuration: string, script: string): string {
  const sections = read(configuration);
  for (const command of commandsIn(script)) apply(sections, command);
  return write(sections);
}
