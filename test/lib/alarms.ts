// What `whp status` says in several lines, as one line each.

/** A line of a shell: commands with "; " between them. */
const COMMANDS =
  /^(whp|uci|ping|opkg|apk|logread|fw4|ip|nft|sysctl|rm|\/etc\/init\.d\/\S+|\/usr\/share\/whp\/\S+) .*$/;

export function isCommands(line: string): boolean {
  return line
    .trim()
    .replace(/;$/, '')
    .split('; ')
    .every((one) => COMMANDS.test(one));
}

/** The text on one line, as a person reads it. */
export function flat(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Problems and errors with each on one line: "PLACE: TEXT; COMMAND; COMMAND". */
export function unbroken(text: string): string {
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    const before = lines.at(-1);
    if (before === undefined || !/^ {2}\S/.test(line)) lines.push(line);
    else {
      const gap = isCommands(line) ? '; ' : ' ';
      lines[lines.length - 1] = `${before.replace(/;$/, '')}${gap}${line.trim()}`;
    }
  }
  return lines.join('\n');
}

/** Of a shell: joins the lines of a report as `unbroken` does, without the "; " before commands. */
export const JOINED = `joined() { sed ':a;N;$!ba;s/\\n  */ /g'; }`;

/** Each alarm as one line: "! WHAT; COMMAND; COMMAND". */
export function alarmLines(status: string): string[] {
  return alarmsOf(status).map(({ text, commands }) => `! ${[text, ...commands].join('; ')}`);
}

/** Each "!" of `whp status` with its lines: the text on one line, and the commands below it. */
export function alarmsOf(text: string): { readonly text: string; readonly commands: string[] }[] {
  const [, ...blocks] = `\n${text.trimEnd()}`.split('\n! ');
  return blocks.map((block) => {
    const lines = block.split('\n');
    const first = lines.findIndex((line, at) => at > 0 && isCommands(line));
    const end = first < 0 ? lines.length : first;
    const commands = lines.slice(end).flatMap((line) => line.trim().replace(/;$/, '').split('; '));
    return { text: flat(lines.slice(0, end).join(' ')), commands };
  });
}
