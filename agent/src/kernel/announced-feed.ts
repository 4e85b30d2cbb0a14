// kernel/announced-feed: packets that the ruleset logs to an NFLOG group while they pass. Decodes the messages and
// calls back with spans of the receive buffer, valid until the callback returns. Makes no decision.

import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { done, type KernelResult } from '../netlink/kernel-error.ts';
import {
  createLoggedPacket,
  LOGGED_PACKET,
  logPrefix,
  putLogBind,
  readLoggedPacket,
} from '../netlink/nflog.ts';
import { senderMac } from '../netlink/sender.ts';
import { now, wallTime } from '../os/clock.ts';
import type { PacketSpan } from '../step/state.ts';
import { DRAIN, glancedOf, type OpenFeed, openFeed, WHOLE_PACKET } from './feed-socket.ts';
import {
  closeNetlink,
  type Glanced,
  type NetlinkSocket,
  type OnMessage,
  receiveOnce,
} from './netlink-socket.ts';
import { heldFirst, isTurn } from './yield-to-held.ts';

/** Whole packets. Log rules that are about headers limit the copy themselves (HEADER_SNAPLEN in ruleset/compile). */
const COPY_LOGGED = 0xffff;

export interface AnnouncedFeed extends OpenFeed {
  /** Reads the packets that are queued now, for HEAR_MILLISECONDS at most. */
  takeWaiting(): void;
}

/** Longest time that an answer waits for its query. A query that is not read by then leaves the answer refused, and
 * the device asks again. */
const HEAR_MILLISECONDS = 100;

/** Longer than the watchdog lets a packet wait: an age above this means that the clock was set. */
const OLDEST_MILLISECONDS = 6000;

/** Milliseconds from `stamp` (seconds since 1970; 0: the kernel set none) to `wall`; 0: unknown. */
function ageOf(stamp: number, wall: number): number {
  const age = wall - stamp * 1000;
  return stamp === 0 || age < 0 || age > OLDEST_MILLISECONDS ? 0 : age;
}

/** `mac`: the sender's, null: none. `age`: milliseconds, 0: unknown. `isOwn`: the router itself is the sender.
 * `isNoted`: the host program has noted the query. */
export type OnAnnounced = (
  prefix: string,
  span: PacketSpan,
  mac: string | null,
  age: number,
  isOwn: boolean,
  isNoted: boolean,
) => void;

/** A bound group and the state of its reading. */
interface Group {
  readonly socket: NetlinkSocket;
  readonly onMessage: OnMessage;
  readonly onLost: () => void;
  /** Time stamp of the last packet, milliseconds since 1970; 0: the kernel set none. */
  announcedAt: number;
}

/** Binds NFLOG group `number`. `onLost`: the kernel dropped messages (ENOBUFS). `buffer`: bytes of the longest
 * message. `glanced`: the host program notes the queries that concern no application. */
export function openAnnounced(
  number: number,
  onPacket: OnAnnounced,
  onLost: () => void,
  buffer = WHOLE_PACKET,
  glanced?: Glanced,
): KernelResult<AnnouncedFeed> {
  const options = { copyRange: COPY_LOGGED, threshold: 1, timeout: 1, bufferSize: 0 };
  const room = { buffer, ...(glanced === undefined ? {} : { glanced }) };
  const opened = openFeed(room, `log group ${number}`, (w, seq) =>
    putLogBind(w, seq, number, options),
  );
  if (!opened.ok) return opened;
  const socket = opened.value;
  const onMessage = readerOf(socket, onPacket, (time) => {
    group.announcedAt = time;
  });
  const group: Group = { socket, onMessage, onLost, announcedAt: 0 };
  os.setReadHandler(socket.fd, () => {
    const began = now();
    let taken = 0;
    take(group, () => {
      const spent = now() - began;
      heldFirst(spent);
      taken += 1;
      return taken < DRAIN && isTurn(spent, socket.glanced?.[2] === 1);
    });
  });
  const takeWaiting = (): void => {
    const [wall, until] = [wallTime(), now() + HEAR_MILLISECONDS];
    // Stops at packets that were logged after the call: under load there is always another one.
    take(group, () => group.announcedAt < wall && now() < until);
  };
  const { counters } = socket;
  const close = (): void => closeNetlink(socket);
  return done({ counters, takeGlanced: glancedOf(socket), takeWaiting, close });
}

/** Decodes a message into objects that are used again, calls `onRead` with its time stamp (milliseconds since
 * 1970), then `onPacket`. */
function readerOf(
  socket: NetlinkSocket,
  onPacket: OnAnnounced,
  onRead: (time: number) => void,
): OnMessage {
  const packet = createLoggedPacket();
  const span = { bytes: socket.reader.bytes, offset: 0, end: 0 };
  return (message, reader) => {
    if (message.type !== LOGGED_PACKET) return;
    if (readLoggedPacket(reader, message, packet) !== undefined) return;
    span.offset = packet.payloadAt;
    span.end = packet.payloadAt + packet.payloadLength;
    const mac = senderMac(reader, packet.senderAt);
    const age = ageOf(packet.time, wallTime());
    onRead(packet.time * 1000);
    const isNoted = socket.glanced?.[2] === 1;
    onPacket(logPrefix(reader, packet), span, mac, age, packet.iif === 0, isNoted);
  };
}

/** Reads the queued messages. `goesOn`: called after each datagram, when its bytes are no longer used. It may handle
 * a held packet, which may call takeWaiting. */
function take({ socket, onMessage, onLost }: Group, goesOn: () => boolean): void {
  let isLost = false;
  do {
    const got = receiveOnce(socket, onMessage);
    isLost ||= got === -sys.ENOBUFS;
    if (got === -sys.EAGAIN) break;
  } while (goesOn());
  if (isLost) onLost();
}
