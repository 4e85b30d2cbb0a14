// kernel/open: implements the interface of kernel/kernel over netlink sockets. All of them are needed: the error of
// the first that cannot be opened is returned.
import { NETLINK_NETFILTER } from '../netlink/constants.ts';
import { done, type KernelResult } from '../netlink/kernel-error.ts';
import { openAnnounced } from './announced-feed.ts';
import { openAnswers } from './answer-queues.ts';
import { conntrackOver } from './conntrack.ts';
import { glance } from './glance.ts';
import { openHeld } from './held-feed.ts';
import type { Kernel } from './kernel.ts';
import { openNetlink } from './netlink-socket.ts';
import { openProbes } from './probes.ts';
import { openRouting } from './routing.ts';
import { setsOver } from './sets.ts';
import { openDumps } from './sliced-dump.ts';
import { tablesOver } from './tables.ts';
import { askDevices } from './tcp-questions.ts';

/** `scratch`: path of a file in memory for the text that nft loads. */
export function openKernel(scratch: string): KernelResult<Kernel> {
  // A datagram of a set dump has up to 32 KiB.
  const nft = openNetlink(NETLINK_NETFILTER, { receiveQueue: 1 << 18 });
  if (!nft.ok) return nft;
  const conntrack = openNetlink(NETLINK_NETFILTER, { receiveQueue: 1 << 18 });
  if (!conntrack.ok) return conntrack;
  const routing = openRouting();
  if (!routing.ok) return routing;
  const sets = openDumps();
  if (!sets.ok) return sets;
  const lists = openDumps();
  if (!lists.ok) return lists;
  const toAnswer = openDumps();
  if (!toAnswer.ok) return toAnswer;
  return done({
    sets: setsOver(nft.value, sets.value),
    tables: tablesOver(nft.value, sets.value, scratch),
    conntrack: conntrackOver(conntrack.value, lists.value, toAnswer.value),
    routing: routing.value,
    feeds: { answers: openAnswers, held: openHeld, announced: openAnnounced },
    glance,
    probes: openProbes,
    askDevices,
  });
}
