// account/ledger: the traffic of each app, device and proxy (totals and series), and the list of ended flows. The
// counters are conntrack's, read by runtime/accounting, so no packet costs more. Read by answers/ and
// account/history.

import type { Connection, Counts, Tuple } from '../netlink/conntrack.ts';
import { CLOCK_IS_SET } from '../policy/schedule.ts';
import { addSample, createSeries, lastCounted, type Series } from './series.ts';

/** Properties of a flow, requested when it is first seen. */
export interface FlowFacts {
  readonly app: string;
  readonly proxy: string;
  readonly evidence: string;
  readonly detail: string;
  /** Milliseconds since 1970, if known; otherwise the time when it was first seen is taken. */
  readonly start?: number;
}

export interface LiveFlow extends FlowFacts {
  readonly original: Tuple;
  readonly mark: number;
  /** Milliseconds since 1970. */
  readonly start: number;
  up: number;
  down: number;
  packets: number;
  /** Number of the last dump that had it. */
  round: number;
}

export interface EndedFlow extends FlowFacts {
  readonly original: Tuple;
  readonly start: number;
  readonly end: number;
  readonly up: number;
  readonly down: number;
  readonly packets: number;
}

export interface AccountSubject {
  up: number;
  down: number;
  flows: number;
  readonly series: Series;
}

export interface Ledger {
  /** By conntrack id. */
  readonly live: Map<number, LiveFlow>;
  /** Number of live flows by device. */
  readonly devices: Map<string, number>;
  /** The same by mark. */
  readonly marks: Map<number, number>;
  /** "app skype", "device 192.168.1.11", "proxy cloud"; the name is "other" for those above the limit. */
  readonly subjects: Map<string, AccountSubject>;
  /** Newest last, at most LOGGED of them. */
  readonly ended: EndedFlow[];
  /** Flows ended since the start, including those no longer in `ended`. */
  endedCount: number;
  round: number;
  /** Set when something was counted since the file was written. */
  changed: boolean;
}

/** Each takes 3 KB of numbers and 1 KB around them: below 200 KB with their names (test/node/account-memory). */
const SUBJECTS = 48;
/** Ended flows kept, some 600 bytes each. */
const LOGGED = 400;
/** Live flows kept; further ones are counted and logged only when they end. */
const FOLLOWED = 2048;
/** A device without traffic for this long may be dropped for a new subject. */
const IDLE_MILLISECONDS = 30 * 86_400_000;

export function createLedger(): Ledger {
  return {
    live: new Map(),
    devices: new Map(),
    marks: new Map(),
    subjects: new Map(),
    ended: [],
    endedCount: 0,
    round: 0,
    changed: false,
  };
}

/** Adds what a subject had before this agent. */
export function restoreSubject(
  subject: AccountSubject,
  up: number,
  down: number,
  flows: number,
): void {
  subject.up += up;
  subject.down += down;
  subject.flows += flows;
}

/** The file has everything of the ledger. */
export function noteSaved(ledger: Ledger): void {
  ledger.changed = false;
}

/** The subject `name`, made if necessary; "KIND other" if there is no room at `time` (milliseconds since 1970). */
export function subjectOf(ledger: Ledger, name: string, time = 0): AccountSubject {
  const known = ledger.subjects.get(name);
  if (known !== undefined) return known;
  const kind = name.slice(0, name.indexOf(' '));
  const room = (): boolean => ledger.subjects.size < SUBJECTS - 3;
  if (!room() && name !== `${kind} other`) {
    dropIdle(ledger, time);
    if (!room()) return subjectOf(ledger, `${kind} other`);
  }
  const fresh = { up: 0, down: 0, flows: 0, series: createSeries() };
  ledger.subjects.set(name, fresh);
  return fresh;
}

/** Drops the device that has been without traffic for longest, if for more than IDLE_MILLISECONDS. */
function dropIdle({ subjects }: Ledger, time: number): void {
  let [oldest, last] = ['', time - IDLE_MILLISECONDS];
  for (const [name, { series }] of subjects) {
    if (!name.startsWith('device ') || lastCounted(series) >= last) continue;
    [oldest, last] = [name, lastCounted(series)];
  }
  subjects.delete(oldest);
}

/** Counts a flow as conntrack has it at `time` (milliseconds since 1970). `facts` is called once a flow; null: not
 * a flow of an app. `isLast`: the flow has ended. Null: not counted, or more than FOLLOWED. */
export function seeFlow(
  ledger: Ledger,
  connection: Connection,
  facts: () => FlowFacts | null,
  time: number,
  isLast = false,
): LiveFlow | null {
  let flow = ledger.live.get(connection.id);
  if (flow === undefined) {
    const known = isLast || ledger.live.size < FOLLOWED ? facts() : null;
    if (known === null) return null;
    const { original, mark } = connection;
    const { round } = ledger;
    const start = Math.min(known.start ?? time, time);
    flow = { ...known, original, mark, start, up: 0, down: 0, packets: 0, round };
    ledger.live.set(connection.id, flow);
    addLive(ledger, flow, 1);
    for (const name of subjectsOf(flow)) subjectOf(ledger, name, time).flows += 1;
  }
  seeAgain(ledger, connection, time);
  return flow;
}

function addLive({ devices, marks }: Ledger, { original, mark }: LiveFlow, change: number): void {
  addTo(devices, original.source, change);
  addTo(marks, mark, change);
}

function addTo<K>(counts: Map<K, number>, key: K, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}

/** Counts a known flow by its counters only. False: not known. */
export function seeAgain(ledger: Ledger, counts: Counts, time: number): boolean {
  const flow = ledger.live.get(counts.id);
  if (flow === undefined) return false;
  count(ledger, flow, counts, time);
  flow.round = ledger.round;
  return true;
}

function subjectsOf(flow: LiveFlow): readonly string[] {
  return [`app ${flow.app}`, `device ${flow.original.source}`, `proxy ${flow.proxy}`];
}

function count(ledger: Ledger, flow: LiveFlow, { bytes, packets }: Counts, time: number): void {
  const up = bytes.original - flow.up;
  const down = bytes.reply - flow.down;
  flow.packets = packets.original + packets.reply;
  // Fewer bytes than before: the kernel has reused the id.
  if (up < 0 || down < 0 || up + down === 0) return;
  flow.up += up;
  flow.down += down;
  for (const name of subjectsOf(flow)) {
    const subject = subjectOf(ledger, name, time);
    subject.up += up;
    subject.down += down;
    // While the clock is not set, totals alone are counted.
    if (time >= CLOCK_IS_SET) addSample(subject.series, time, up, down);
  }
  ledger.changed = true;
}

/** Counts a deleted conntrack entry by its last counters, and returns the ended flow; null: not of an app. */
export function endFlow(
  ledger: Ledger,
  connection: Connection,
  facts: () => FlowFacts | null,
  time: number,
): EndedFlow | null {
  const flow = seeFlow(ledger, connection, facts, time, true);
  if (flow === null) return null;
  return close(ledger, connection.id, flow, time);
}

function close(ledger: Ledger, id: number, flow: LiveFlow, time: number): EndedFlow {
  const { round: _round, mark: _mark, ...facts } = flow;
  const ended = { ...facts, end: time };
  ledger.live.delete(id);
  addLive(ledger, flow, -1);
  ledger.ended.push(ended);
  ledger.endedCount += 1;
  if (ledger.ended.length > LOGGED) ledger.ended.shift();
  return ended;
}

/** Begins a dump of all conntrack entries. */
export function beginRound(ledger: Ledger): void {
  ledger.round += 1;
}

/** After a complete dump: ends the flows that were not in it, one a step. */
export function* endRound(ledger: Ledger, time: number): Generator<EndedFlow, void> {
  for (const [id, flow] of ledger.live) {
    if (flow.round !== ledger.round) yield close(ledger, id, flow, time);
  }
}
