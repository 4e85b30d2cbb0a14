// control/arguments: the command line, argv in, one command out. The only place that knows the
// words of `whp`; main.ts runs what it answers. Pure.
import { fail, ok, type Result } from '../policy/result.ts';

export const COMMANDS = {
  daemon: { operand: '', says: 'run the agent in the foreground (procd does this)' },
  status: { operand: '', says: 'state, tunnels, what is learned, what went where' },
  reload: { operand: '', says: 'take in the changed configuration' },
  flows: { operand: '', says: 'proxied flows, and the evidence for each' },
  evidence: { operand: '', says: 'flows of the last hour and why each was proxied' },
  why: {
    operand: 'ADDRESS|FLOW',
    says: 'why it is proxied, or why not',
  },
  learned: { operand: '', says: 'addresses, ports and peers, with what taught them' },
  monitor: { operand: '', says: 'what is learned, as it happens' },
  check: { operand: '[FILE]', says: 'check a configuration or a profile; changes nothing' },
  replay: { operand: 'FILE', says: 'what would have happened to the packets of a capture' },
  ruleset: { operand: '', says: 'print the nftables table the configuration compiles to' },
  version: { operand: '', says: 'print the version' },
  help: { operand: '', says: 'print this' },
} as const;

export type CommandName = keyof typeof COMMANDS;

export interface Command {
  readonly name: CommandName;
  readonly operand: string | null;
  readonly json: boolean;
  readonly config: string;
  readonly profiles: string;
  readonly socket: string;
  /** Home prefixes of a capture (replay), or none given: the private ranges. */
  readonly lan: readonly string[];
}

const DEFAULTS = {
  config: '/etc/config/whp',
  profiles: '/usr/share/whp/profiles',
  socket: '/var/run/whp.sock',
};

type OptionName = keyof typeof DEFAULTS | 'lan';
const OPTIONS: readonly OptionName[] = ['config', 'profiles', 'socket', 'lan'];

/** Reads what follows the program's name. Problems name the word and the way out. */
export function readArguments(words: readonly string[]): Result<Command> {
  const options: Record<OptionName, string | null> = {
    config: null,
    profiles: null,
    socket: null,
    lan: null,
  };
  let json = false;
  const plain: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === '--json') json = true;
    else if (word === '--help' || word === '-h') plain.unshift('help');
    else if (word === '--version') plain.unshift('version');
    else if (word.startsWith('-')) {
      const [flag = '', inline] = word.split(/=(.*)/s);
      const name = OPTIONS.find((option) => flag === `--${option}`);
      if (name === undefined) return fail(word, 'no such option; whp help lists them');
      const value = inline ?? words[++at];
      if (value === undefined) return fail(word, 'needs a value');
      options[name] = value;
    } else plain.push(word);
  }
  const [name = 'help', operand, ...surplus] = plain;
  if (!isCommand(name)) return fail(name, `no such command; ${nearest(name)}whp help lists them`);
  const wants = COMMANDS[name].operand;
  if (name !== 'help' && name !== 'version') {
    if (wants === '' && operand !== undefined) return fail(operand, `whp ${name} takes no operand`);
    if (wants !== '' && !wants.startsWith('[') && operand === undefined) {
      return fail(`whp ${name}`, `needs ${wants}`);
    }
    if (surplus.length > 0 && name !== 'why')
      return fail(surplus[0]!, `whp ${name} takes one operand`);
  }
  return ok({
    name,
    operand: operand === undefined ? null : [operand, ...surplus].join(' '),
    json,
    config: options.config ?? DEFAULTS.config,
    profiles: options.profiles ?? DEFAULTS.profiles,
    socket: options.socket ?? DEFAULTS.socket,
    lan: options.lan?.split(',') ?? [],
  });
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}

function nearest(word: string): string {
  const close = Object.keys(COMMANDS).find((name) => name.startsWith(word.slice(0, 2)));
  return close === undefined ? '' : `did you mean ${close}? `;
}

export function helpText(): string {
  const lines = Object.entries(COMMANDS).map(
    ([name, { operand, says }]) => `  ${`${name} ${operand}`.trimEnd().padEnd(20)} ${says}`,
  );
  return [
    'usage: whp COMMAND [--json] [--config FILE] [--profiles DIR] [--socket PATH]',
    '',
    ...lines,
    '',
    '  FLOW is as whp flows prints it: udp 192.168.1.11:13021 198.51.100.7:443',
    '  --json answers for programs; replay also takes --lan PREFIX[,PREFIX]',
    '  exit: 0 done, 1 it failed, 2 the command line is wrong, 3 no agent is running',
    '',
  ].join('\n');
}
