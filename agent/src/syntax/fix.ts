// syntax/fix: separates a sentence from the commands at its end, so that a program can offer them: a button, a line to
// copy. Pure.

/** Commands of whp that mend something, and the programs of OpenWrt that do. */
const COMMAND = new RegExp(
  [
    'uci (set|add|add_list|del_list|delete|commit) ',
    '(opkg|apk) (update$|install |add |remove )',
    'whp (status|check|devices|reload|resume|pause|test|diag|flows|forget|unpin|proxy|profile)\\b(?! \\w+ the )',
    'fw4 reload$',
    'ip (-\\S+ )*(link|route|addr|rule|neigh) [a-z]',
    'sysctl -w ',
    '(ping|logread|ifup|rm) ',
    'free$',
    '(/etc/init\\.d|/usr/share/whp)/\\S+ \\w+$',
  ]
    .map((one) => `^${one}`)
    .join('|'),
);

export interface Told {
  readonly what: string;
  /** Commands with "; " between them; absent: the text ends in none. */
  readonly fix?: string;
}

/** The last parts of `text`, each after "; ", that are commands; a ": " may be before the first of them. */
export function splitFix(text: string): Told {
  const parts = text.split('; ');
  let first = parts.length;
  while (first > 0 && COMMAND.test(parts[first - 1]!)) first -= 1;
  const before = parts.slice(0, first);
  const commands = parts.slice(first);
  const last = before[before.length - 1] ?? '';
  const colon = last.lastIndexOf(': ');
  if (colon >= 0 && COMMAND.test(last.slice(colon + 2))) {
    before[before.length - 1] = last.slice(0, colon);
    commands.unshift(last.slice(colon + 2));
  }
  if (commands.length === 0 || before.length === 0) return { what: text };
  return { what: before.join('; '), fix: commands.join('; ') };
}
