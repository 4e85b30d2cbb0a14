// kernel/announced-feed: packets that the ruleset tells us of while they pass (NFLOG). Unwraps the messages and hands
// out spans of the receive buffer, valid until the callback returns. No decision is made here.

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
import { DRAIN, type Feed, openFeed, WHOLE_PACKET } from './feed-socket.ts';
import { closeNetlink, type OnMessage, receiveOnce } from './netlink-socket.ts';
import { heldFirst } from './yield-to-held.ts';

/** Whole packets, where the rule says no less: the feeds that are about headers do (HEADER_SNAPLEN). */
const COPY_LOGGED = 0xffff;

export interface AnnouncedFeed extends Feed {
  /** Takes in what waits by now, in HEAR_MILLISECONDS at most. */
  takeWaiting(): void;
}

/** An answer may wait for its query for so long; what is not read by then is refused, and asked for again. */
const HEAR_MILLISECONDS = 100;

/** Longer than the watchdog lets any packet wait: the clock was set in between. */
const OLDEST_MILLISECONDS = 6000;

/** Milliseconds from `stamp` (seconds since 1970, 0 = the kernel put none) to `wall`; 0 is unknown. */
function ageOf(stamp: number, wall: number): number {
  const age = wall - stamp * 1000;
  return stamp === 0 || age < 0 || age > OLDEST_MILLISECONDS ? 0 : age;
}

/** A packet with its prefix, the MAC of its sender (null: none), its age in milliseconds and whether the
 * router itself sends it. */
export type OnAnnounced = (
  prefix: string,
  span: PacketSpan,
  mac: string | null,
  age: number,
  isOwn: boolean,
) => void;

/** Receives the packets of NFLOG group `number`; `onLost` when the kernel had more than we took (ENOBUFS).
 * `buffer`: bytes of the longest message. */
export function openAnnounced(
  number: number,
  onPacket: OnAnnounced,
  onLost: () => void,
  buffer = WHOLE_PACKET,
): KernelResult<AnnouncedFeed> {
  const options = { copyRange: COPY_LOGGED, threshold: 1, timeout: 1, bufferSize: 0 };
  const opened = openFeed({ buffer }, `log group ${number}`, (w, seq) =>
    putLogBind(w, seq, number, options),
  );
  if (!opened.ok) return opened;
  const socket = opened.value;
  const packet = createLoggedPacket();
  /** When the last one was announced, milliseconds since 1970; 0: the kernel put no time. */
  let announcedAt = 0;
  const span = { bytes: socket.reader.bytes, offset: 0, end: 0 };
  const onMessage: OnMessage = (message, reader) => {
    if (message.type !== LOGGED_PACKET) return;
    if (readLoggedPacket(reader, message, packet) !== undefined) return;
    span.offset = packet.payloadAt;
    span.end = packet.payloadAt + packet.payloadLength;
    const mac = senderMac(reader, packet.senderAt);
    const age = ageOf(packet.time, wallTime());
    announcedAt = packet.time * 1000;
    onPacket(logPrefix(reader, packet), span, mac, age, packet.iif === 0);
  };
  /** `goesOn`: asked after every datagram, when its bytes are not needed any more: who is held may ask for
   * what waits here. */
  const take = (goesOn: () => boolean): void => {
    let isLost = false;
    do {
      const got = receiveOnce(socket, onMessage);
      isLost ||= got === -sys.ENOBUFS;
      if (got === -sys.EAGAIN) break;
    } while (goesOn());
    if (isLost) onLost();
  };
  os.setReadHandler(socket.fd, () => {
    const began = now();
    let taken = 0;
    take(() => {
      heldFirst(now() - began);
      taken += 1;
      return taken < DRAIN;
    });
  });
  const takeWaiting = (): void => {
    const [wall, until] = [wallTime(), now() + HEAR_MILLISECONDS];
    // What is announced from now on is not waited for: under load there would be no end to it.
    take(() => announcedAt < wall && now() < until);
  };
  const { counters } = socket;
  return done({ counters, takeWaiting, close: () => closeNetlink(socket) });
}
