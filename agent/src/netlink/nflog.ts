// netlink/nflog: copies of packets that rules `log` to a group: DNS answers in watch mode, and announcements of
// evidence ("whp:port:skype"). Decoding allocates nothing: one object is reused, with offsets into the receive
// buffer.
import {
  AF_UNSPEC,
  NFNL_SUBSYS_ULOG,
  NFULA_CFG_CMD,
  NFULA_CFG_FLAGS,
  NFULA_CFG_MODE,
  NFULA_CFG_NLBUFSIZ,
  NFULA_CFG_QTHRESH,
  NFULA_CFG_TIMEOUT,
  NFULA_HWADDR,
  NFULA_IFINDEX_INDEV,
  NFULA_IFINDEX_OUTDEV,
  NFULA_MARK,
  NFULA_PACKET_HDR,
  NFULA_PAYLOAD,
  NFULA_PREFIX,
  NFULA_SEQ,
  NFULA_TIMESTAMP,
  NFULNL_CFG_CMD_BIND,
  NFULNL_CFG_CMD_UNBIND,
  NFULNL_CFG_F_SEQ,
  NFULNL_COPY_PACKET,
  NFULNL_MSG_CONFIG,
  NFULNL_MSG_PACKET,
  NLA_TYPE_MASK,
  NLM_F_ACK,
  NLM_F_REQUEST,
} from './constants.ts';
import {
  getBe16,
  getBe32,
  getBe64,
  getText,
  getU16,
  type Message,
  type MessageReader,
} from './message.ts';
import { senderAt } from './sender.ts';
import {
  attributeBe16,
  attributeBe32,
  attributeU8,
  beginAttribute,
  beginMessage,
  endAttribute,
  endMessage,
  putBe32,
  putNetfilter,
  putU8,
  type Writer,
} from './writer.ts';

/** Message type of a logged packet. */
export const LOGGED_PACKET = (NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_PACKET;
const CONFIG = (NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_CONFIG;

export interface LogOptions {
  /** Bytes copied of each packet, 1..65535. */
  readonly copyRange: number;
  /** Packets that the kernel collects before it delivers; 1 = each at once. */
  readonly threshold: number;
  /** Longest wait for `threshold`, hundredths of a second. */
  readonly timeout: number;
  /** Bytes of the kernel's buffer for collected packets, at most 131072; 0 = its default. */
  readonly bufferSize: number;
}

/** Binds to `group` (0..65535) and configures it, in one acknowledged request. Errors: EBUSY the group is taken,
 * EPERM. Packets carry a sequence number, so that lost ones can be counted. */
export function putLogBind(w: Writer, seq: number, group: number, options: LogOptions): void {
  beginMessage(w, CONFIG, NLM_F_REQUEST | NLM_F_ACK, seq);
  putNetfilter(w, AF_UNSPEC, group);
  attributeU8(w, NFULA_CFG_CMD, NFULNL_CFG_CMD_BIND);
  const mode = beginAttribute(w, NFULA_CFG_MODE);
  putBe32(w, options.copyRange);
  putU8(w, NFULNL_COPY_PACKET);
  putU8(w, 0);
  endAttribute(w, mode);
  if (options.bufferSize > 0) attributeBe32(w, NFULA_CFG_NLBUFSIZ, options.bufferSize);
  attributeBe32(w, NFULA_CFG_TIMEOUT, options.timeout);
  attributeBe32(w, NFULA_CFG_QTHRESH, options.threshold);
  attributeBe16(w, NFULA_CFG_FLAGS, NFULNL_CFG_F_SEQ);
  endMessage(w);
}

/** Unbinds from `group`. */
export function putLogUnbind(w: Writer, seq: number, group: number): void {
  beginMessage(w, CONFIG, NLM_F_REQUEST | NLM_F_ACK, seq);
  putNetfilter(w, AF_UNSPEC, group);
  attributeU8(w, NFULA_CFG_CMD, NFULNL_CFG_CMD_UNBIND);
  endMessage(w);
}

/** One logged packet. Offsets are into the receive buffer and valid until the next receive. */
export interface LoggedPacket {
  group: number;
  /** EtherType: 0x0800, 0x86dd. */
  protocol: number;
  hook: number;
  mark: number;
  /** Interface indexes, 0 = none. */
  iif: number;
  oif: number;
  /** Grows by one a packet; a gap is a loss. */
  sequence: number;
  /** Time of reception by the kernel, seconds since 1970; 0 = no time stamp. */
  time: number;
  /** Offset of the sender's hardware address, 0 = none; senderMac reads it. */
  senderAt: number;
  /** The rule's prefix, without the closing NUL; logPrefix reads it. */
  prefixAt: number;
  prefixLength: number;
  /** The copied part of the IP packet; payloadLength 0 = none. */
  payloadAt: number;
  payloadLength: number;
}

export function createLoggedPacket(): LoggedPacket {
  return {
    group: 0,
    protocol: 0,
    hook: 0,
    mark: 0,
    iif: 0,
    oif: 0,
    sequence: 0,
    time: 0,
    senderAt: 0,
    prefixAt: 0,
    prefixLength: 0,
    payloadAt: 0,
    payloadLength: 0,
  };
}

/** Decodes message `m` (type LOGGED_PACKET) into `p`. Returns what is malformed, or undefined. */
export function readLoggedPacket(
  r: MessageReader,
  m: Message,
  p: LoggedPacket,
): string | undefined {
  const end = m.end;
  let at = m.body + 4;
  if (at > end) return 'logged packet: no nfgenmsg';
  Object.assign(p, BLANK);
  p.group = getBe16(r.bytes, m.body + 2);
  let headed = false;
  while (at + 4 <= end) {
    const length = getU16(r, at);
    if (length < 4 || length > end - at) return `logged packet: attribute length ${length}`;
    const type = getU16(r, at + 2) & NLA_TYPE_MASK;
    if (type === NFULA_PACKET_HDR) {
      if (length < 7) return 'logged packet: header attribute too short';
      p.protocol = getBe16(r.bytes, at + 4);
      p.hook = r.bytes[at + 6]!;
      headed = true;
    } else {
      readLogAttribute(r.bytes, at, length, type, p);
    }
    at += (length + 3) & ~3;
  }
  return headed ? undefined : 'logged packet: no packet header';
}

const BLANK = createLoggedPacket();

function readLogAttribute(
  b: Uint8Array,
  at: number,
  length: number,
  type: number,
  p: LoggedPacket,
): void {
  if (type === NFULA_PAYLOAD) {
    p.payloadAt = at + 4;
    p.payloadLength = length - 4;
  } else if (type === NFULA_PREFIX) {
    p.prefixAt = at + 4;
    p.prefixLength = length > 4 && b[at + length - 1] === 0 ? length - 5 : length - 4;
  } else if (length >= 8) {
    if (type === NFULA_IFINDEX_INDEV) p.iif = getBe32(b, at + 4);
    else if (type === NFULA_IFINDEX_OUTDEV) p.oif = getBe32(b, at + 4);
    else if (type === NFULA_MARK) p.mark = getBe32(b, at + 4);
    else if (type === NFULA_HWADDR) p.senderAt = senderAt(b, at, length);
    else if (type === NFULA_SEQ) p.sequence = getBe32(b, at + 4);
    else if (type === NFULA_TIMESTAMP && length >= 20) {
      p.time = getBe64(b, at + 4) + getBe64(b, at + 12) / 1e6;
    }
  }
}

/** The rule's log prefix as text. */
export function logPrefix(r: MessageReader, p: LoggedPacket): string {
  return getText(r.bytes, p.prefixAt, p.prefixLength);
}
