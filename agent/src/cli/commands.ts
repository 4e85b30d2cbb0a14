// cli/commands: the commands of `whp` as data: operands and purpose of each. Used by arguments, help and
// completion; a test compares docs/cli.md with it.

export interface CommandShape {
  /** Operands as help shows them. */
  readonly operand: string;
  /** Smallest and largest number of operands. */
  readonly least: number;
  readonly most: number;
  /** Purpose, one line of at most 52 characters. */
  readonly says: string;
  /** Lines for `whp help COMMAND`. */
  readonly more: readonly string[];
  /** Shown on the first help page; else only by `whp help more`. */
  readonly first: boolean;
  /** Fixed first operands, for completion and for checking the command line. */
  readonly words?: readonly string[];
}

function shape(
  operand: string,
  [least, most]: readonly [number, number],
  says: string,
  more: readonly string[] = [],
  rest: { readonly first?: boolean; readonly words?: readonly string[] } = {},
): CommandShape {
  return {
    operand,
    least,
    most,
    says,
    more,
    first: rest.first ?? true,
    ...(rest.words ? { words: rest.words } : {}),
  };
}

const NONE = [0, 0] as const;
const LATER = { first: false };

export const COMMANDS = {
  status: shape('', NONE, 'one screen: tunnels, apps, and what is wrong'),
  flows: shape('', NONE, 'flows of applications: by which proxy, and why'),
  why: shape('ADDRESS|FLOW|NAME', [1, 4], 'where a new flow goes now, and why', [
    'FLOW is as whp flows prints it: udp 192.168.1.11:13021 198.51.100.7:443',
    'NAME is a host name, or a device as DHCP knows it: api.skype.com, tv',
  ]),
  learned: shape('', NONE, 'addresses, ports and peers, with what taught them'),
  evidence: shape('', NONE, "flows of the last hour: what made each an app's"),
  monitor: shape('', NONE, 'what is learned, as it happens, until interrupted'),
  devices: shape('', NONE, 'devices at home, and which apps apply to each'),
  counters: shape(
    '[SUBJECT [RANGE]]',
    [0, 3],
    'bytes of apps, devices, proxies; one as a graph',
    [
      'SUBJECT is as whp counters prints it: app skype, device 192.168.1.11,',
      'proxy cloud. RANGE is hour, day, week, month or year.',
    ],
    { first: false, words: ['app', 'device', 'proxy'] },
  ),
  log: shape('[--csv]', NONE, 'connections that have ended, when, how much and why', [
    'The last 400 since the start; --limit N shows more than 100, --csv all of them.',
  ]),
  check: shape('[FILE]', [0, 1], 'check a configuration or a profile; changes nothing', [
    'Without FILE this router too: devices, firewall, modules, who else is on it.',
    '--explain prints what was looked at, so that silence means something.',
  ]),
  test: shape('', NONE, 'would a call made now be protected? step by step', [
    'Each line: ok, ! (not protected) or - (worth knowing), with the',
    'command that mends it. Sends some probes through the tunnels; changes nothing.',
  ]),
  audit: shape('[MINUTES]', [0, 1], 'record what leaves, and judge it at the end', [
    'Flows from home beside the tunnels, for 5 minutes or MINUTES, or until Ctrl-C;',
    'judged by all that is known at the end. Exit status 4: an app left outside.',
  ]),
  reload: shape('', NONE, 'take in the changed configuration and profiles', [
    'A bad file changes nothing: the last good configuration stands.',
  ]),
  pause: shape('[APP|all] [MINUTES]', [0, 2], 'let new flows of an app go direct for a while', [
    'Live flows stay in the tunnel. Without MINUTES until whp resume, or until the',
    "agent is restarted. For good: option enabled '0' in the configuration.",
  ]),
  resume: shape('[APP|all]', [0, 1], 'end a pause'),
  pin: shape('[ADDRESS APP]', [0, 2], "an address is an app's until unpinned; lists pins", [
    'Every TCP and UDP flow to it is proxied for that app. Kept over restarts.',
  ]),
  unpin: shape('ADDRESS', [1, 1], 'take back a pin'),
  forget: shape('ADDRESS|APP|all', [1, 1], 'forget what was learned; live flows go on', [
    'Addresses by DNS, ports and peers: of one app, of one device or server, or all.',
  ]),
  profile: shape(
    'list|show|validate|import [..]',
    [1, 2],
    'profiles: shipped ones and your own',
    [
      'list              all profiles, with the file each is from',
      'show NAME         what it goes by: names, ranges, and until when',
      'validate FILE     check one; changes nothing',
      'import FILE       check one and put it into /etc/whp/profiles.d, where it',
      '                  comes before a shipped one of the same name; then whp reload',
    ],
    { words: ['list', 'show', 'validate', 'import'] },
  ),
  proxy: shape(
    'list | use NAME|auto',
    [1, 2],
    'proxies; use one until told otherwise',
    [
      'list              proxies, their state and the apps that may use them',
      'use NAME          every app that lists it uses it alone, restarts included',
      'use auto          as configured again',
    ],
    { words: ['list', 'use'] },
  ),
  diag: shape('[FILE]', [0, 1], 'a report for support, without addresses and keys', [
    'State, configuration, table, routes, log. Public addresses, keys, MACs, names',
    'of devices are replaced. Read it before you pass it on.',
  ]),
  version: shape('', NONE, 'print the version', [], LATER),
  help: shape('[COMMAND|more]', [0, 1], 'this; more on one command; the other commands'),
  daemon: shape('', NONE, 'run the agent in the foreground (procd does this)', [], LATER),
  replay: shape(
    'FILE',
    [1, 1],
    'what would have happened to a captured packet',
    ["FILE is a pcap or pcapng. --lan PREFIX[,PREFIX] names the home's networks."],
    LATER,
  ),
  ruleset: shape(
    '',
    NONE,
    'print the nftables table that is enforced',
    ['Without an agent it is that of the configuration.'],
    LATER,
  ),
  completion: shape(
    '',
    NONE,
    'print a completion script for bash',
    ['In ~/.bashrc: eval "$(whp completion)"'],
    LATER,
  ),
} as const satisfies { readonly [name: string]: CommandShape };

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];

export function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}

export interface OptionShape {
  readonly name: string;
  /** The value's name; empty: the option takes none. */
  readonly value: string;
  readonly says: string;
}

/** Most rows of a list: what a slow router makes and writes within a second. */
export const MOST_ROWS = 500;

export const OPTIONS: readonly OptionShape[] = [
  { name: 'json', value: '', says: 'answer for programs: one JSON value' },
  { name: 'csv', value: '', says: 'a table for spreadsheets (log)' },
  { name: 'explain', value: '', says: 'what was looked at, a line each (check)' },
  { name: 'limit', value: 'N', says: `rows of a list at most (100, no more than ${MOST_ROWS})` },
  { name: 'config', value: 'FILE', says: 'configuration (/etc/config/whp)' },
  { name: 'profiles', value: 'DIR', says: 'shipped profiles (/usr/share/whp/profiles)' },
  { name: 'state', value: 'DIR', says: 'own profiles and what is kept (/etc/whp)' },
  { name: 'socket', value: 'FILE', says: 'control socket (/var/run/whp.sock)' },
  { name: 'lan', value: 'PREFIX,..', says: 'networks of the home in a capture (replay)' },
];

export const EXITS: readonly (readonly [status: number, says: string])[] = [
  [0, 'done'],
  [1, 'it failed; standard error says why'],
  [2, 'the command line is wrong'],
  [3, 'no agent is running'],
  [4, 'packets of an app left outside (audit)'],
  [5, 'a call would not be protected (test)'],
];
