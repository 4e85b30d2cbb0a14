// kernel/kernel: the ways to the kernel that what is learned needs. Each is open, or the reason why it is not.
import type { ConntrackSocket } from './conntrack.ts';
import type { ConnectionLists } from './conntrack-dump.ts';
import type { SetSocket } from './sets.ts';
import type { Dumps } from './sliced-dump.ts';

export interface Kernel {
  readonly sets: SetSocket | string;
  readonly connections: ConntrackSocket | string;
  /** The same list, for who can wait for it. */
  readonly lists: ConnectionLists | string;
  /** The same for answers: no command waits behind a look through thousands. */
  readonly listsToAnswer: ConnectionLists | string;
  /** Sets, for who can wait for them. */
  readonly dumps: Dumps | string;
}
