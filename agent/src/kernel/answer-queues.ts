// kernel/answer-queues: held DNS answers in two NFQUEUE queues behind one HeldFeed. The first queue is for devices
// within their share; the second (crowd) is read when the first is empty. An answer that finds no room is dropped,
// since it could teach, and the device asks again.
import { done, type KernelResult } from '../netlink/kernel-error.ts';
import { crowdQueue } from '../ruleset/compile/dns.ts';
import type { PacketSpan } from '../step/state.ts';
import { type HeldFeed, type OnPacket, openHeld } from './held-feed.ts';
import { holdFirst } from './yield-to-held.ts';

/** Longest queues, packets. Waiting packets count against the send buffer of the resolver's socket, which has room
 * for 150 to 250 (net.core.wmem_default). If this agent hangs, both queues together must leave room for answers
 * that pass. The first has as many as the home may ask at once (ruleset/compile/dns, HOME_QUERIES). */
const FIRST_AT_MOST = 128;
const CROWD_AT_MOST = 48;
/** Added to packet ids of the crowd's queue: the kernel counts each queue separately, in 32 bits. */
const CROWD_ID = 2 ** 32;

/** `id`: as of OnPacket. `isOwn`: the router itself is the sender; otherwise a resolver outside. */
export type OnAnswer = (id: number | null, span: PacketSpan, isOwn: boolean) => void;

/** Binds queue `number` and the crowd's queue. */
export function openAnswers(number: number, onAnswer: OnAnswer): KernelResult<HeldFeed> {
  const ofFirst: OnPacket = (id, span, _, isOwn) => onAnswer(id, span, isOwn);
  const one = openHeld(number, ofFirst, {
    most: FIRST_AT_MOST,
    failOpen: false,
    glanced: 'answers',
  });
  if (!one.ok) return one;
  const first = one.value;
  const ofCrowd: OnPacket = (id, span, _, isOwn) =>
    onAnswer(id === null ? null : id + CROWD_ID, span, isOwn);
  const options = {
    most: CROWD_AT_MOST,
    failOpen: false,
    behind: first,
    glanced: 'answers of the crowd',
  } as const;
  const other = openHeld(crowdQueue(number), ofCrowd, options);
  if (!other.ok) {
    first.close();
    return other;
  }
  const crowd = other.value;
  const value: HeldFeed = {
    counters: first.counters,
    takeGlanced: () => first.takeGlanced() + crowd.takeGlanced(),
    release: (id) => (id < CROWD_ID ? first.release(id) : crowd.release(id - CROWD_ID)),
    refuse: (id) => (id < CROWD_ID ? first.refuse(id) : crowd.refuse(id - CROWD_ID)),
    flush: () => {
      first.flush();
      crowd.flush();
    },
    takeOne: first.takeOne,
    takeDropped: () => first.takeDropped() + crowd.takeDropped(),
    isBehind: first.isBehind,
    close: () => {
      first.close();
      crowd.close();
    },
  };
  holdFirst(value.takeOne);
  return done(value);
}
