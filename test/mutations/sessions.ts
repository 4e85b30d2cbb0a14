// Promises of SECURITY.md whose violation only the lab can show: the sessions that then fail.
// test/node/mutations.test.ts checks that each session exists.

export interface Shown {
  readonly promise: string;
  /** Names of `scripts/lab.sh faults`. */
  readonly faults: readonly string[];
  /** Names of the adversary's cases. */
  readonly adversary?: readonly string[];
}

export const SESSIONS: readonly Shown[] = [
  {
    promise: 'from power-on nothing of the application leaves, whether WAN or agent is first',
    faults: ['reboot', 'reboot-wan-first'],
  },
  { promise: 'a restart lets nothing out', faults: ['restart'] },
  {
    promise: 'stopped by its owner all is direct; five seconds after it enforces again nothing is',
    faults: ['stop-start'],
  },
  {
    promise: 'a crash or a hang lets out no flow of what is known, and is over in seconds',
    faults: ['killed', 'stopped', 'hung'],
  },
  { promise: 'a device that was silent for hours wakes as the application’s', faults: ['sleep'] },
  {
    promise: 'what is used lives longer than its TTL',
    faults: [],
    adversary: ['cache', 'long'],
  },
  {
    promise: 'a connection in the instant of the answer is in the tunnel',
    faults: [],
    adversary: ['fast', 'directory'],
  },
  {
    promise: 'a new flow in the 200 ms after a connection request is in the tunnel',
    faults: [],
    adversary: ['open-window'],
  },
  {
    promise: 'a call that begins from outside is refused until it is in the tunnel',
    faults: ['incoming'],
  },
  {
    promise: 'failing over, falling back and back again leave no packet on the WAN',
    faults: ['failover', 'blocked', 'flapping', 'poor', 'wan-down', 'wan-moved'],
  },
  { promise: 'fallback direct is direct while no proxy is up, and then not', faults: ['direct'] },
  {
    promise: 'a table, a chain or a ruleset that somebody takes away lets nothing out',
    faults: ['table-deleted', 'ruleset-flushed', 'chain-emptied', 'fw4-reload'],
  },
  {
    promise: 'ip rules and tunnels that somebody takes away let nothing out',
    faults: ['rules-deleted', 'device-deleted', 'device-down'],
  },
  {
    promise: 'resolvers outside, in private networks, redirected or asked over TCP teach',
    faults: ['elsewhere'],
    adversary: ['elsewhere', 'foreign-resolver', 'dns-over-tcp'],
  },
  {
    promise: 'names that a name leads to are the application’s',
    faults: [],
    adversary: ['chain', 'cname', 'https-hint'],
  },
  {
    promise: 'answers that nobody asked for teach nothing',
    faults: ['forged'],
    adversary: ['unasked'],
  },
  {
    promise: 'another device at the same ports and peers stays direct',
    faults: [],
    adversary: ['neighbour'],
  },
  {
    promise: 'floods of names, ports, peers and packets let nothing out and leave the home its DNS',
    faults: [
      'flood-and-call',
      'flood-names',
      'flood-ports',
      'flood-peers',
      'flooded',
      'overrun',
      'full',
    ],
  },
  { promise: 'the last packets of a flow stay at home', faults: [], adversary: ['half-closed'] },
  { promise: 'a flow that was direct before its evidence is cut', faults: ['late', 'offload'] },
  { promise: 'IPv6 is in the tunnel or refused', faults: ['six', 'six-tunnelled', 'two-families'] },
  { promise: 'two applications that share names both have them', faults: ['two-apps'] },
  {
    promise: 'what the owner opens is open, that alone, and for as long',
    faults: ['devices-only', 'paused', 'hours'],
  },
  { promise: 'a configuration that cannot be read opens nothing', faults: ['mistake'] },
  { promise: 'with hello hold no ClientHello of the application leaves', faults: ['hello'] },
  { promise: 'a clock that jumps lets nothing out', faults: ['clock'] },
];
