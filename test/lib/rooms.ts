// The rooms of agent/src, from the lowest floor to the highest: a file imports from its own room and from lower
// ones. node/imports enforces this, and that ARCHITECTURE.md has the same words.

export interface Room {
  readonly name: string;
  /** Imports no module of the engine or the host: time is an argument, effects are values. */
  readonly pure: boolean;
  readonly job: string;
}

const pure = (name: string, job: string): Room => ({ name, pure: true, job });
const effects = (name: string, job: string): Room => ({ name, pure: false, job });

export const FLOORS: readonly Room[] = [
  pure('wire', 'bytes of packets: addresses, DNS, TLS hellos, port mappings, captures'),
  pure('bounds', 'how much and how often: token bucket, fair share, repetitions, lines of the log'),
  pure('netlink', 'messages of the kernel: nf_tables, NFQUEUE, NFLOG, conntrack, routes, links'),
  pure('syntax', 'text formats without a meaning: UCI, JSON Schema, DHCP leases, time zones'),
  pure(
    'profile',
    'what an application is known by: its profile, and the matchers of names and ranges',
  ),
  pure(
    'policy',
    'what the owner wants: configuration, profiles and choices become one checked policy',
  ),
  pure(
    'ruleset',
    'the nftables table: compiled from the policy, as text and as messages, traced packet by packet',
  ),
  pure(
    'reconcile',
    'what has to stand in the kernel, what differs, what is repaired and tried again',
  ),
  pure('tunnel', 'the links and routes of the proxies, their health, and failover between them'),
  pure('learn', 'what DNS answers, TLS hellos and announced packets teach; bounded stores of it'),
  pure('step', 'one event in; the next state and the effects it calls for out'),
  pure('account', 'who used how much of which tunnel: ledger, series, log of connections'),
  pure('preflight', 'what is looked at on this router, and what is wrong with it'),
  pure('replay', 'a capture, played through step and the traced table'),
  pure('answers', 'what commands are answered, as objects: status, flows, why, devices'),
  effects('os', 'the engine and the operating system: clock, files, programs, signals, log'),
  effects('kernel', 'sockets of the kernel: sets, feeds, routes, conntrack, probes, the guard'),
  effects(
    'router',
    'what files and programs of this router say: DHCP, time zone, resolvers, firewall',
  ),
  effects('config', 'the configuration in force: files, profiles and choices, read and watched'),
  effects('cli', 'words to a command, answers to text; commands that need no running agent'),
  effects(
    'runtime',
    'the running agent, and who acts in which order: feeds, table, failover, repair',
  ),
  effects(
    'daemon',
    'its start, reload and end, and the control socket that the owner and LuCI ask',
  ),
];
