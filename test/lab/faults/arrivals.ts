// New connections of the app during a fault: runs world/arrivals.ts on a device and counts the packets to its
// addresses inside and outside the tunnel.
import { freshAddress, RESOLVER_ADDRESS, ROUTER_ADDRESS } from '../world/plan.ts';
import type { FaultLab, Mark } from './fault.ts';
import { LOGS } from './programs.ts';

/** Most names of one run. */
const MOST = 2000;

export interface ArrivalOptions {
  /** macbook by default. */
  readonly device?: string;
  /** Milliseconds between two; 250 by default. */
  readonly pace?: number;
  /** udp by default: see world/arrivals.ts. */
  readonly way?: 'udp' | 'fixed' | 'tcp' | 'known';
  /** The router by default, a resolver outside for `fixed` and `tcp`. */
  readonly server?: string;
  /** Number of names; default: until it is stopped. */
  readonly count?: number;
  /** Milliseconds of queries for unrelated names first; resolves when they have begun. */
  readonly warm?: number;
}

export interface ArrivalRecord {
  readonly asked: number;
  readonly answered: number;
  readonly connected: number;
  /** The longest wait for an answer, milliseconds. */
  readonly silence: number;
}

export interface Arrivals {
  /** Addresses of its names. */
  readonly remotes: ReadonlySet<string>;
  /** Resolves when it has asked for `count` names. */
  readonly over: Promise<unknown>;
  stop(): Promise<ArrivalRecord>;
}

/** Starts them; resolves with the first question. */
export async function arrivals(lab: FaultLab, options: ArrivalOptions = {}): Promise<Arrivals> {
  const { device = 'macbook', pace = 250, way = 'udp', count = MOST, warm = 0 } = options;
  const home = way === 'udp' || way === 'known';
  const server = options.server ?? (home ? ROUTER_ADDRESS : RESOLVER_ADDRESS);
  const names = way === 'known' ? 1 : count;
  const first = lab.freshNames(names);
  const words = [device, LOGS, first, count, pace, way, server, warm];
  let last = '';
  let began = (): void => {};
  const started = new Promise<void>((resolve) => {
    began = resolve;
  });
  const program = await lab.play(device, 'arrivals', words, (line) => {
    last = line;
    if (line === 'started' || line === 'warm') began();
  });
  await Promise.race([started, program.done]);
  return {
    remotes: new Set(Array.from({ length: names }, (_, i) => freshAddress(first + i))),
    over: program.done,
    async stop() {
      await program.kill('TERM');
      await program.done;
      if (!last.startsWith('{')) throw new Error(`arrivals ${words.join(' ')}: ${last}`);
      return JSON.parse(last) as ArrivalRecord;
    },
  };
}

/** Packets in the tunnel and beside it since `mark` to or from the addresses of `remotes`. */
export function ways(
  lab: FaultLab,
  mark: Mark,
  remotes: ReadonlySet<string>,
): { readonly tunnel: number; readonly direct: number } {
  let [tunnel, direct] = [0, 0];
  for (const one of lab.isp.sightings(mark)) {
    if (!remotes.has(one.destination) && !remotes.has(one.source)) continue;
    if (one.tunnelled) tunnel += 1;
    else direct += 1;
  }
  return { tunnel, direct };
}

export function toldArrivals({ asked, answered, connected, silence }: ArrivalRecord): string {
  return `${asked} names asked, ${answered} answered (${silence} ms at most), ${connected} connected`;
}
