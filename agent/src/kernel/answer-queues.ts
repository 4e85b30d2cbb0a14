// kernel/answer-queues: held DNS answers, in two queues that look like one. The first is for devices within
// their share; the crowd's is read when the first is empty. What a queue has no room for is dropped, and the
// device asks again: it could be an application's. Before: held-feed. After: runtime/feeds, runtime/effects.
import { done, type KernelResult } from '../netlink/kernel-error.ts';
import { crowdQueue } from '../ruleset/compile/dns.ts';
import type { PacketSpan } from '../step/state.ts';
import { type HeldFeed, type OnPacket, openHeld } from './held-feed.ts';
import { holdFirst } from './yield-to-held.ts';

/** Answers the kernel holds for us at most. What waits counts against the resolver's own send buffer,
 * which has room for 150 to 250 (net.core.wmem_default): while this agent hangs, both together must leave
 * some of it to answers that pass. As many as the home may ask at once (ruleset/compile/dns, HOME_QUERIES). */
const FIRST_AT_MOST = 128;
const CROWD_AT_MOST = 48;
/** Added to the numbers of the crowd's packets: the kernel counts each queue by itself, in 32 bits. */
const CROWD_ID = 2 ** 32;

/** An answer of the router itself, `isOwn`, or of another resolver. */
export type OnAnswer = (id: number, span: PacketSpan, isOwn: boolean) => void;

/** Holds answers of queue `number` and of the crowd's. `onFull`: the first may have had no room for
 * some. */
export function openAnswers(
  number: number,
  onAnswer: OnAnswer,
  onFull: () => void,
): KernelResult<HeldFeed> {
  const ofFirst: OnPacket = (id, span, _, isOwn) => onAnswer(id, span, isOwn);
  const one = openHeld(number, ofFirst, { most: FIRST_AT_MOST, failOpen: false, onFull });
  if (!one.ok) return one;
  const first = one.value;
  const ofCrowd: OnPacket = (id, span, _, isOwn) => onAnswer(id + CROWD_ID, span, isOwn);
  const options = { most: CROWD_AT_MOST, failOpen: false, behind: first };
  const other = openHeld(crowdQueue(number), ofCrowd, options);
  if (!other.ok) {
    first.close();
    return other;
  }
  const crowd = other.value;
  const value: HeldFeed = {
    counters: first.counters,
    release: (id) => (id < CROWD_ID ? first.release(id) : crowd.release(id - CROWD_ID)),
    refuse: (id) => (id < CROWD_ID ? first.refuse(id) : crowd.refuse(id - CROWD_ID)),
    flush: () => {
      first.flush();
      crowd.flush();
    },
    takeOne: first.takeOne,
    isBehind: first.isBehind,
    close: () => {
      first.close();
      crowd.close();
    },
  };
  holdFirst(value.takeOne);
  return done(value);
}
