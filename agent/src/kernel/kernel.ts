// kernel/kernel: the one interface between the runtime and the kernel. kernel/open implements it over sockets,
// test/fake/kernel in memory.
import type { Ending } from '../learn/silence.ts';
import type { KernelResult } from '../netlink/kernel-error.ts';
import type { AnnouncedFeed, OnAnnounced } from './announced-feed.ts';
import type { OnAnswer } from './answer-queues.ts';
import type { Conntrack } from './conntrack.ts';
import type { HostGlance } from './glance.ts';
import type { HeldFeed, Holding, OnPacket } from './held-feed.ts';
import type { Glanced } from './netlink-socket.ts';
import type { OnReply, Probes } from './probes.ts';
import type { Routing } from './routing.ts';
import type { Sets } from './sets.ts';
import type { Tables } from './tables.ts';

/** Packets that the table queues (NFQUEUE) or logs (NFLOG). */
export interface Feeds {
  /** DNS answers in queue `number` and in the crowd's queue (kernel/answer-queues). */
  answers(number: number, onAnswer: OnAnswer): KernelResult<HeldFeed>;
  /** Packets held in queue `number`. */
  held(number: number, onPacket: OnPacket, holding: Holding): KernelResult<HeldFeed>;
  /** Packets logged to group `number`. `onLost`: the kernel has dropped messages. `buffer`: bytes of the longest
   * message. `glanced`: see openAnnounced. */
  announced(
    number: number,
    onPacket: OnAnnounced,
    onLost: () => void,
    buffer?: number,
    glanced?: Glanced,
  ): KernelResult<AnnouncedFeed>;
}

export interface Kernel {
  readonly sets: Sets;
  readonly tables: Tables;
  readonly conntrack: Conntrack;
  readonly routing: Routing;
  readonly feeds: Feeds;
  readonly glance: HostGlance;
  /** The sockets of the probes (kernel/probes); one call an agent. */
  probes(onAnswer: OnReply, onDoubt: () => void): Probes;
  /** Sends TCP questions to devices (kernel/tcp-questions). */
  askDevices(mark: number, endings: readonly Ending[]): void;
}
