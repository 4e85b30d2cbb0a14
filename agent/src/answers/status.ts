// answers/status: the answer of `whp status`: what is enforced, through which proxy, and what is wrong. Pure: the
// agent's parts are arguments.
import { type Endpoint, livingEndpoints } from '../learn/endpoints.ts';
import { suspectLines } from '../learn/suspects.ts';
import type { Choices } from '../policy/choices.ts';
import { countSlots } from '../policy/marks.ts';
import type { App, Policy } from '../policy/policy.ts';
import { setName } from '../ruleset/names.ts';
import type { Counters, State } from '../step/state.ts';
import type { Problem } from '../syntax/result.ts';
import type { Steering } from '../tunnel/failover.ts';
import { FAMILIES } from '../wire/address.ts';
import { type BypassAnswer, bypassAnswer } from './bypass.ts';
import type { DeviceNames } from './device-names.ts';
import { type ProblemAnswer, problemAnswer } from './error.ts';
import { type KernelView, seconds } from './flows.ts';
import { type MeterAnswer, meterAnswer } from './meter.ts';
import { type Cause, type NowAnswer, newFlows, type Present } from './now.ts';
import {
  type MoveAnswer,
  moveAnswer,
  type ProxyAnswer,
  type ProxyInput,
  proxyAnswer,
  type Tunnel,
  wrongWithProxy,
} from './proxies.ts';
import type { Standing } from './stops.ts';

export interface AppAnswer {
  readonly app: string;
  /** Name and day of the profile; null: the app has none, its rules alone. */
  readonly profile: string | null;
  readonly profile_version: string | null;
  readonly slot: number;
  /** Names of the proxies that may be used now, best first. */
  readonly proxies: readonly string[];
  readonly fallback: string;
  /** What happens to a new IPv4 connection now. */
  readonly new_connections: NowAnswer;
  /** Counts of what is learned, and of open flows. */
  readonly endpoints: number;
  readonly ports: number;
  readonly peers: number;
  readonly flows: number;
}

export interface StatusAnswer {
  readonly version: string;
  readonly state: 'idle' | 'enforcing' | 'impaired';
  /** Seconds since enforcement began. */
  readonly up_s: number;
  readonly dns_answers: Ear;
  /** Whether the configuration asks that DNS answers are held. */
  readonly hold_wanted: boolean;
  readonly apps: readonly AppAnswer[];
  readonly proxies: readonly ProxyAnswer[];
  /** The last changes of an app's way, newest first. */
  readonly moves: readonly MoveAnswer[];
  /** Devices that asked resolvers other than the router's within a day. */
  readonly bypass: readonly BypassAnswer[];
  /** Doubtful evidence, one line each (learn/suspects). */
  readonly suspects: readonly string[];
  /** `waiting`: delivered answers still to be learned; `lost`: overruns of the feeds. */
  readonly counters: Readonly<Counters> & { readonly lost: number; readonly waiting: number };
  /** Resident memory, from the kernel. */
  readonly memory_bytes: number;
  /** The proxy that the owner chose (null: none), and the number of pinned addresses. */
  readonly preferred_proxy: string | null;
  readonly pins: number;
  /** Packets that left outside the tunnels. */
  readonly outside: MeterAnswer;
  /** Repairs of what other programs changed, and the last one. */
  readonly repairs: RepairsAnswer;
  readonly kept: KeptAnswer;
  readonly problems: readonly ProblemAnswer[];
  /** Degraded functions and other remarks (`whp check`). */
  readonly notes: readonly ProblemAnswer[];
  /** Lan devices without traffic for a while. */
  readonly silent: readonly ProblemAnswer[];
}

/** Learned state on flash (docs/kept.md). */
export interface KeptAnswer {
  /** Entries restored at the start. */
  readonly restored: number;
  /** Seconds since the file was written; null: there is no file. */
  readonly written_ago_s: number | null;
  readonly file_bytes: number;
  /** The limits of its size and of its writes a day. */
  readonly most_bytes: number;
  readonly most_writes: number;
}

/** How DNS answers are used: held until their elements are in the kernel; added to the sets by dnsmasq before it
 * answers, others read as they pass; read as they pass; not seen (kernel without NFLOG); not needed (no app is
 * enabled). */
export type Ear = 'held' | 'filled' | 'watched' | 'unseen' | 'none';

export interface RepairsAnswer {
  readonly count: number;
  /** The last one, in words; null: none. */
  readonly last: string | null;
  /** Seconds since the last repair; null: none. */
  readonly ago_s: number | null;
}

/** What decides the way of new flows. */
export interface PresentInput extends Pick<Present, 'now' | 'tableless' | 'lanless'>, Standing {
  readonly tunnels: readonly Tunnel[];
  readonly steering: Steering;
  readonly choices: Choices;
}

export interface StatusInput extends PresentInput, ProxyInput {
  readonly version: string;
  readonly since: number;
  readonly names: DeviceNames;
  readonly ear: Ear;
  /** The number of open flows by mark; null: `connections` of the kernel are few. */
  readonly marks: ReadonlyMap<number, number> | null;
  readonly lost: number;
  readonly memory: number;
  readonly problems: readonly Problem[];
  readonly notes: readonly Problem[];
  readonly silent: readonly Problem[];
  readonly repairs: { readonly count: number; readonly last: string; readonly at: number };
  readonly kept: KeptAnswer;
  /** The meter's state in the kernel. */
  readonly meter: Pick<MeterAnswer, 'stands' | 'samples_flows'>;
}

export function statusAnswer(state: State, kernel: KernelView, input: StatusInput): StatusAnswer {
  const connections = kernel.connections();
  const present = presentOf(input);
  const endpoints = livingEndpoints(state.learned, input.now);
  const proxies = input.tunnels.map((one) => proxyAnswer(one, input));
  const problems = [
    ...input.problems,
    ...proxies.flatMap(wrongWithProxy),
    ...state.policy.apps.flatMap((app) => wrongWith(app, state.policy.proxies, present) ?? []),
    ...(connections.ok ? [] : [{ where: '', what: connections.what, fix: 'whp check' }]),
  ];
  const each = connections.ok ? connections.value : [];
  const marks = input.marks ?? each.map(({ mark }) => [mark, 1] as const);
  const flows = countSlots(state.policy.globals.mask, marks);
  const asked = { state, kernel, present, endpoints, flows };
  const apps = state.policy.apps.map((app) => appAnswer(app, asked));
  const impaired = problems.length > 0 ? 'impaired' : 'enforcing';
  return {
    version: input.version,
    state: apps.length === 0 ? 'idle' : impaired,
    up_s: seconds(input.now - input.since),
    dns_answers: input.ear,
    hold_wanted: state.policy.globals.hold,
    apps,
    proxies,
    moves: input.steering.moved.map((one) => moveAnswer(one, input.now)).reverse(),
    bypass: state.policy.resolverBypass === undefined ? [] : bypassAnswer(kernel, input.names),
    suspects: suspectLines(state.suspects, input.now),
    counters: { ...state.counters, lost: input.lost, waiting: state.waiting.count },
    memory_bytes: input.memory,
    preferred_proxy: input.choices.preferred,
    pins: input.choices.pins.length,
    outside: meterAnswer(
      state.outside,
      apps.map(({ app }) => app),
      input.meter,
      input.names,
      input.now,
    ),
    repairs: repairsAnswer(input),
    kept: input.kept,
    problems: problems.map(problemAnswer),
    notes: input.notes.map(problemAnswer),
    silent: input.silent.map(problemAnswer),
  };
}

/** Read once for all apps. */
interface Asked {
  readonly state: State;
  readonly kernel: KernelView;
  readonly present: Present;
  readonly endpoints: readonly Endpoint[];
  /** By slot. */
  readonly flows: readonly number[];
}

function appAnswer(app: App, asked: Asked): AppAnswer {
  const { state, kernel, present, endpoints, flows } = asked;
  const { proxies } = state.policy;
  const count = (kinds: readonly ('udp' | 'tcp' | 'peer')[]): number =>
    kinds
      .flatMap((kind) => FAMILIES.map((family) => kernel.countSet(setName(app.name, kind, family))))
      .reduce((sum, one) => sum + one, 0);
  return {
    app: app.name,
    profile: app.noProfile ? null : app.profile.name,
    profile_version: app.noProfile ? null : app.profile.version,
    slot: app.slot,
    proxies: app.proxies,
    fallback: app.fallback,
    new_connections: newFlows(app, proxies, present),
    endpoints: endpoints.filter((one) => one.app === app.name).length,
    ports: count(['udp', 'tcp']),
    peers: count(['peer']),
    flows: flows[app.slot]!,
  };
}

/** These are problems of their own (preflight/looks). */
const LOOKED: readonly (Cause | null)[] = ['way_out', 'rule', 'firewall'];

/** Why flows of the app are not all proxied, the owner's choice aside; null: they are, or another problem says it. */
function wrongWith(app: App, proxies: Policy['proxies'], present: Present): Problem | null {
  const { direct, ...rest } = app;
  const { state, cause, reason, fix, partly } = newFlows(rest, proxies, present);
  const isSaid = LOOKED.includes(cause) || (cause === 'lan' && !present.lanless);
  if (reason === null || fix === null || isSaid) return null;
  const where = `app ${app.name}`;
  const word = state.toUpperCase();
  if (direct !== undefined) {
    if (partly) return null;
    const what = `open flows are ${word}: ${reason}; new ones go direct (${direct})`;
    return { where, what, fix: 'whp check' };
  }
  const what = `is ${partly ? 'proxied in part' : word}: ${reason}`;
  if (cause !== 'fallback') return { where, what, fix };
  if (state === 'refused') {
    const aside = `${what}; to let it go direct for an hour`;
    return { where, what: aside, fix: `whp pause ${app.name} 60` };
  }
  const set = `uci set whp.${app.name}.fallback='block'; uci commit whp; whp reload`;
  return { where, what: `${what}; to refuse it instead`, fix: set };
}

/** The present conditions, from the agent's parts. */
export function presentOf({ tunnels, steering, choices, ...rest }: PresentInput): Present {
  const up = new Set(tunnels.filter(({ device }) => device).map(({ name }) => name));
  const { open, stuck } = steering;
  return { ...rest, choices: steering.choices, up, paused: choices.paused, open, stuck };
}

function repairsAnswer({ repairs: { count, last, at }, now }: StatusInput): RepairsAnswer {
  if (count === 0) return { count, last: null, ago_s: null };
  return { count, last, ago_s: seconds(now - at) };
}
