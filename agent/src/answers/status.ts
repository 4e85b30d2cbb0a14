// answers/status: the answer of `whp status`: what is enforced, through which proxy, and what is wrong. Pure: the
// agent's parts are arguments.
import { type Endpoint, learnedEndpoints } from '../learn/endpoints.ts';
import { suspectLines } from '../learn/suspects.ts';
import type { Choices } from '../policy/choices.ts';
import { slotOf } from '../policy/marks.ts';
import type { App, Policy } from '../policy/policy.ts';
import { setName } from '../ruleset/names.ts';
import { FAMILIES } from '../ruleset/terms.ts';
import type { Counters, State } from '../step/state.ts';
import type { Steering } from '../tunnel/failover.ts';
import { type HealthState, lossOf } from '../tunnel/health.ts';
import type { PathState } from '../tunnel/select.ts';
import { type BypassAnswer, bypassAnswer } from './bypass.ts';
import { type KernelView, seconds } from './flows.ts';
import { type MeterAnswer, meterAnswer } from './meter.ts';
import { type NowAnswer, newFlows, type Present } from './now.ts';

export interface TunnelAnswer {
  readonly name: string;
  readonly address: string;
  /** Its network device exists and is up; the probes' result is `state`. */
  readonly device: boolean;
  readonly mtu: number;
  /** Result of the probes (up, probing, down), and milliseconds since the change. */
  readonly state: HealthState;
  readonly for: number;
  /** Share of recent probes lost, 0..1; round-trip time in milliseconds. */
  readonly loss: number;
  readonly rtt: number | null;
  readonly reason: string;
}

/** The present way of an app's flows. */
export interface PathAnswer {
  readonly state: PathState;
  /** null: refused, or direct. */
  readonly proxy: string | null;
  /** Milliseconds in this state. */
  readonly for: number;
}

export interface AppAnswer {
  readonly name: string;
  /** Name and day of the profile; null: the app has none, its rules alone. */
  readonly profile: string | null;
  readonly version: string | null;
  readonly slot: number;
  readonly proxies: readonly string[];
  readonly fallback: string;
  readonly path: PathAnswer;
  /** What happens to a new IPv4 flow now. */
  readonly newFlows: NowAnswer;
  /** Why new flows are direct by the owner's choice ("paused", "schedule"); null: they are not. */
  readonly direct: string | null;
  /** Seconds until the pause ends; null: no pause, or one without an end. */
  readonly resumes: number | null;
  readonly endpoints: number;
  readonly ports: number;
  readonly peers: number;
  readonly flows: number;
}

export interface StatusAnswer {
  readonly version: string;
  readonly state: 'idle' | 'enforcing' | 'impaired';
  /** Milliseconds since enforcement began. */
  readonly since: number;
  /** Whether DNS answers are held now, and whether the configuration asks for it. */
  readonly hold: boolean;
  readonly wanted: boolean;
  readonly ear: Ear;
  readonly apps: readonly AppAnswer[];
  readonly tunnels: readonly TunnelAnswer[];
  /** Devices that asked resolvers other than the router's within a day. */
  readonly bypass: readonly BypassAnswer[];
  /** Doubtful evidence, one line each (learn/suspects). */
  readonly suspects: readonly string[];
  /** `waiting`: delivered answers still to be learned; `lost`: overruns of the feeds. */
  readonly counters: Readonly<Counters> & { readonly lost: number; readonly waiting: number };
  /** Resident memory in bytes, from the kernel. */
  readonly memory: number;
  /** The proxy that the owner chose (null: none), and the number of pinned addresses. */
  readonly preferred: string | null;
  readonly pins: number;
  /** Packets that left outside the tunnels. */
  readonly outside: MeterAnswer;
  /** Repairs of what other programs changed, and the last one. */
  readonly repairs: RepairsAnswer;
  readonly kept: KeptAnswer;
  readonly problems: readonly string[];
  /** Degraded functions and other remarks (`whp check`). */
  readonly notes: readonly string[];
  /** Of the notes, those about LAN devices without traffic for a while. */
  readonly silent: readonly string[];
}

/** Learned state on flash (docs/kept.md). */
export interface KeptAnswer {
  /** Entries restored at the start. */
  readonly restored: number;
  /** Seconds since the file was written; null: there is no file. */
  readonly written: number | null;
  /** Its size in bytes; the limits of size and of writes a day. */
  readonly bytes: number;
  readonly mostBytes: number;
  readonly mostWrites: number;
}

/** How DNS answers are used: held until their elements are in the kernel; added to the sets by dnsmasq before it
 * answers, others read as they pass; read as they pass; not seen (kernel without NFLOG); not needed (no app is
 * enabled). */
export type Ear = 'held' | 'filled' | 'watched' | 'unseen' | 'none';

export interface RepairsAnswer {
  readonly count: number;
  /** '': none. */
  readonly last: string;
  /** Seconds since the last repair. */
  readonly ago: number;
}

export interface StatusInput {
  readonly version: string;
  readonly now: number;
  readonly since: number;
  readonly tunnels: readonly Pick<TunnelAnswer, 'name' | 'address' | 'device' | 'mtu'>[];
  readonly ear: Ear;
  readonly tableless: Present['tableless'];
  readonly steering: Steering;
  readonly lost: number;
  readonly memory: number;
  readonly problems: readonly string[];
  readonly notes: readonly string[];
  readonly silent: readonly string[];
  readonly repairs: { readonly count: number; readonly last: string; readonly at: number };
  readonly choices: Choices;
  readonly kept: KeptAnswer;
  /** The meter's state in the kernel. */
  readonly meter: { readonly stands: boolean; readonly flows: boolean };
}

export function statusAnswer(state: State, kernel: KernelView, input: StatusInput): StatusAnswer {
  const connections = kernel.connections();
  const present = presentOf(input);
  const endpoints = learnedEndpoints(state.learned);
  const tunnels = input.tunnels.map((one) => tunnelAnswer(one, input));
  const problems = [
    ...input.problems,
    ...tunnels.flatMap(wrongWithTunnel),
    ...state.policy.apps.flatMap((app) => wrongWith(app, state.policy.proxies, present) ?? []),
    ...(connections.ok ? [] : [connections.what]),
  ];
  const apps = state.policy.apps.map((app) =>
    appAnswer(app, { state, kernel, input, present, endpoints, connections }),
  );
  const impaired = problems.length > 0 ? 'impaired' : 'enforcing';
  return {
    version: input.version,
    state: apps.length === 0 ? 'idle' : impaired,
    since: input.now - input.since,
    hold: input.ear === 'held',
    wanted: state.policy.globals.hold,
    ear: input.ear,
    apps,
    tunnels,
    bypass: state.policy.escape === undefined ? [] : bypassAnswer(kernel),
    suspects: suspectLines(state.suspects, input.now),
    counters: { ...state.counters, lost: input.lost, waiting: state.waiting.count },
    memory: input.memory,
    preferred: input.choices.preferred,
    pins: input.choices.pins.length,
    outside: meterAnswer(
      state.outside,
      apps.map(({ name }) => name),
      input.meter,
      input.now,
    ),
    repairs: repairsAnswer(input),
    kept: input.kept,
    problems,
    notes: input.notes,
    silent: input.silent,
  };
}

/** Read once for all apps. */
interface Asked {
  readonly state: State;
  readonly kernel: KernelView;
  readonly input: StatusInput;
  readonly present: Present;
  readonly endpoints: readonly Endpoint[];
  readonly connections: ReturnType<KernelView['connections']>;
}

function appAnswer(app: App, asked: Asked): AppAnswer {
  const { state, kernel, input, present, endpoints, connections } = asked;
  const { globals, proxies } = state.policy;
  const count = (kinds: readonly ('udp' | 'tcp' | 'peer')[]): number =>
    kinds
      .flatMap((kind) => FAMILIES.map((family) => kernel.countSet(setName(app.name, kind, family))))
      .reduce((sum, one) => sum + one, 0);
  return {
    name: app.name,
    profile: app.noProfile ? null : app.profile.name,
    version: app.noProfile ? null : app.profile.version,
    slot: app.slot,
    proxies: app.proxies,
    fallback: app.fallback,
    path: pathAnswer(input, app.name),
    newFlows: newFlows(app, proxies, present),
    direct: app.direct ?? null,
    resumes: resumes(input, app.name),
    endpoints: endpoints.filter((one) => one.app === app.name).length,
    ports: count(['udp', 'tcp']),
    peers: count(['peer']),
    flows: connections.ok
      ? connections.value.filter(({ mark }) => slotOf(globals.mask, mark) === app.slot).length
      : 0,
  };
}

function wrongWithTunnel({ name, device, state, reason }: TunnelAnswer): string[] {
  if (!device) return [`tunnel ${name} has no device, or somebody has set it down`];
  return state === 'down' ? [`proxy ${name} is down: ${reason}`] : [];
}

/** Why flows of the app are not all proxied, the owner's choice aside; null: they are. */
function wrongWith(app: App, proxies: Policy['proxies'], present: Present): string | null {
  const { direct, ...rest } = app;
  const { state, reason } = newFlows(rest, proxies, present);
  if (state === 'proxied') return null;
  const what = state === 'direct' ? 'DIRECT' : 'refused';
  if (direct === undefined) return `${app.name} is ${what}: ${reason}`;
  return `${app.name}: live flows are ${what}: ${reason}; new ones go direct (${direct})`;
}

/** The present conditions, from the agent's parts. */
export function presentOf({
  now,
  steering,
  tunnels,
  choices,
  tableless,
}: Pick<StatusInput, 'now' | 'steering' | 'tunnels' | 'choices' | 'tableless'>): Present {
  const up = new Set(tunnels.filter(({ device }) => device).map(({ name }) => name));
  const { open, stuck } = steering;
  return { now, choices: steering.choices, up, paused: choices.paused, tableless, open, stuck };
}

function repairsAnswer({ repairs: { count, last, at }, now }: StatusInput): RepairsAnswer {
  return { count, last, ago: count === 0 ? 0 : seconds(now - at) };
}

function tunnelAnswer(
  tunnel: StatusInput['tunnels'][number],
  { steering, now }: StatusInput,
): TunnelAnswer {
  const health = steering.healths.get(tunnel.name);
  return {
    ...tunnel,
    state: health?.state ?? 'probing',
    for: health === undefined ? 0 : Math.round(now - health.since),
    loss: health === undefined ? 0 : lossOf(health),
    rtt: health === undefined || health.rtt === 0 ? null : Math.round(health.rtt * 10) / 10,
    reason: health?.reason ?? '',
  };
}

function pathAnswer({ steering, now }: StatusInput, app: string): PathAnswer {
  const choice = steering.choices.get(app);
  if (choice === undefined) return { state: 'probing', proxy: null, for: 0 };
  const { way, state, since } = choice;
  return { state, proxy: way.kind === 'tunnel' ? way.proxy : null, for: Math.round(now - since) };
}

function resumes({ choices, now }: StatusInput, app: string): number | null {
  const until = choices.paused.get(app) ?? null;
  return until === null || until <= now ? null : seconds(until - now);
}
