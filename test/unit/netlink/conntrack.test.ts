// netlink/conntrack: equal to what conntrack 1.4.7 sends; an entry decoded from a recording in both
// byte orders; the deletion of exactly that entry.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Connection, readConnection } from '../../../agent/src/netlink/conntrack.ts';
import {
  putConntrackDelete,
  putConntrackDump,
  putConntrackGet,
  putConntrackMark,
} from '../../../agent/src/netlink/conntrack-request.ts';
import { createReader } from '../../../agent/src/netlink/message.ts';
import { createWriter, type Writer } from '../../../agent/src/netlink/writer.ts';
import { fromHex } from '../../fixtures/bytes.ts';
import {
  asBigEndian,
  firstMessage,
  groups,
  type Nesting,
  written,
} from '../../fixtures/netlink-hex.ts';

const TUPLE: Nesting = { 1: {}, 2: {} };
const ENTRY: Nesting = { 1: TUPLE, 2: TUPLE, 9: {}, 10: {} };

const RECORDED = fromHex(`
  a4000000 00012200 10000000 73420000 02000000
  34000180 14000180 08000100 7f000001 08000200 7f000001
  1c000280 05000100 11000000 06000200 15180000 06000300 15190000
  34000280 14000180 08000100 7f000001 08000200 7f000001
  1c000280 05000100 11000000 06000200 15190000 06000300 15180000
  08000300 00000008 08000800 03000000 08000c00 0484897f 08000b00 00000001 08000700 0000001d`);

const DECODED: Connection = {
  family: 4,
  original: {
    source: '127.0.0.1',
    destination: '127.0.0.1',
    protocol: 17,
    sourcePort: 5400,
    destinationPort: 5401,
  },
  reply: {
    source: '127.0.0.1',
    destination: '127.0.0.1',
    protocol: 17,
    sourcePort: 5401,
    destinationPort: 5400,
  },
  status: 8,
  mark: 0x03000000,
  id: 0x0484897f,
  zone: 0,
  timeout: 29,
  packets: { original: 0, reply: 0 },
  bytes: { original: 0, reply: 0 },
};

function hex(put: (w: Writer) => unknown, order: 'little' | 'big' = 'little'): string {
  const w = createWriter(8, order);
  put(w);
  return written(w);
}

test('conntrack -L -m 0x01000000/0x0f000000', () => {
  assert.is(
    hex((w) => putConntrackDump(w, 0x6b01655c, 0, 0x01000000, 0x0f000000)),
    '24000000 01010103 5c65016b 00000000 00000000 08000800 01000000 08001500 0f000000',
  );
  assert.is(
    hex((w) => putConntrackDump(w, 1, 6, 0, 0)),
    '14000000 01010103 01000000 00000000 0a000000',
  );
});

test('an entry, both orders', () => {
  for (const order of ['little', 'big'] as const) {
    const bytes = order === 'little' ? RECORDED : asBigEndian(RECORDED, ENTRY);
    const m = firstMessage(bytes, order === 'little')!;
    assert.equal(readConnection(createReader(bytes, order), m), { ok: true, value: DECODED });
  }
});

test('counters, zone and an ICMPv6 tuple', () => {
  const bytes = fromHex(`
    00000000 00010200 00000000 00000000 0a000000
    54000180 2c000180 14000300 20010db8 00000000 00000000 00000001
    14000400 20010db8 00000000 00000000 00000002
    24000280 05000100 3a000000 06000700 12340000 05000800 80000000 05000900 00000000
    54000280 2c000180 14000300 20010db8 00000000 00000000 00000002
    14000400 20010db8 00000000 00000000 00000001
    24000280 05000100 3a000000 06000700 12340000 05000800 81000000 05000900 00000000
    1c000980 0c000100 00000000 00000003 0c000200 00000001 00000004
    06001200 00070000`);
  bytes[0] = bytes.length;
  const got = readConnection(createReader(bytes, 'little'), firstMessage(bytes)!);
  assert.ok(got.ok);
  assert.equal(got.value.original, {
    source: '2001:db8::1',
    destination: '2001:db8::2',
    protocol: 58,
    sourcePort: 0x1234,
    destinationPort: 0x8000,
  });
  assert.equal(
    [got.value.packets.original, got.value.bytes.original, got.value.zone],
    [3, 0x100000004, 7],
  );
  assert.ok(
    hex((w) => putConntrackDelete(w, 1, got.value)).includes('06000700 12340000 05000800 80000000'),
  );
});

test('a deletion names tuple and id', () => {
  assert.is(
    hex((w) => putConntrackDelete(w, 2, DECODED)),
    groups(`50000000 02010500 02000000 00000000 02000000
      34000180 14000180 08000100 7f000001 08000200 7f000001
      1c000280 05000100 11000000 06000200 15180000 06000300 15190000 08000c00 0484897f`),
  );
  const w = createWriter();
  const wrong = { ...DECODED, original: { ...DECODED.original, source: '::1' } };
  assert.is(putConntrackDelete(w, 1, wrong), false);
  assert.is(w.length, 0);
});

test('conntrack -U -m 0x0c000000/0x0f000000, and a question for one entry', () => {
  const tuple = `34000180 14000180 08000100 7f000001 08000200 7f000001
      1c000280 05000100 11000000 06000200 15180000 06000300 15190000`;
  const mark = { value: 0x0c000000, mask: 0x0f000000 };
  assert.is(
    hex((w) => putConntrackMark(w, 2, DECODED, mark)),
    groups(`58000000 00010500 02000000 00000000 02000000
      ${tuple} 08000800 0c000000 08001500 0f000000`),
  );
  assert.is(
    hex((w) => putConntrackGet(w, 2, DECODED)),
    groups(`48000000 01010100 02000000 00000000 02000000 ${tuple}`),
  );
});

test('cut entries give a reason', () => {
  for (let cut = 16; cut < 124; cut++) {
    const bytes = RECORDED.slice(0, cut);
    bytes[0] = cut;
    const got = readConnection(createReader(bytes, 'little'), firstMessage(bytes)!);
    assert.is(got.ok, false, `cut at ${cut}`);
    if (!got.ok) assert.match(got.reason, /^conntrack: /);
  }
});

test.run();
