// runtime/cuts: ends flows by deleting their conntrack entries, so that the next packet begins a new flow. A TCP
// connection first gets ct mark 12, by which the table resets its device (ruleset/compile/ended-flows), and is
// deleted ten seconds later. The table drops what the remote end still sends.
import type { Flow } from '../learn/evidence.ts';
import {
  type Ending,
  expireSilence,
  isResettable,
  remoteSide,
  type SilentEnd,
  silenced,
} from '../learn/silence.ts';
import type { Connection } from '../netlink/conntrack.ts';
import type { KernelError } from '../netlink/kernel-error.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import { after, now } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { CUT, markOf } from '../policy/marks.ts';
import type { Learning } from './learning.ts';

/** Most connections with ct mark 12 at once; others are deleted at once. */
const MOST_MARKED = 512;
/** When the device gets a TCP question, milliseconds. Linux answers two a second at most; a sleeping radio receives
 * it at its next beacon. */
const ASKED_AT = [0, 700, 2500];
/** When the entry is deleted, milliseconds: until then, packets of the server cause resets too. */
const GONE_AT = 10_000;

export interface CutState {
  /** Connections with ct mark 12. */
  marked: number;
  /** The table is about to be deleted: no more questions, since nothing would turn the answers into resets. */
  isOver: boolean;
}

/** What endFlows needs. */
export interface FlowEnding extends Learning {
  readonly cuts: CutState;
}

export function createCuts(): CutState {
  return { marked: 0, isOver: false };
}

/** Ends these connections; an entry that no longer exists is no error. */
export function endFlows(effects: FlowEnding, endings: readonly Ending[]): KernelError | null {
  if (endings.length === 0) return null;
  const { cuts, inForce, kernel } = effects;
  const { mask } = inForce.policy.globals;
  silence(effects, endings);
  const room = MOST_MARKED - cuts.marked;
  const marked = endings.filter(({ connection }) => isResettable(connection, mask)).slice(0, room);
  const isMarked = new Set(marked);
  const mark = { value: markOf(mask, CUT), mask };
  const unmarked = kernel.conntrack.mark(connectionsOf(marked), mark);
  const now = endings.filter((one) => unmarked !== null || !isMarked.has(one));
  const undeleted = kernel.conntrack.delete(connectionsOf(now));
  if (unmarked === null && marked.length > 0) resetDevices(effects, marked, mark.value);
  return undeleted;
}

function connectionsOf(endings: readonly Ending[]): Connection[] {
  return endings.map(({ connection }) => connection);
}

/** Asks the devices of connections with ct mark 12, whose answers the table resets; then deletes the entries. */
function resetDevices(
  { cuts, kernel }: FlowEnding,
  endings: readonly Ending[],
  mark: number,
): void {
  cuts.marked += endings.length;
  for (const at of ASKED_AT) {
    after(at, () => {
      if (!cuts.isOver) kernel.askDevices(mark, endings);
    });
  }
  after(GONE_AT, () => {
    cuts.marked -= endings.length;
    noted(kernel.conntrack.delete(connectionsOf(endings)));
  });
}

/** Ends the flow of a packet that the table has just rejected. `onFound` gets its entry before it is deleted. */
export function endRefused(
  effects: FlowEnding,
  flow: Flow,
  onFound: (connection: Connection) => void,
): KernelError | null {
  const { conntrack } = effects.kernel;
  const connection = conntrack.find(flow);
  if (connection === null) return null;
  onFound(connection);
  silence(effects, [{ connection, outward: true }]);
  return conntrack.delete([connection]);
}

/** Call it with every tick: removes expired ends from the sets of silent ends. */
export function tickCuts(effects: FlowEnding): void {
  noted(write(effects, [], expireSilence(effects.inForce.state.silence, now())));
}

/** Call it before the table is deleted. */
export function closeCuts(cuts: CutState): void {
  cuts.isOver = true;
}

/** Adds the remote ends to the sets whose packets the table drops. The flows are ended even if that fails. */
function silence(effects: FlowEnding, endings: readonly Ending[]): void {
  const { state, policy } = effects.inForce;
  const inner = new Set(
    policy.proxies.flatMap(({ local, inner6 }) => [local, inner6?.local ?? local]),
  );
  // Packets that a tunnel delivers without a flow are dropped anyway.
  const outside = endings.filter((one) => !inner.has(remoteSide(one).destination));
  const { added, gone } = silenced(state.silence, outside, now());
  noted(write(effects, added, gone));
}

function noted(error: KernelError | null): void {
  if (error !== null) log('error', errorText(error));
}

function write(
  { kernel }: FlowEnding,
  added: readonly SilentEnd[],
  gone: readonly SilentEnd[],
): KernelError | null {
  const changes = [
    ...changesOf('add', added),
    // `add` comes first, so that `delete` succeeds for an element that has expired.
    ...changesOf('add', gone),
    ...changesOf('delete', gone),
  ];
  return changes.length === 0 ? null : kernel.sets.change(changes);
}

function changesOf(operation: 'add' | 'delete', ends: readonly SilentEnd[]): SetChange[] {
  const bySet = new Map<string, { readonly key: Uint8Array }[]>();
  for (const { set, key } of ends) {
    const list = bySet.get(set) ?? [];
    bySet.set(set, list);
    list.push({ key });
  }
  return Array.from(bySet, ([set, elements]) => ({ operation, set, elements }));
}
