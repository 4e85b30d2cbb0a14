// Probe: packets over loopback through rules: matched by a set, logged, held in a queue until the verdict,
// marked and tracked.

import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import {
  closeNetlink,
  type NetlinkSocket,
  receive,
  request,
  sendBytes,
  takeSequence,
} from '../../agent/src/kernel/netlink-socket.ts';
import {
  CONNTRACK_ENTRY,
  type Connection,
  readConnection,
} from '../../agent/src/netlink/conntrack.ts';
import { putConntrackDelete, putConntrackDump } from '../../agent/src/netlink/conntrack-request.ts';
import {
  NETLINK_NETFILTER,
  NF_ACCEPT,
  NF_DROP,
  NFQA_CFG_F_FAIL_OPEN,
} from '../../agent/src/netlink/constants.ts';
import {
  createLoggedPacket,
  LOGGED_PACKET,
  logPrefix,
  putLogBind,
  putLogUnbind,
  readLoggedPacket,
} from '../../agent/src/netlink/nflog.ts';
import {
  addVerdict,
  createQueuedPacket,
  createVerdicts,
  putQueueBind,
  QUEUED_PACKET,
  readQueuedPacket,
  takeVerdicts,
} from '../../agent/src/netlink/nfqueue.ts';
import { putQueueUnbind, putVerdictBatch } from '../fixtures/netlink-requests.ts';
import { breathe, claim, holds, Skip, same } from './claims.ts';
import { NF_INET_LOCAL_OUT } from './nft-constants.ts';
import { log, verdict } from './nft-expression.ts';
import {
  ctMark,
  pairIn,
  putChain,
  putRule,
  putSet,
  putTable,
  queueTo,
  udpTo,
} from './nft-ruleset.ts';
import { ask, changeSets, list, must, netfilter, nftBatch, open, TABLE } from './probe-socket.ts';
import { key } from './probe-state.ts';
import { openUdp, receiveUdp, sendUdp } from './udp.ts';

const GROUP = 5311;
const QUEUE = 5311;
const LOGGED = 5401;
const QUEUED = 5402;
const MATCHED = 5403;
const TRACKED = 5404;
const MARK = 0x03000000;

export async function provePackets(): Promise<void> {
  const made = claim('chain-and-rules', () => {
    const out = (...expressions: Parameters<typeof putRule>[4]) => {
      const build = (w: Parameters<typeof putRule>[0], seq: number) =>
        putRule(w, seq, TABLE, 'out', expressions);
      return build;
    };
    const outcome = nftBatch([
      (w, seq) => putTable(w, seq, TABLE),
      (w, seq) => putSet(w, seq, TABLE, 'pair', [4, 4]),
      (w, seq) => putChain(w, seq, TABLE, 'out', NF_INET_LOCAL_OUT, 0),
      out(...udpTo(LOGGED), log(GROUP, 'whp:answer')),
      out(...udpTo(MATCHED), ...pairIn('pair'), verdict(NF_DROP)),
      out(...udpTo(TRACKED), ...ctMark(MARK)),
    ]);
    same(outcome, { errno: 0, refused: [] });
  });
  if (!made) return;
  const sender = openUdp(0);
  for (const prove of [proveSetMatch, proveLog, proveConntrack, proveQueue]) {
    await breathe();
    await prove(sender);
  }
  nftBatch([(w, seq) => putTable(w, seq, TABLE, true)]);
}

function proveSetMatch(sender: number): void {
  const sink = openUdp(MATCHED);
  claim('set-matches-packets', () => {
    sendUdp(sender, MATCHED, 'before');
    same(receiveUdp(sink), 'before');
    const element = { key: key('127.0.0.1', '127.0.0.1'), timeout: 300 };
    same(changeSets([{ operation: 'add', set: 'pair', elements: [element] }]).errno, 0, 'errno');
    sendUdp(sender, MATCHED, 'matched');
    same(receiveUdp(sink), null, 'a packet that has to be dropped');
    os.sleep(500);
    sendUdp(sender, MATCHED, 'after');
    same(receiveUdp(sink), 'after');
  });
  os.close(sink);
}

function proveLog(sender: number): void {
  const sink = openUdp(LOGGED);
  const log = open(NETLINK_NETFILTER);
  const options = { copyRange: 128, threshold: 1, timeout: 1, bufferSize: 0 };
  const bound = claim('nflog-bind', () => {
    must(log, 'bind', (w, seq) => putLogBind(w, seq, GROUP, options), [sys.EINVAL, sys.EOPNOTSUPP]);
  });
  if (!bound) return;
  claim('nflog-receive', () => {
    for (let i = 0; i < 3; i++) sendUdp(sender, LOGGED, `packet ${i}`);
    const packet = createLoggedPacket();
    const seen: unknown[] = [];
    wait(log, 3, (m, r) => {
      if (m.type !== LOGGED_PACKET) return false;
      const reason = readLoggedPacket(r, m, packet);
      if (reason) throw new Error(reason);
      const text = String.fromCharCode(
        ...r.bytes.subarray(packet.payloadAt + 28, packet.payloadAt + packet.payloadLength),
      );
      seen.push([packet.group, packet.protocol, packet.hook, packet.oif, packet.sequence]);
      seen.push([logPrefix(r, packet), r.bytes[packet.payloadAt], text]);
      return true;
    });
    const wanted = [0, 1, 2].flatMap((i) => [
      [GROUP, 0x0800, NF_INET_LOCAL_OUT, 1, i],
      ['whp:answer', 0x45, `packet ${i}`],
    ]);
    same(seen, wanted);
  });
  claim('nflog-unbind', () => must(log, 'unbind', (w, seq) => putLogUnbind(w, seq, GROUP)));
  closeNetlink(log);
  os.close(sink);
}

/** Receives until `count` relevant messages, 300 ms at most. */
function wait(
  socket: NetlinkSocket,
  count: number,
  onMessage: (...args: Parameters<Parameters<typeof receive>[1]>) => boolean,
): void {
  const until = sys.monotonic() + 300;
  let seen = 0;
  while (seen < count && sys.monotonic() < until) {
    const errno = receive(socket, (m, r) => {
      if (onMessage(m, r)) seen += 1;
    });
    if (errno !== 0) throw new Error(`receive: errno ${errno}`);
    if (seen < count) os.sleep(1);
  }
}

function proveConntrack(sender: number): void {
  const sink = openUdp(TRACKED);
  const flows = (mark: number, mask: number): Connection[] =>
    list(
      netfilter,
      (w, seq) => putConntrackDump(w, seq, 4, mark, mask),
      (r, m) =>
        m.type === CONNTRACK_ENTRY ? readConnection(r, m) : { ok: false, reason: `${m.type}` },
    ).filter((c) => c.original.destinationPort === TRACKED);
  let flow: Connection | undefined;
  claim('conntrack-dump', () => {
    sendUdp(sender, TRACKED, 'tracked');
    same(receiveUdp(sink), 'tracked');
    flow = flows(MARK, 0x0f000000)[0];
    if (flow === undefined) throw new Error(`not among ${JSON.stringify(flows(0, 0))}`);
    const { original, reply, mark, family } = flow;
    same(
      [original.source, original.destination, original.protocol],
      ['127.0.0.1', '127.0.0.1', 17],
    );
    same(reply.destinationPort, original.sourcePort, 'reply port');
    same([mark, family], [MARK, 4]);
    holds(flow.id !== 0 && (flow.status & 8) !== 0 && flow.timeout > 0, JSON.stringify(flow));
    same(flows(0x04000000, 0x0f000000), [], 'another mark');
  });
  claim('conntrack-delete', () => {
    if (flow === undefined) throw new Skip('no entry');
    const entry = flow;
    const other = { ...entry, id: (entry.id ^ 1) >>> 0 };
    same(
      ask(netfilter, (w, seq) => putConntrackDelete(w, seq, other)),
      sys.ENOENT,
      'other id',
    );
    must(netfilter, 'delete', (w, seq) => putConntrackDelete(w, seq, entry));
    same(flows(MARK, 0x0f000000), [], 'what is left');
    same(
      ask(netfilter, (w, seq) => putConntrackDelete(w, seq, entry)),
      sys.ENOENT,
      'again',
    );
  });
  os.close(sink);
}

async function proveQueue(sender: number): Promise<void> {
  const queue = open(NETLINK_NETFILTER, { silentOverrun: true, receiveQueue: 1 << 20 });
  const options = { copyRange: 0xffff, maxLength: 1024, flags: NFQA_CFG_F_FAIL_OPEN };
  const lacking = [sys.EINVAL, sys.EOPNOTSUPP];
  const bound = claim('nfqueue-bind', () => {
    must(queue, 'bind', (w, seq) => putQueueBind(w, seq, QUEUE, options), lacking);
  });
  const ruled = claim('nfqueue-rule', () => {
    const added = nftBatch([
      (w, seq) => putRule(w, seq, TABLE, 'out', [...udpTo(QUEUED), queueTo(QUEUE)]),
    ]);
    if (added.errno === sys.ENOENT && !scriptArgs.includes('--strict')) {
      throw new Skip(`this kernel has no nft queue: errno ${added.errno}`);
    }
    same(added.errno, 0, 'errno');
  });
  if (bound && ruled) await proveVerdicts(queue, sender);
  if (bound) {
    claim('nfqueue-unbind', () => must(queue, 'unbind', (w, seq) => putQueueUnbind(w, seq, QUEUE)));
  }
  closeNetlink(queue);
}

async function proveVerdicts(queue: NetlinkSocket, sender: number): Promise<void> {
  const sink = openUdp(QUEUED);
  const packet = createQueuedPacket();
  const held = (count: number): [number, string][] => {
    const ids: [number, string][] = [];
    wait(queue, count, (m, r) => {
      if (m.type !== QUEUED_PACKET) return false;
      const reason = readQueuedPacket(r, m, packet);
      if (reason) throw new Error(reason);
      same([packet.queue, packet.protocol, packet.hook], [QUEUE, 0x0800, NF_INET_LOCAL_OUT]);
      same([packet.oif, packet.fullLength], [1, packet.payloadLength]);
      const end = packet.payloadAt + packet.payloadLength;
      ids.push([packet.id, String.fromCharCode(...r.bytes.subarray(packet.payloadAt + 28, end))]);
      return true;
    });
    return ids;
  };
  const verdicts = createVerdicts(QUEUE, 16);
  const judge = (): void => {
    same(sendBytes(queue, verdicts.buffer, takeVerdicts(verdicts)), 0, 'errno of the verdicts');
  };
  claim('nfqueue-held-then-accepted', () => {
    sendUdp(sender, QUEUED, 'held');
    same(receiveUdp(sink, 20), null, 'a packet before its verdict');
    const [first] = held(1);
    same(first?.[1], 'held');
    addVerdict(verdicts, first![0], NF_ACCEPT);
    judge();
    same(receiveUdp(sink), 'held');
  });
  claim('nfqueue-dropped', () => {
    sendUdp(sender, QUEUED, 'dropped');
    addVerdict(verdicts, held(1)[0]![0], NF_DROP);
    judge();
    same(receiveUdp(sink), null, 'a dropped packet');
  });
  await breathe();
  claim('nfqueue-many-verdicts-in-one-send', () => {
    for (let i = 0; i < 8; i++) sendUdp(sender, QUEUED, `m${i}`);
    const ids = held(8);
    same(ids.length, 8, 'held');
    ids.forEach(([id], i) => {
      addVerdict(verdicts, id, i % 2 === 0 ? NF_ACCEPT : NF_DROP);
    });
    judge();
    same(
      [0, 1, 2, 3, 4].map(() => receiveUdp(sink, 30)),
      ['m0', 'm2', 'm4', 'm6', null],
    );
  });
  await breathe();
  claim('nfqueue-verdict-batch', () => {
    for (let i = 0; i < 5; i++) sendUdp(sender, QUEUED, `b${i}`);
    const ids = held(5).map(([id]) => id);
    const w = request(queue);
    putVerdictBatch(w, takeSequence(queue), QUEUE, ids[4]!, NF_ACCEPT);
    same(sendBytes(queue, w.bytes.buffer as ArrayBuffer, w.length), 0, 'errno');
    same(
      [0, 1, 2, 3, 4, 5].map(() => receiveUdp(sink, 30)),
      ['b0', 'b1', 'b2', 'b3', 'b4', null],
    );
  });
  os.close(sink);
}
