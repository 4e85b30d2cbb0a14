// What a fault session is, and what it has to work with. main.ts boots the lab once, hands this to
// every session in turn and prints a row for each.
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
  /** Why application packets may be seen outside the tunnel here ("fallback direct", "the agent is
   * stopped"): they are counted and shown, but judged by the session alone. */
  readonly mayLeak?: string;
  /** Profiles that are on the router beside the shipped one. */
  readonly profiles?: readonly Variant[];
  /** Throws, or answers ok false, where the router did not hold to what is promised. */
  run(lab: FaultLab): Promise<Finding>;
}

export interface Finding {
  readonly ok: boolean;
  /** What was seen, with its numbers. */
  readonly verdict: string;
  /** Seconds until everything was as it should be; null where nothing had to recover. */
  readonly seconds: number | null;
  /** Packets outside the tunnel that nothing promised to prevent, by their remote address, and why. */
  readonly excused?: { readonly why: string; readonly remotes: ReadonlySet<string> };
}

/** What a call did, when it has ended. Times are milliseconds of the world's clock. */
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
  /** Ends the call and tells what became of its packets. */
  stop(): Promise<CallRecord>;
}

export interface CallOptions {
  /** Name in plan.ts; iphone by default. */
  readonly device?: string;
  /** See world/call.ts; `peer` by default, the media of a call to a peer nobody knew before. */
  readonly kind?: 'peer' | 'supernode' | 'name' | 'unrelated' | 'plain' | 'dns' | 'resolver';
  /** Where to; by default an address that no other call has used. */
  readonly remote?: Endpoint;
  /** `name`, `dns`, `resolver`: the name asked for; %d becomes the packet's number. */
  readonly name?: string;
  /** Milliseconds between two packets; 20 by default. */
  readonly pace?: number;
  /** False: do not wait for the first answer (where there must be none). */
  readonly answered?: boolean;
}

/** A place in the ISP capture. */
export type Mark = number;

export interface IspWire {
  /** The capture's end as of now; give a packet just sent some 100 ms to arrive. */
  mark(): Mark;
  /** Every IP packet since, GRE opened. */
  sightings(since: Mark, until?: Mark): readonly Sighting[];
  /** Application packets outside the tunnel since: must be none. */
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
  /** Ends the supervisor and, by SIGTERM, the agent: the owner's own stop. */
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
  status(): Promise<Record<string, unknown>>;
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
  /** Runs `command` on the router and, in the same shell, asks `condition` over and over until it
   * holds: seconds from the end of the command on the router's clock (in steps of 50 ms, of
   * half a second behind the first second). Rejects after `limitSeconds` (10). Asks for the first time after
   * `quietSeconds` (0): asking takes a slow router's time from those who mend it. */
  inject(
    command: string,
    condition: string,
    limitSeconds?: number,
    quietSeconds?: number,
  ): Promise<number>;
  /** Starts a program of the world ("arrivals") in a device's namespace with words behind its name; `onLine`
   * gets what it says, a line a call. Ended with the session at the latest. */
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
  /** Learned elements of the standing table, as nft prints them without their times, sorted:
   * "skype_peer4 192.168.1.11 . 86.128.10.1". */
  learned(): Promise<readonly string[]>;
  /** Two peers, supernodes, ... of their own for every session: the next address nobody has used. */
  freshPeer(device?: string): Endpoint;
  /** The first of `count` numbers of names (freshN.skype.com) that nobody has asked for. */
  freshNames(count: number): number;
  sleep(milliseconds: number): Promise<void>;
  say(line: string): void;
}
