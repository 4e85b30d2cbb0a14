// netlink/nflog and netlink/nfqueue: configuration, verdicts, and packets decoded from recordings,
// in both byte orders; malformed packets give a reason.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NF_ACCEPT, NF_DROP, NFQA_CFG_F_FAIL_OPEN } from '../../../agent/src/netlink/constants.ts';
import { createReader } from '../../../agent/src/netlink/message.ts';
import {
  createLoggedPacket,
  LOGGED_PACKET,
  logPrefix,
  putLogBind,
  putLogUnbind,
  readLoggedPacket,
} from '../../../agent/src/netlink/nflog.ts';
import {
  addVerdict,
  createQueuedPacket,
  createVerdicts,
  putQueueBind,
  QUEUED_PACKET,
  readQueuedPacket,
  takeVerdicts,
} from '../../../agent/src/netlink/nfqueue.ts';
import { senderMac } from '../../../agent/src/netlink/sender.ts';
import { createWriter, type Writer } from '../../../agent/src/netlink/writer.ts';
import { fromHex } from '../../fixtures/bytes.ts';
import { asBigEndian, firstMessage, groups, toHex, written } from '../../fixtures/netlink-hex.ts';
import { putQueueUnbind, putVerdictBatch } from '../../fixtures/netlink-requests.ts';

const ORDERS = ['little', 'big'] as const;

function hex(put: (w: Writer) => void, order: 'little' | 'big' = 'little'): string {
  const w = createWriter(8, order);
  put(w);
  return written(w);
}

/** UDP 127.0.0.1:5400 -> :5401 "hello", logged in the output hook. */
const LOGGED = fromHex(`
  74000000 00040000 00000000 00000000 020014bf 08000100 08000300 0f000a00 7768703a 616e7377
  65720000 08000500 00000001 08000b00 00000000 08000e00 00000000 08000c00 00000000 25000900
  45000021 fa324000 40114297 7f000001 7f000001 15181519 000dfe20 68656c6c 6f000000`);

/** Built after nfnetlink_queue.c: header, in and out device, mark, time, length, payload. */
const QUEUED = fromHex(`
  6c000000 00030000 00000000 00000000 020014b4 0b000100 00000102 08000200
  08000500 00000003 08000600 00000004 08000300 01000000
  14000400 00000000 65000000 00000000 0007a120 08000d00 00000200
  08000e00 00000000 10000a00 45000021 fa324000 40114297`);

test('binding to a log group sets everything in one message', () => {
  const options = { copyRange: 0x1ff, threshold: 1, timeout: 10, bufferSize: 0x10000 };
  assert.is(
    hex((w) => putLogBind(w, 1, 5300, options)),
    groups(`48000000 01040500 01000000 00000000 000014b4 05000100 01000000
      0a000200 000001ff 02000000 08000300 00010000 08000400 0000000a 08000500 00000001
      06000600 00010000`),
  );
  assert.is(
    hex((w) => putLogUnbind(w, 1, 5300), 'big'),
    '0000001c 04010005 00000001 00000000 000014b4 00050001 02000000',
  );
});

test('a logged packet, both orders', () => {
  for (const order of ORDERS) {
    const bytes = order === 'little' ? LOGGED : asBigEndian(LOGGED);
    const m = firstMessage(bytes, order === 'little')!;
    assert.is(m.type, LOGGED_PACKET);
    const r = createReader(bytes, order);
    const p = { ...createLoggedPacket(), mark: 7, iif: 7 };
    assert.is(readLoggedPacket(r, m, p), undefined);
    assert.equal(
      [p.group, p.protocol, p.hook, p.oif, p.iif, p.mark, p.payloadLength],
      [5311, 0x0800, 3, 1, 0, 0, 33],
    );
    assert.is(logPrefix(r, p), 'whp:answer');
    assert.is(toHex(bytes.subarray(p.payloadAt, p.payloadAt + 4)), '45000021');
  }
});

test('binding to a queue sets everything in one message', () => {
  const options = { copyRange: 0xffff, maxLength: 1024, flags: NFQA_CFG_F_FAIL_OPEN };
  assert.is(
    hex((w) => putQueueBind(w, 1, 5300, options)),
    groups(`40000000 02030500 01000000 00000000 000014b4 08000100 01000000
      09000200 0000ffff 02000000 08000300 00000400 08000400 00000001 08000500 00000001`),
  );
  assert.is(
    hex((w) => putQueueUnbind(w, 1, 5300)),
    '1c000000 02030500 01000000 00000000 000014b4 08000100 02000000',
  );
});

test('a held packet, both orders', () => {
  for (const order of ORDERS) {
    const bytes = order === 'little' ? QUEUED : asBigEndian(QUEUED);
    const m = firstMessage(bytes, order === 'little')!;
    assert.is(m.type, QUEUED_PACKET);
    const p = createQueuedPacket();
    assert.is(readQueuedPacket(createReader(bytes, order), m, p), undefined);
    assert.equal(p, {
      queue: 5300,
      id: 0x102,
      protocol: 0x0800,
      hook: 2,
      mark: 0x01000000,
      iif: 3,
      oif: 4,
      time: 0x65000000 + 0.5,
      senderAt: 0,
      payloadAt: 96,
      payloadLength: 12,
      fullLength: 512,
    });
  }
});

/** struct nfulnl_msg_packet_hw of a frame from 02:11:22:33:44:0a that a prerouting rule logs. */
const SENT = `
  58000000 00040000 00000000 00000000 020014bf 08000100 08000000 0e000a00 7768703a 71756572
  79000000 10000800 00060000 02112233 440a0000 08000400 00000003 14000900 45000021 fa324000
  40114297 7f000001`;
/** The same in NFQUEUE: struct nfqnl_msg_packet_hw. */
const SENT_HELD = `
  40000000 00030000 00000000 00000000 0a0014b4 0b000100 00000103 86dd0000
  10000900 00060000 02112233 440a0000 10000a00 60000000 00081140 20010db8`;

/** The MAC that is decoded from the message, in each byte order. */
function sendersOf(message: string, change: (bytes: Uint8Array) => void = () => {}) {
  const logged = createLoggedPacket();
  const held = createQueuedPacket();
  return ORDERS.map((order) => {
    const recorded = fromHex(message);
    change(recorded);
    const bytes = order === 'little' ? recorded : asBigEndian(recorded);
    const r = createReader(bytes, order);
    const m = firstMessage(bytes, order === 'little')!;
    if (m.type === QUEUED_PACKET) {
      assert.is(readQueuedPacket(r, m, held), undefined);
      return senderMac(r, held.senderAt);
    }
    assert.is(readLoggedPacket(r, m, logged), undefined);
    return senderMac(r, logged.senderAt);
  });
}

test('the sender of a logged and of a held packet is its MAC, both orders', () => {
  for (const message of [SENT, SENT_HELD]) {
    const at = fromHex(message).findIndex((_, i, b) => b[i] === 2 && b[i + 1] === 0x11);
    assert.equal(sendersOf(message), ['02:11:22:33:44:0a', '02:11:22:33:44:0a']);
    const none = [null, null];
    // 20 bytes of InfiniBand, an empty address, a multicast address, the zeros of loopback.
    const lengths = (length: number) => (b: Uint8Array) => b.set([0, length], at - 4);
    assert.equal(sendersOf(message, lengths(20)), none);
    assert.equal(sendersOf(message, lengths(0)), none);
    assert.equal(
      sendersOf(message, (b) => b.set([3], at)),
      none,
    );
    assert.equal(
      sendersOf(message, (b) => b.fill(0, at, at + 6)),
      none,
    );
  }
  for (const message of [LOGGED, QUEUED]) assert.equal(sendersOf(toHex(message)), [null, null]);
});

test('an address that is cut off is none, wherever the attribute ends', () => {
  for (const message of [SENT, SENT_HELD]) {
    const whole = fromHex(message);
    const at = whole.findIndex((_, i, b) => b[i] === 2 && b[i + 1] === 0x11) - 8;
    for (let length = 4; length < 14; length++) {
      const bytes = whole.slice(0, at + length);
      bytes[at] = length;
      bytes[0] = bytes.length;
      const r = createReader(bytes, 'little');
      const m = firstMessage(bytes)!;
      const p = { ...createLoggedPacket(), ...createQueuedPacket() };
      const read = m.type === QUEUED_PACKET ? readQueuedPacket : readLoggedPacket;
      assert.is(read(r, m, p), undefined);
      assert.is(senderMac(r, p.senderAt), null);
    }
  }
});

test('nothing of the packet before stays behind', () => {
  const p = createQueuedPacket();
  readQueuedPacket(createReader(QUEUED, 'little'), firstMessage(QUEUED)!, p);
  const bare = fromHex(`
    20000000 00030000 00000000 00000000 0a0014b4 0b000100 00000103 86dd0100`);
  assert.is(readQueuedPacket(createReader(bare, 'little'), firstMessage(bare)!, p), undefined);
  assert.equal([p.id, p.protocol, p.hook], [0x103, 0x86dd, 1]);
  assert.equal([p.mark, p.iif, p.oif, p.time, p.payloadLength, p.fullLength], [0, 0, 0, 0, 0, 0]);
});

test('cut and senseless packets give a reason, never a throw', () => {
  const packets = [
    {
      whole: LOGGED,
      read: (b: Uint8Array) =>
        readLoggedPacket(createReader(b, 'little'), firstMessage(b)!, createLoggedPacket()),
    },
    {
      whole: QUEUED,
      read: (b: Uint8Array) =>
        readQueuedPacket(createReader(b, 'little'), firstMessage(b)!, createQueuedPacket()),
    },
  ];
  for (const { whole, read } of packets) {
    for (let cut = 16; cut < whole.length; cut++) {
      const bytes = whole.slice(0, cut);
      bytes[0] = cut;
      const reason = read(bytes);
      assert.ok(reason === undefined || /packet: /.test(reason));
    }
    const none = whole.slice(0, 16);
    none[0] = 16;
    assert.match(read(none) ?? '', /no nfgenmsg/);
    const zero = whole.slice();
    zero[20] = 0;
    assert.match(read(zero) ?? '', /attribute length 0/);
    const long = whole.slice();
    long[20] = 255;
    assert.match(read(long) ?? '', /attribute length 255/);
    const short = whole.slice();
    short[20] = 4;
    assert.ok(read(short));
  }
});

test('verdicts are prepared messages that take eight bytes each', () => {
  const v = createVerdicts(5300, 2, 'little');
  assert.is(addVerdict(v, 0x01020304, NF_ACCEPT), true);
  assert.is(addVerdict(v, 5, NF_DROP), true);
  assert.is(addVerdict(v, 6, NF_DROP), false);
  assert.is(
    toHex(v.bytes.subarray(0, takeVerdicts(v))),
    groups(`
      20000000 01030100 00000000 00000000 000014b4 0c000200 00000001 01020304
      20000000 01030100 00000000 00000000 000014b4 0c000200 00000000 00000005`),
  );
  addVerdict(v, 7, NF_ACCEPT);
  assert.is(takeVerdicts(v), 32);
  assert.is(
    toHex(createVerdicts(5300, 1, 'big').bytes),
    '00000020 03010001 00000000 00000000 000014b4 000c0002 00000000 00000000',
  );
});

test('a verdict on all up to an id', () => {
  assert.is(
    hex((w) => putVerdictBatch(w, 9, 5300, 0x105, NF_ACCEPT)),
    '20000000 03030100 09000000 00000000 000014b4 0c000200 00000001 00000105',
  );
});

test.run();
