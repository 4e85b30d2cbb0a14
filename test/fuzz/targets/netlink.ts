// netlink/: every decoder of the kernel's messages on the same bytes, in both byte orders (by the first bit of
// the header's port). No byte outside the message is read.
import { readAddress } from '../../../agent/src/netlink/address.ts';
import { readConnection } from '../../../agent/src/netlink/conntrack.ts';
import { readLink } from '../../../agent/src/netlink/kernel-link.ts';
import {
  createMessage,
  createReader,
  type Decoded,
  type Message,
  type MessageReader,
  readAck,
  readMessage,
} from '../../../agent/src/netlink/message.ts';
import {
  createLoggedPacket,
  logPrefix,
  readLoggedPacket,
} from '../../../agent/src/netlink/nflog.ts';
import { createQueuedPacket, readQueuedPacket } from '../../../agent/src/netlink/nfqueue.ts';
import { readCounter } from '../../../agent/src/netlink/nft-counter.ts';
import { readRoute } from '../../../agent/src/netlink/route.ts';
import { readRouteEvent } from '../../../agent/src/netlink/rt-event.ts';
import { readRule } from '../../../agent/src/netlink/rule.ts';
import { senderMac } from '../../../agent/src/netlink/sender.ts';
import { parseAddress, parseCidr } from '../../../agent/src/wire/address.ts';
import { readElements } from '../../fixtures/netlink-elements.ts';
import { netlinkSeeds } from '../../fixtures/netlink-seeds.ts';
import type { Random } from '../random.ts';
import { isolated, kindOf, must, type Target } from '../target.ts';

type Decoder = (r: MessageReader, m: Message) => string;

const queued = createQueuedPacket();
const logged = createLoggedPacket();

function said<T>(
  read: (r: MessageReader, m: Message) => Decoded<T>,
  check: (value: T) => void,
): Decoder {
  return (r, m) => {
    const decoded = read(r, m);
    if (!decoded.ok) return decoded.reason.replace(/at \d+/g, 'at');
    check(decoded.value);
    return JSON.stringify(decoded.value);
  };
}

function isAddress(text: string | null): void {
  must(text === null || parseAddress(text) !== null, `${text} is no address`);
}

const DECODERS: readonly Decoder[] = [
  said(readElements, ({ elements }) => {
    for (const { key, keyEnd } of elements) {
      must(key.length < 0x10000 && (keyEnd?.length ?? 0) < 0x10000, 'a key longer than a message');
    }
  }),
  said(readCounter, ({ packets, bytes }) => must(packets >= 0 && bytes >= 0, 'a count')),
  said(readRouteEvent, () => {}),
  said(readConnection, ({ original, reply }) => {
    for (const { source, destination } of [original, reply]) {
      isAddress(source);
      isAddress(destination);
    }
  }),
  said(readLink, ({ name, gre }) => {
    must(name.length <= 1024, 'a name without end');
    isAddress(gre?.local ?? null);
    isAddress(gre?.remote ?? null);
  }),
  said(readAddress, ({ address, peer }) => {
    isAddress(address);
    isAddress(peer);
  }),
  said(readRoute, ({ destination, gateway }) => {
    // The prefix length is the kernel's number; only the address before it is checked.
    must(destination === null || parseCidr(destination.split('/')[0]!) !== null, 'a destination');
    isAddress(gateway);
  }),
  said(readRule, () => {}),
  said(readAck, ({ errno }) => must(Number.isInteger(errno), 'errno')),
  (r, m) => {
    const reason = readQueuedPacket(r, m, queued);
    if (reason !== undefined) return reason;
    return (
      spanOf(r, m, queued.payloadAt, queued.payloadLength) +
      `${senderOf(r, m, queued.senderAt)} ${JSON.stringify({ ...queued, payloadAt: 0, senderAt: 0 })}`
    );
  },
  (r, m) => {
    const reason = readLoggedPacket(r, m, logged);
    if (reason !== undefined) return reason;
    const span = spanOf(r, m, logged.payloadAt, logged.payloadLength);
    const rest = { ...logged, payloadAt: 0, prefixAt: 0, senderAt: 0 };
    const sender = senderOf(r, m, logged.senderAt);
    return `${span} ${sender} ${logPrefix(r, logged)} ${JSON.stringify(rest)}`;
  },
];

function senderOf(r: MessageReader, m: Message, at: number): string | null {
  must(at === 0 || (at >= m.body && at + 6 <= m.end), 'a sender outside its message');
  return senderMac(r, at);
}

function spanOf(r: MessageReader, m: Message, at: number, length: number): string {
  must(length === 0 || (at >= m.body && at + length <= m.end), 'a packet outside its message');
  return r.bytes.subarray(at, at + length).join();
}

const SHAPES = [
  'elements',
  'nft',
  'event',
  'ct',
  'link',
  'address',
  'route',
  'rule',
  'ack',
  'held',
  'log',
];

function decode(bytes: Uint8Array, offset: number, end: number, decoder: number): string {
  const order = end - offset > 12 && (bytes[offset + 12]! & 1) === 1 ? 'big' : 'little';
  const r = createReader(bytes, order);
  const m = createMessage();
  const out: string[] = [];
  for (let at = offset, count = 0; at < end && count < 64; count++) {
    const next = readMessage(r, at, end, m);
    if (next < 0) {
      out.push('no message');
      break;
    }
    must(
      next > at && next <= end && m.body <= m.end && m.end <= end,
      'a message outside the buffer',
    );
    out.push(`${m.type} ${DECODERS[decoder]!(r, m)}`);
    at = next;
  }
  return `${SHAPES[decoder]} ${order} ${out.join('\n')}`;
}

/** Corrects type, length and byte order of the first header, so that the decoders behind it are reached. */
function mend(bytes: Uint8Array, length: number, random: Random): number {
  if (length < 16 || random.once(6)) return length;
  const big = (bytes[12]! & 1) === 1;
  for (let i = 0; i < 4; i++) bytes[big ? 3 - i : i] = length >>> (8 * i);
  return length;
}

function marked(message: Uint8Array, big: boolean): Uint8Array {
  message[12] = big ? 1 : 0;
  return message;
}

/** One target for each decoder, so that the name of a crasher names the decoder. */
export const netlink: readonly Target[] = SHAPES.map((shape, decoder) => ({
  name: `netlink-${shape}`,
  weight: 3,
  seeds: [
    ...netlinkSeeds('little').map((message) => marked(message, false)),
    ...netlinkSeeds('big').map((message) => marked(message, true)),
  ],
  mend,
  run: (input: Uint8Array, random: Random) => {
    const read = (bytes: Uint8Array, offset: number, end: number) =>
      decode(bytes, offset, end, decoder);
    const text = isolated(input, random, read);
    return kindOf(text.slice(0, 400))
      .replace(/:#|:null|:true|:false/g, '')
      .slice(0, 160);
  },
}));
