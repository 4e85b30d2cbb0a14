// kernel/kernel: everything that the agent asks of the kernel, as one interface. The runtime imports no socket: the
// implementation over sockets is kernel/open, and test/fake has another that keeps its state in memory.
import type { Ending } from '../learn/silence.ts';
import type { KernelResult } from '../netlink/kernel-error.ts';
import type { AnnouncedFeed, OnAnnounced } from './announced-feed.ts';
import type { OnAnswer } from './answer-queues.ts';
import type { Conntrack } from './conntrack.ts';
import type { HeldFeed, Holding, OnPacket } from './held-feed.ts';
import type { OnAnswer as OnProbeAnswer, Probes } from './probes.ts';
import type { Routing } from './routing.ts';
import type { Sets } from './sets.ts';
import type { Tables } from './tables.ts';

/** Packets that the table queues (NFQUEUE) or logs (NFLOG) for the agent. */
export interface Feeds {
  /** DNS answers, held in queue `number` and in the crowd's. `onFull`: the first may have had no room for some. */
  answers(number: number, onAnswer: OnAnswer, onFull: () => void): KernelResult<HeldFeed>;
  /** Packets held in queue `number`. */
  held(number: number, onPacket: OnPacket, holding: Holding): KernelResult<HeldFeed>;
  /** Packets logged to group `number`. `onLost`: the kernel had no room for some. `buffer`: bytes of the longest
   * message. */
  announced(
    number: number,
    onPacket: OnAnnounced,
    onLost: () => void,
    buffer?: number,
  ): KernelResult<AnnouncedFeed>;
}

export interface Kernel {
  readonly sets: Sets;
  readonly tables: Tables;
  readonly conntrack: Conntrack;
  readonly routing: Routing;
  readonly feeds: Feeds;
  /** Opens the sockets by which proxies are probed; one call an agent. */
  probes(onAnswer: OnProbeAnswer): Probes;
  /** kernel/tcp-questions. */
  askDevices(mark: number, endings: readonly Ending[]): void;
}
