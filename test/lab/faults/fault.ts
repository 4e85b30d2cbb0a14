// The interface of a fault session, and the functions that it gets. main.ts boots the lab once, passes it to
// every session in turn and prints a row for each.
import type { StatusAnswer } from '../../../agent/src/answers/status.ts';
import type { Machine, Spawned } from '../machine/machine.ts';
import type { Variant } from '../profiles.ts';
import type { Sighting } from '../verdict/sighting.ts';
import type { Endpoint } from '../world/plan.ts';

export interface Fault {
  /** Word on the command line. */
  readonly name: string;
  /** What is done to the router or the world, for the table. */
  readonly injected: string;
  /** Text of /etc/config/whp for this session; configText(true) by default. */
  readonly config?: string;
  /** The reason why packets of the app may leave outside the tunnel ("fallback direct", "the agent is
   * stopped"): they are counted and shown, and only the session judges them. */
  readonly mayLeak?: string;
  /** Profiles that are on the router beside the shipped one. */
  readonly profiles?: readonly Variant[];
  /** Throws, or returns ok false, if a promise was violated. `slowness`: how many times as long the router needs
   * for a computation as the one whose times the promises name, at least 1. */
  run(lab: FaultLab, slowness: number): Promise<Finding>;
}

export interface Finding {
  readonly ok: boolean;
  /** The result with its numbers. */
  readonly verdict: string;
  /** Seconds until recovery; null: nothing had to recover. */
  readonly seconds: number | null;
  /** Packets outside the tunnel that no promise covers, by remote address, with the reason. */
  readonly excused?: { readonly why: string; readonly remotes: ReadonlySet<string> };
}

/** The result of a call. Times are milliseconds of the world's clock. */
export interface CallRecord {
  readonly sent: readonly number[];
  /** By packet number; null: no answer came. */
  readonly heard: readonly (number | null)[];
  /** Packet numbers without an answer, the last half second not counted. */
  readonly lost: readonly number[];
  /** The longest time between two answers, or from the last one to the end. */
  readonly silence: number;
  /** Packets answered again after `time` (world clock): milliseconds until the first, or null. */
  answeredAfter(time: number): number | null;
}

export interface Call {
  readonly device: string;
  readonly remote: Endpoint;
  /** Ends the call and returns its result. */
  stop(): Promise<CallRecord>;
}

export interface CallOptions {
  /** Name in plan.ts; iphone by default. */
  readonly device?: string;
  /** See world/call.ts; default `peer`: media of a call to a new peer. */
  readonly kind?: 'peer' | 'supernode' | 'name' | 'unrelated' | 'plain' | 'dns' | 'resolver';
  /** Destination; default: an address that no other call has used. */
  readonly remote?: Endpoint;
  /** `name`, `dns`, `resolver`: the name asked for; %d becomes the packet's number. */
  readonly name?: string;
  /** Milliseconds between two packets; 20 by default. */
  readonly pace?: number;
  /** False: do not wait for the first answer. */
  readonly answered?: boolean;
}

/** A position in the ISP capture. */
export type Mark = number;

export interface IspWire {
  /** The current end of the capture; a packet needs some 100 ms to arrive there. */
  mark(): Mark;
  /** All IP packets since, those inside GRE decapsulated. */
  sightings(since: Mark, until?: Mark): readonly Sighting[];
  /** Packets of the app outside the tunnel since. */
  leaks(since: Mark, until?: Mark): readonly Sighting[];
  /** Unrelated packets inside the tunnel since. */
  strays(since: Mark, until?: Mark): readonly Sighting[];
  /** Raw frames since, for what is not IPv4. The IP packet is bytes[offset, end). */
  frames(since: Mark, until?: Mark): readonly WireFrame[];
}

export interface WireFrame {
  /** Seconds since 1970, by the emulator's clock. */
  readonly time: number;
  readonly etherType: number;
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly end: number;
}

export interface RouterAgent {
  /** Starts the supervisor (what procd is on a router: it starts the agent again one second after
   * it has ended) and waits until the agent enforces. `environment` is put in front ("WHP_X=1"). */
  start(environment?: string): Promise<void>;
  /** Ends the supervisor and, by SIGTERM, the agent, as its owner would. */
  stop(): Promise<void>;
  /** Process id of the running agent. */
  pid(): Promise<number>;
  /** Resolves when the agent has said `enforcing` once more than `before` times (see `starts`). */
  enforcingAgain(before: number, limitSeconds?: number): Promise<void>;
  /** How often the agent has said that it enforces, since `start`. */
  starts(): Promise<number>;
  /** All it has written since `start`. */
  log(): Promise<string>;
  /** `whp status --json`. Costs a start of the engine: seconds on the emulated MIPS router. */
  status(): Promise<StatusAnswer>;
  /** Writes /etc/config/whp and asks for a reload (`whp reload`); answers its output. */
  configure(text: string): Promise<string>;
}

export interface FaultLab {
  readonly router: Machine;
  readonly world: Machine;
  readonly isp: IspWire;
  readonly agent: RouterAgent;
  /** Starts a flow that goes on; resolves at its first answer. */
  call(options?: CallOptions): Promise<Call>;
  /** Runs `command` on the router and, in the same shell, polls `condition` until it holds: returns seconds
   * since the end of the command by the router's clock (steps of 50 ms, after the first second half a
   * second). Rejects after `limitSeconds` (10). The first poll is after `quietSeconds` (0): polling takes
   * processor time from the recovery. */
  inject(
    command: string,
    condition: string,
    limitSeconds?: number,
    quietSeconds?: number,
  ): Promise<number>;
  /** Starts a program of the world ("arrivals") in a device's namespace with these words; `onLine` gets each
   * line of its output. Ended at the end of the session. */
  play(
    device: string,
    program: string,
    words: readonly (string | number)[],
    onLine: (line: string) => void,
  ): Promise<Spawned>;
  /** Command line in a namespace of the world ("iphone", "isp", "proxy", "internet"). */
  inWorld(namespace: string, command: string): Promise<string>;
  /** Milliseconds of the world's clock, that of CallRecord. */
  worldTime(): Promise<number>;
  /** Learned elements of the standing table as nft prints them, without times, sorted: "skype_peer4
   * 192.168.1.11 . 86.128.10.1". */
  learned(): Promise<readonly string[]>;
  /** The next unused peer, supernode, ... of this session. */
  freshPeer(device?: string): Endpoint;
  /** The first of `count` unused numbers of names (freshN.skype.com). */
  freshNames(count: number): number;
  sleep(milliseconds: number): Promise<void>;
  say(line: string): void;
}
