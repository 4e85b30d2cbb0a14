// kernel/kernel: the ways to the kernel that what is learned needs, all of them open. Before: the kernel's netlink
// sockets. After: runtime/effects.
import { type ConntrackSocket, openConnections } from './conntrack.ts';
import { type ConnectionLists, openConnectionLists } from './conntrack-dump.ts';
import type { Opened } from './netlink-socket.ts';
import { openSets, type SetSocket } from './sets.ts';
import { type Dumps, openDumps } from './sliced-dump.ts';

export interface Kernel {
  readonly sets: SetSocket;
  readonly connections: ConntrackSocket;
  /** The same list, for who can wait for it. */
  readonly lists: ConnectionLists;
  /** The same for answers: no command waits behind a look through thousands. */
  readonly listsToAnswer: ConnectionLists;
  /** Sets, for who can wait for them. */
  readonly dumps: Dumps;
}

/** An agent without one of them could do nothing. */
export function openKernel(): Opened<Kernel> {
  const sets = openSets();
  const connections = openConnections();
  const lists = openConnectionLists();
  const listsToAnswer = openConnectionLists();
  const dumps = openDumps();
  if (!sets.ok) return sets;
  if (!connections.ok) return connections;
  if (!lists.ok) return lists;
  if (!listsToAnswer.ok) return listsToAnswer;
  if (!dumps.ok) return dumps;
  const value: Kernel = {
    sets: sets.value,
    connections: connections.value,
    lists: lists.value,
    listsToAnswer: listsToAnswer.value,
    dumps: dumps.value,
  };
  return { ok: true, value };
}
