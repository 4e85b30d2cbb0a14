// runtime/cuts: ends flows that are on the wrong way. Their conntrack entry is deleted, so that the next packet begins
// a new flow; a TCP connection is marked first, for the table to reset its device (ruleset/compile/ended-flows), and
// deleted ten seconds later. What the remote end still sends is dropped by the table in silence.
import type { Flow } from '../learn/evidence.ts';
import {
  type Ending,
  expireSilence,
  isToBeTold,
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

/** Connections whose devices are being told; what is more is deleted at once. */
const MOST_TOLD = 512;
/** When a device is asked, milliseconds: Linux answers such a question twice a second at most, and a radio
 * that sleeps hears at its next beacon. */
const ASKED_AT = [0, 700, 2500];
/** When the entry is deleted: what the server sends till then tells the device, too. */
const GONE_AT = 10_000;

export interface CutState {
  /** Connections whose devices are being told. */
  told: number;
  /** The table is about to be deleted, and with it what answers the devices that are asked: none is asked any
   * more. */
  isOver: boolean;
}

/** What those have at hand who end flows. */
export interface FlowEnding extends Learning {
  readonly cuts: CutState;
}

export function createCuts(): CutState {
  return { told: 0, isOver: false };
}

/** Ends exactly these; one that has ended already is no error. */
export function endFlows(effects: FlowEnding, endings: readonly Ending[]): KernelError | null {
  if (endings.length === 0) return null;
  const { cuts, inForce, kernel } = effects;
  const { mask } = inForce.policy.globals;
  silence(effects, endings);
  const room = MOST_TOLD - cuts.told;
  const tell = endings.filter(({ connection }) => isToBeTold(connection, mask)).slice(0, room);
  const telling = new Set(tell);
  const mark = { value: markOf(mask, CUT), mask };
  const unmarked = kernel.conntrack.mark(connectionsOf(tell), mark);
  const now = endings.filter((one) => unmarked !== null || !telling.has(one));
  const undeleted = kernel.conntrack.delete(connectionsOf(now));
  if (unmarked === null && tell.length > 0) tellDevices(effects, tell, mark.value);
  return undeleted;
}

function connectionsOf(endings: readonly Ending[]): Connection[] {
  return endings.map(({ connection }) => connection);
}

function tellDevices({ cuts, kernel }: FlowEnding, tell: readonly Ending[], mark: number): void {
  cuts.told += tell.length;
  for (const at of ASKED_AT) {
    after(at, () => {
      if (!cuts.isOver) kernel.askDevices(mark, tell);
    });
  }
  after(GONE_AT, () => {
    cuts.told -= tell.length;
    kernel.conntrack.delete(connectionsOf(tell));
  });
}

/** Ends the flow of a device's packet that the table has refused just now. `onFound`: its entry, before. */
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

/** With every tick: what has been silent long enough is forgotten. */
export function tickCuts(effects: FlowEnding): void {
  write(effects, [], expireSilence(effects.inForce.state.silence, now()));
}

/** Before the table is deleted. */
export function closeCuts(cuts: CutState): void {
  cuts.isOver = true;
}

/** What the remote ends of these still send is dropped. A flow is ended without that as well. */
function silence(effects: FlowEnding, endings: readonly Ending[]): void {
  const { state, policy } = effects.inForce;
  const inner = new Set(
    policy.proxies.flatMap(({ local, inner6 }) => [local, inner6?.local ?? local]),
  );
  // What a tunnel delivers for no flow is dropped anyway.
  const outside = endings.filter((one) => !inner.has(remoteSide(one).destination));
  const { added, gone } = silenced(state.silence, outside, now());
  const error = write(effects, added, gone);
  if (error !== null) log('error', errorText(error));
}

function write(
  { kernel }: FlowEnding,
  added: readonly SilentEnd[],
  gone: readonly SilentEnd[],
): KernelError | null {
  const changes = [
    ...changesOf('add', added),
    // Adding first makes the deletion succeed whatever the kernel has forgotten by itself.
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
