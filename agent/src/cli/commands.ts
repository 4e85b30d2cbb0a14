// cli/commands: the commands of `whp` as data: group, operands, purpose and options of each. Used by arguments and
// help; tests compare docs/cli.md and the completion script with it.
import { NAME_KINDS } from '../answers/names.ts';

/** The groups of the help pages and of docs/cli.md, in their order; all but the last are on the first page. */
export const GROUPS = [
  'Looking',
  'Acting',
  'Configuring',
  'When something is wrong',
  'Seldom needed',
] as const;

type Group = (typeof GROUPS)[number];

export interface CommandShape {
  readonly group: Group;
  /** Operands as help shows them. */
  readonly operand: string;
  /** Smallest and largest number of operands. */
  readonly least: number;
  readonly most: number;
  /** Purpose, one line of at most 52 characters. */
  readonly says: string;
  /** Lines for `whp help COMMAND`. */
  readonly more: readonly string[];
  /** Operands on the first help page, where `operand` is too long. */
  readonly brief?: string;
  /** The first operand is one of these. */
  readonly words?: readonly string[];
}

function shape(
  group: Group,
  operand: string,
  [least, most]: readonly [number, number],
  says: string,
  more: readonly string[] = [],
  rest: Pick<CommandShape, 'brief' | 'words'> = {},
): CommandShape {
  return { group, operand, least, most, says, more, ...rest };
}

const NONE = [0, 0] as const;

export const COMMANDS = {
  status: shape('Looking', '', NONE, 'one screen: proxies, apps, and what is wrong'),
  flows: shape(
    'Looking',
    '[--ended|--recent|--totals [SUBJECT [RANGE]]]',
    [0, 3],
    'flows of applications: by which proxy, and why',
    [
      'Of the ended flows the last 400 are kept, in RAM. --recent alone has requests,',
      'port mappings, and flows that were refused once: late and inbound ones.',
      'SUBJECT of --totals draws a graph: app skype, device 192.168.1.11, proxy cloud.',
      'RANGE is hour, day, week, month or year.',
    ],
    { brief: '[--ended|--recent..]' },
  ),
  why: shape('Looking', 'ADDRESS|FLOW|NAME', [1, 4], 'where a new flow goes now, and why', [
    'FLOW is as whp flows prints it: udp 192.168.1.11:13021 198.51.100.7:443',
    'NAME is a host name, or a device or group of yours: api.skype.com, tv, kids',
  ]),
  learned: shape('Looking', '', NONE, 'addresses, ports and peers, with what taught them'),
  devices: shape('Looking', '', NONE, 'devices at home, and which apps apply to each'),
  monitor: shape('Looking', '', NONE, 'what is learned, as it happens, until interrupted'),
  pause: shape(
    'Acting',
    '[APP|all] [MINUTES|forever]',
    [0, 2],
    'let new connections of an app go out directly',
    [
      'All apps for 60 minutes unless told; live flows stay in the tunnel. forever is',
      'until whp resume or a restart of the agent. To switch an app off for good:',
      "uci set whp.APP.enabled='0'; uci commit whp; whp reload",
    ],
    { brief: '[APP|all] [MINUTES]' },
  ),
  resume: shape('Acting', '[APP|all]', [0, 1], 'end a pause'),
  pin: shape('Acting', '[list|ADDRESS [APP]]', [0, 2], "an address is an app's until unpinned", [
    'Every TCP and UDP flow to it is proxied for that app. Kept over restarts.',
    'Where one app is enabled, APP may be left out. whp pin alone lists the pins.',
  ]),
  unpin: shape('Acting', 'ADDRESS', [1, 1], 'take back a pin'),
  forget: shape('Acting', 'ADDRESS|NAME|all', [1, 1], 'forget what was learned; live flows go on', [
    'Addresses by DNS, ports and peers. NAME is an app, a device or a group; ADDRESS',
    'is of a server, a peer or a device, and may be a MAC.',
  ]),
  proxy: shape(
    'Acting',
    '[list|use NAME|auto]',
    [0, 2],
    'proxies; use one until told otherwise',
    [
      'list              proxies, their state and the apps that may use them',
      'use NAME          every app that lists it uses it alone, restarts included',
      'use auto          as configured again',
    ],
    { words: ['list', 'use'] },
  ),
  check: shape(
    'Configuring',
    '[FILE]',
    [0, 1],
    'check a configuration or a profile; changes nothing',
    [
      'Without FILE this router too: devices, firewall, modules, who else is on it.',
      '--explain prints what was looked at, so that silence means something.',
    ],
  ),
  reload: shape('Configuring', '', NONE, 'load the changed configuration and profiles', [
    'A bad file changes nothing: the last good configuration stands.',
  ]),
  profile: shape(
    'Configuring',
    '[list|show|validate|import ..]',
    [0, 2],
    'profiles: shipped ones and your own',
    [
      'list              all profiles, with the file of each; retired ones say so',
      'show NAME         what it goes by: names, ranges, and until when;',
      '                  --sources: all addresses, and where they are from',
      'validate FILE     check one; changes nothing',
      'import FILE       check one and put it into /etc/whp/profiles.d, where it',
      '                  comes before a shipped one of the same name; then whp reload',
    ],
    {
      brief: '[list|show|..]',
      words: ['list', 'show', 'validate', 'import'],
    },
  ),
  test: shape(
    'When something is wrong',
    '',
    NONE,
    'would a call made now be protected? step by step',
    [
      'Each line: ok, ! (not protected) or - (worth knowing), with the',
      'command that mends it. Sends some probes through the tunnels; changes nothing.',
    ],
  ),
  audit: shape(
    'When something is wrong',
    '[MINUTES]',
    [0, 1],
    'record what leaves, and judge it at the end',
    [
      'Flows from home beside the tunnels, for 5 minutes or MINUTES, or until Ctrl-C;',
      'judged by all that is known at the end. Exit status 4: an app left outside.',
    ],
  ),
  diag: shape(
    'When something is wrong',
    '[FILE]',
    [0, 1],
    'a report for support, without addresses and keys',
    [
      'State, configuration, table, routes, log. Public addresses, keys, MACs, names',
      'of devices are replaced. Read it before you pass it on.',
    ],
  ),
  version: shape('Seldom needed', '', NONE, 'print the version'),
  help: shape(
    'Seldom needed',
    '[COMMAND|more]',
    [0, 1],
    'the first page; a command; the other commands',
  ),
  ruleset: shape('Seldom needed', '', NONE, 'print the nftables table that is enforced', [
    'Without an agent it is that of the configuration.',
  ]),
  replay: shape('Seldom needed', 'FILE', [1, 1], 'what would have happened to a captured packet', [
    "FILE is a pcap or pcapng. --lan PREFIX[,PREFIX] names the home's networks.",
  ]),
  completion: shape(
    'Seldom needed',
    `[${NAME_KINDS.join('|')}]`,
    [0, 1],
    'print the line that loads completion in bash',
    [
      'In ~/.bashrc: eval "$(whp completion)". With an operand, the names of that kind',
      'that the running agent knows; the script asks for them.',
    ],
    { brief: '[KIND]', words: NAME_KINDS },
  ),
  daemon: shape('Seldom needed', '', NONE, 'run the agent in the foreground (procd does this)'),
} as const satisfies { readonly [name: string]: CommandShape };

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];

export function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}

/** Commands of before, which work for one release more, and how they are written now. */
export const OLD_SPELLINGS = {
  log: 'flows --ended',
  evidence: 'flows --recent',
  counters: 'flows --totals',
} as const;

export function isOldSpelling(word: string): word is keyof typeof OLD_SPELLINGS {
  return Object.hasOwn(OLD_SPELLINGS, word);
}

/** The lists of `whp flows` besides the open ones, each an option of its name. */
export const VIEWS = ['ended', 'recent', 'totals'] as const;
export type View = (typeof VIEWS)[number];

/** A command, or a view of `whp flows`. */
export type Place = CommandName | `flows --${View}`;

export interface OptionShape {
  readonly name: string;
  /** The value's name; empty: the option takes none. */
  readonly value: string;
  readonly says: string;
  /** What takes it; `all` with those that do not. */
  readonly of: readonly Place[] | { readonly all: readonly CommandName[] };
}

/** Most rows of a list: what a slow router makes and writes within a second. */
export const MOST_ROWS = 500;

const EVERY = { all: [] } as const;

export const OPTIONS: readonly OptionShape[] = [
  { name: 'json', value: '', says: 'answer for programs: one JSON value', of: { all: ['daemon'] } },
  { name: 'quiet', value: '', says: 'print nothing, for scripts (status)', of: ['status'] },
  { name: 'ended', value: '', says: 'ended flows: when, how much, why (flows)', of: ['flows'] },
  {
    name: 'recent',
    value: '',
    says: 'what was recognised in the last hour (flows)',
    of: ['flows'],
  },
  { name: 'totals', value: '', says: 'bytes of apps, devices, proxies (flows)', of: ['flows'] },
  {
    name: 'csv',
    value: '',
    says: 'all rows, for spreadsheets (flows --ended)',
    of: ['flows --ended'],
  },
  { name: 'explain', value: '', says: 'what was looked at, a line each (check)', of: ['check'] },
  {
    name: 'sources',
    value: '',
    says: 'where each range comes from (profile show)',
    of: ['profile'],
  },
  {
    name: 'limit',
    value: 'N',
    says: `rows of a list at most (100, no more than ${MOST_ROWS})`,
    of: ['flows', 'flows --ended', 'flows --recent', 'learned'],
  },
  {
    name: 'lan',
    value: 'PREFIX,..',
    says: 'networks of the home in a capture (replay)',
    of: ['replay'],
  },
  { name: 'config', value: 'FILE', says: 'configuration (/etc/config/whp)', of: EVERY },
  { name: 'profiles', value: 'DIR', says: 'shipped profiles (/usr/share/whp/profiles)', of: EVERY },
  { name: 'state', value: 'DIR', says: 'own profiles and what is kept (/etc/whp)', of: EVERY },
  { name: 'socket', value: 'FILE', says: 'control socket (/var/run/whp.sock)', of: EVERY },
];

/** What scripts may rely on: a status keeps its meaning. */
export const EXITS: readonly (readonly [status: number, says: string])[] = [
  [0, 'done'],
  [1, 'it failed; standard error says why'],
  [2, 'the command line is wrong'],
  [3, 'no agent is running'],
  [4, 'packets of an app left outside (audit)'],
  [5, 'a call is not protected (status --quiet, test)'],
];

export const WORKS_NOT = 5;
