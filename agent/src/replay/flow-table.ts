// replay/flow-table: the packets of a capture by flow: one row for each 5-tuple and application, so a flow that
// is first direct and later proxied has two rows. Every packet is counted in exactly one row, once.
import { parsePrefix } from '../ruleset/names.ts';
import type { TrackedFlow } from '../ruleset/trace/fake-conntrack.ts';
import type { Trace } from '../ruleset/trace/result.ts';
import { type FlowFields, flowFields } from '../wire/flow-text.ts';
import {
  destinationText,
  fragmentKey,
  type Packet,
  sourceText,
  TCP,
  TCP_ACK,
  TCP_SYN,
} from '../wire/packet.ts';

/** Which end sent the first packet; `before`: the capture starts within the flow. */
export type Began = 'home' | 'outside' | 'before';

/** The flow in the direction of its first packet; if `before`, the device comes first. */
export interface ReplayFlow extends FlowFields {
  readonly began: Began;
  /** Time of the row's first packet, milliseconds from the start of the capture. */
  readonly start_ms: number;
  /** The app that the table assigns it to; null: none (direct). */
  readonly app: string | null;
  /** Evidence of its first packet, and its detail. */
  readonly evidence: string;
  readonly detail: string;
  /** Packets of both directions and ICMP errors that quote them. */
  packets: number;
  /** IP lengths of the packets that were not refused. */
  bytes: number;
  /** Of the packets: those on the direct path, and those refused. */
  direct: number;
  rejected: number;
}

export interface Book {
  readonly rows: Map<string, ReplayFlow>;
  /** Names of tracked flows, for replies and for ICMP errors, which only quote the flow. */
  readonly names: WeakMap<TrackedFlow, FlowName>;
  /** Rows of first fragments, since later fragments have no ports. */
  readonly fragments: Map<string, ReplayFlow>;
}

interface FlowName {
  readonly fields: FlowFields;
  readonly began: Began;
}

const MOST_FRAGMENTS = 1024;

export function createBook(): Book {
  return { rows: new Map(), names: new WeakMap(), fragments: new Map() };
}

/** A packet and the tracer's result. */
export interface Entry {
  readonly packet: Packet;
  readonly traced: Trace;
  /** The tracked flow of the packet, if it has one. */
  readonly flow: TrackedFlow | null;
  readonly outward: boolean;
  /** Whether it arrived or left through a tunnel. */
  readonly inTunnel: boolean;
  /** The app of its conntrack mark. */
  readonly app: string | null;
  /** Milliseconds from the start of the capture. */
  readonly time: number;
}

/** The evidence that the agent has of an app's flow. */
export type Explain = (app: string, flow: string) => { kind: string; detail: string } | undefined;

/** Adds a packet to its row. False: a later fragment whose first fragment is not in the capture. */
export function bookPacket(book: Book, entry: Entry, explain: Explain): boolean {
  const { packet } = entry;
  const pieces = packet.moreFragments || packet.fragmentOffset > 0 ? fragmentKey(packet) : null;
  const row = packet.fragmentOffset > 0 ? book.fragments.get(pieces!) : rowOf(book, entry, explain);
  if (row === undefined) return false;
  if (pieces !== null && packet.fragmentOffset === 0) {
    if (book.fragments.size >= MOST_FRAGMENTS) book.fragments.clear();
    book.fragments.set(pieces, row);
  }
  row.packets += 1;
  const { verdict } = entry.traced;
  if (verdict === 'reject' || verdict === 'drop') {
    row.rejected += 1;
    return true;
  }
  row.bytes += packet.length;
  if (!entry.inTunnel) row.direct += 1;
  return true;
}

function rowOf(book: Book, entry: Entry, explain: Explain): ReplayFlow {
  const { fields, began } = nameOf(book, entry);
  const text = fields.flow;
  const app = entry.app ?? refusedFor(entry.traced);
  const key = `${text} ${app ?? ''}`;
  const known = book.rows.get(key);
  if (known !== undefined) return known;
  const said = app === null ? undefined : explain(app, text);
  const evidence = { evidence: said?.kind ?? '', detail: said?.detail ?? '' };
  const counts = { packets: 0, bytes: 0, direct: 0, rejected: 0 };
  const start = { began, start_ms: Math.floor(entry.time) };
  const row = { ...fields, ...start, app, ...evidence, ...counts };
  book.rows.set(key, row);
  return row;
}

/** A refused packet has no conntrack mark; the log prefix names its app. */
function refusedFor(traced: Trace): string | null {
  for (const { prefix } of traced.logs) {
    const said = parsePrefix(prefix);
    if (said !== null && 'app' in said && (said.feed === 'late' || said.feed === 'inbound'))
      return said.app;
  }
  return null;
}

function nameOf(book: Book, entry: Entry): FlowName {
  const { packet, flow, outward } = entry;
  const known = flow === null ? undefined : book.names.get(flow);
  if (known !== undefined) return known;
  const began = beginning(packet, outward);
  const there = {
    protocol: packet.protocol,
    source: sourceText(packet),
    sourcePort: Math.max(0, packet.sourcePort),
    destination: destinationText(packet),
    destinationPort: Math.max(0, packet.destinationPort),
  };
  const back = {
    protocol: there.protocol,
    source: there.destination,
    sourcePort: there.destinationPort,
    destination: there.source,
    destinationPort: there.sourcePort,
  };
  const name = { fields: flowFields(began === 'before' && !outward ? back : there), began };
  if (flow !== null) book.names.set(flow, name);
  return name;
}

/** Only TCP shows whether a packet begins a flow. */
function beginning(packet: Packet, outward: boolean): Began {
  const opening = (packet.tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN;
  if (packet.protocol === TCP && !opening) return 'before';
  return outward ? 'home' : 'outside';
}
