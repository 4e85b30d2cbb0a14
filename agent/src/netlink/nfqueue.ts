// netlink/nfqueue: packets that the kernel holds for the agent (nft `queue`), and the verdicts that release them.
// This is the hot path (receive, decode, learn, commit, verdict) in an interpreter on a 24K core: decoding fills one
// reused object, and a verdict writes eight bytes.
import {
  AF_UNSPEC,
  NFNL_SUBSYS_QUEUE,
  NFQA_CAP_LEN,
  NFQA_CFG_CMD,
  NFQA_CFG_FLAGS,
  NFQA_CFG_MASK,
  NFQA_CFG_PARAMS,
  NFQA_CFG_QUEUE_MAXLEN,
  NFQA_HWADDR,
  NFQA_IFINDEX_INDEV,
  NFQA_IFINDEX_OUTDEV,
  NFQA_MARK,
  NFQA_PACKET_HDR,
  NFQA_PAYLOAD,
  NFQA_TIMESTAMP,
  NFQA_VERDICT_HDR,
  NFQNL_CFG_CMD_BIND,
  NFQNL_COPY_PACKET,
  NFQNL_MSG_CONFIG,
  NFQNL_MSG_PACKET,
  NFQNL_MSG_VERDICT,
  NLA_TYPE_MASK,
  NLM_F_ACK,
  NLM_F_REQUEST,
} from './constants.ts';
import { type ByteOrder, hostOrder } from './endian.ts';
import { getBe16, getBe32, getBe64, type Message, type MessageReader } from './message.ts';
import { senderAt } from './sender.ts';
import {
  attributeBe32,
  beginAttribute,
  beginMessage,
  createWriter,
  endAttribute,
  endMessage,
  putBe16,
  putBe32,
  putNetfilter,
  putU8,
  type Writer,
} from './writer.ts';

/** Message type of a packet the kernel sends to a queue. */
export const QUEUED_PACKET = (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET;
const CONFIG = (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_CONFIG;
const VERDICT = (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_VERDICT;

export interface QueueOptions {
  /** Bytes copied of each packet, 0..65535. */
  readonly copyRange: number;
  /** Packets that the kernel holds at most; more are dropped, or accepted (NFQA_CFG_F_FAIL_OPEN). */
  readonly maxLength: number;
  /** NFQA_CFG_F_* bits to set. */
  readonly flags: number;
}

/** Binds to `queue` (0..65535) and configures it, in one acknowledged request. Errors: EBUSY the
 * queue is taken, EPERM, EOPNOTSUPP an unknown flag. */
export function putQueueBind(w: Writer, seq: number, queue: number, options: QueueOptions): void {
  beginMessage(w, CONFIG, NLM_F_REQUEST | NLM_F_ACK, seq);
  putNetfilter(w, AF_UNSPEC, queue);
  putQueueCommand(w, NFQNL_CFG_CMD_BIND);
  const params = beginAttribute(w, NFQA_CFG_PARAMS);
  putBe32(w, options.copyRange);
  putU8(w, NFQNL_COPY_PACKET);
  endAttribute(w, params);
  attributeBe32(w, NFQA_CFG_QUEUE_MAXLEN, options.maxLength);
  if (options.flags !== 0) {
    attributeBe32(w, NFQA_CFG_MASK, options.flags);
    attributeBe32(w, NFQA_CFG_FLAGS, options.flags);
  }
  endMessage(w);
}

/** struct nfqnl_msg_config_cmd: command, padding, protocol family (ignored since Linux 3.8). */
export function putQueueCommand(w: Writer, command: number): void {
  const at = beginAttribute(w, NFQA_CFG_CMD);
  putU8(w, command);
  putU8(w, 0);
  putBe16(w, AF_UNSPEC);
  endAttribute(w, at);
}

/** One held packet. Offsets are into the receive buffer and valid until the next receive. */
export interface QueuedPacket {
  queue: number;
  id: number;
  /** EtherType: 0x0800, 0x86dd. */
  protocol: number;
  hook: number;
  mark: number;
  /** Interface indexes, 0 = none. */
  iif: number;
  oif: number;
  /** Time of reception by the kernel, seconds since 1970; 0 = no time stamp (locally generated). */
  time: number;
  /** Offset of the sender's hardware address, 0 = none; senderMac reads it. */
  senderAt: number;
  /** The copied part of the IP packet; payloadLength 0 = none. */
  payloadAt: number;
  payloadLength: number;
  /** Full length of the packet if the copy was cut, else payloadLength. */
  fullLength: number;
}

export function createQueuedPacket(): QueuedPacket {
  return {
    queue: 0,
    id: 0,
    protocol: 0,
    hook: 0,
    mark: 0,
    iif: 0,
    oif: 0,
    time: 0,
    senderAt: 0,
    payloadAt: 0,
    payloadLength: 0,
    fullLength: 0,
  };
}

/** Decodes message `m` (type QUEUED_PACKET) into `p`. Returns what is malformed, or undefined. */
export function readQueuedPacket(
  r: MessageReader,
  m: Message,
  p: QueuedPacket,
): string | undefined {
  const b = r.bytes;
  const end = m.end;
  let at = m.body + 4;
  if (at > end) return 'queued packet: no nfgenmsg';
  p.queue = getBe16(b, m.body + 2);
  p.mark = 0;
  p.iif = 0;
  p.oif = 0;
  p.time = 0;
  p.senderAt = 0;
  p.payloadAt = 0;
  p.payloadLength = 0;
  p.fullLength = 0;
  let identified = false;
  // Offsets of the low and high byte of a 16-bit host number: some twenty calls of getU16 would cost as much as all
  // the rest.
  const low = r.little ? 0 : 1;
  const high = 1 - low;
  while (at + 4 <= end) {
    const length = b[at + low]! | (b[at + high]! << 8);
    if (length < 4 || length > end - at) return `queued packet: attribute length ${length}`;
    const type = (b[at + 2 + low]! | (b[at + 2 + high]! << 8)) & NLA_TYPE_MASK;
    if (type === NFQA_PAYLOAD) {
      p.payloadAt = at + 4;
      p.payloadLength = length - 4;
    } else if (type === NFQA_PACKET_HDR) {
      if (length < 11) return 'queued packet: header attribute too short';
      p.id = getBe32(b, at + 4);
      p.protocol = getBe16(b, at + 8);
      p.hook = b[at + 10]!;
      identified = true;
    } else if (length >= 8) {
      if (type === NFQA_IFINDEX_OUTDEV) p.oif = getBe32(b, at + 4);
      else if (type === NFQA_IFINDEX_INDEV) p.iif = getBe32(b, at + 4);
      else if (type === NFQA_MARK) p.mark = getBe32(b, at + 4);
      else if (type === NFQA_CAP_LEN) p.fullLength = getBe32(b, at + 4);
      else if (type === NFQA_HWADDR) p.senderAt = senderAt(b, at, length);
      else if (type === NFQA_TIMESTAMP && length >= 20) {
        p.time = getBe64(b, at + 4) + getBe64(b, at + 12) / 1e6;
      }
    }
    at += (length + 3) & ~3;
  }
  if (!identified) return 'queued packet: no packet id';
  if (p.fullLength < p.payloadLength) p.fullLength = p.payloadLength;
  return undefined;
}

/** Bytes of one verdict message without mark. */
const VERDICT_SIZE = 32;

/** Prepared verdict messages of one queue; addVerdict fills in only verdict and id. */
export interface Verdicts {
  readonly buffer: ArrayBuffer;
  readonly bytes: Uint8Array;
  readonly capacity: number;
  /** Verdicts that are not sent yet. */
  count: number;
}

/** Room for `capacity` verdicts, sent with one send(). Without NLM_F_ACK, since an acknowledgement for each would
 * double the work; errors (ENOENT: the packet is gone) are reported anyway. */
export function createVerdicts(
  queue: number,
  capacity: number,
  order: ByteOrder = hostOrder,
): Verdicts {
  const buffer = new ArrayBuffer(capacity * VERDICT_SIZE);
  const w = { ...createWriter(1, order), bytes: new Uint8Array(buffer) };
  for (let i = 0; i < capacity; i++) {
    beginMessage(w, VERDICT, NLM_F_REQUEST, 0);
    putVerdictBody(w, queue, 0, 0);
    endMessage(w);
  }
  return { buffer, bytes: w.bytes, capacity, count: 0 };
}

/** Adds the verdict (NF_ACCEPT, NF_DROP, NF_REPEAT) on packet `id`; false: full, send first. */
export function addVerdict(v: Verdicts, id: number, verdict: number): boolean {
  if (v.count >= v.capacity) return false;
  const b = v.bytes;
  const at = v.count * VERDICT_SIZE + 24;
  b[at + 3] = verdict;
  b[at + 4] = id >>> 24;
  b[at + 5] = id >>> 16;
  b[at + 6] = id >>> 8;
  b[at + 7] = id;
  v.count += 1;
  return true;
}

/** Bytes to send from the start of `buffer`, which is empty again for the next verdict. */
export function takeVerdicts(v: Verdicts): number {
  const length = v.count * VERDICT_SIZE;
  v.count = 0;
  return length;
}

function putVerdictBody(w: Writer, queue: number, id: number, verdict: number): void {
  putNetfilter(w, AF_UNSPEC, queue);
  const at = beginAttribute(w, NFQA_VERDICT_HDR);
  putBe32(w, verdict);
  putBe32(w, id);
  endAttribute(w, at);
}
