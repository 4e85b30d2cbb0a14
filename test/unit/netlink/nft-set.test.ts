// netlink/nft-set, nft-element, nft-event: equal to what nft 1.0.6 sends; dumps and announcements
// decoded from recordings of Linux 6.18, in both byte orders; refused batches explained.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createReader,
  type Message,
  type MessageReader,
} from '../../../agent/src/netlink/message.ts';
import { putSetDump } from '../../../agent/src/netlink/nft-element.ts';
import {
  faultOf,
  putSetBatch,
  type SetElement,
  splitChanges,
} from '../../../agent/src/netlink/nft-set.ts';
import { putTableQuery } from '../../../agent/src/netlink/nft-table.ts';
import { createWriter } from '../../../agent/src/netlink/writer.ts';
import { fromHex } from '../../fixtures/bytes.ts';
import { asBigEndian, firstMessage, groups, written } from '../../fixtures/netlink-hex.ts';
import { putElementQuery, readTableEvent } from '../../fixtures/netlink-requests.ts';

const where = { family: 1, table: 't' };
const one = { key: Uint8Array.of(192, 0, 2, 1), timeout: 60000 };
const two = { key: Uint8Array.of(192, 0, 2, 2) };

test('nft add element inet t s { 192.0.2.1 timeout 60s, 192.0.2.2 }, and the request for an ack', () => {
  const w = createWriter(8, 'little');
  const batch = putSetBatch(w, 0, where, [{ operation: 'add', set: 's', elements: [one, two] }]);
  // nft adds NFTA_SET_ELEM_LIST_SET_ID (0008000400000001), which names sets of the same batch.
  const recorded = groups(`
    14000000 10000100 00000000 00000000 0000000a
    54000000 0c0a0504 01000000 00000000 01000000 06000100 74000000 06000200 73000000
    30000380 1c000180 0c000400 00000000 0000ea60 0c000180 08000100 c0000201
    10000280 0c000180 08000100 c0000202
    14000000 11000100 02000000 00000000 0000000a`);
  // nft numbers list entries 1, 2, ...; the kernel wants NFTA_LIST_ELEM, which is 1.
  assert.is(written(w), recorded.replace('10000280 0c000180', '10000180 0c000180'));
  assert.equal(batch, {
    first: 0,
    last: 2,
    acknowledged: 1,
    parts: [{ seq: 1, change: 0, from: 0, to: 2 }],
  });
});

test('nft delete element inet t s { 192.0.2.2 }', () => {
  const w = createWriter(8, 'little');
  putSetBatch(w, 0, where, [{ operation: 'delete', set: 's', elements: [two] }]);
  const recorded = groups(`
    14000000 10000100 00000000 00000000 0000000a
    38000000 0e0a0500 01000000 00000000 01000000 06000100 74000000 06000200 73000000
    14000380 10000180 0c000180 08000100 c0000202
    14000000 11000100 02000000 00000000 0000000a`);
  assert.is(written(w), recorded);
});

test('the same deletion for a big-endian kernel', () => {
  const w = createWriter(8, 'big');
  putSetBatch(w, 0, where, [{ operation: 'delete', set: 's', elements: [two] }]);
  const expected = groups(`
    00000014 00100001 00000000 00000000 0000000a
    00000038 0a0e0005 00000001 00000000 01000000 00060001 74000000 00060002 73000000
    00148003 00108001 000c8001 00080001 c0000202
    00000014 00110001 00000002 00000000 0000000a`);
  assert.is(written(w), expected);
});

test('renew is add, delete, add in one batch; nothing to do is no message', () => {
  const w = createWriter(8, 'little');
  const batch = putSetBatch(w, 5, where, [
    { operation: 'add', set: 's', elements: [] },
    { operation: 'renew', set: 's', elements: [one] },
  ]);
  assert.equal(
    batch.parts.map((p) => [p.seq, p.change]),
    [
      [6, 1],
      [7, 1],
      [8, 1],
    ],
  );
  assert.equal([batch.acknowledged, batch.last], [8, 9]);
  const types = [...written(w).matchAll(/ (0c0a|0e0a)(0\d0\d) 0[678]000000/g)];
  assert.equal(
    types.map((m) => m[1] ?? ''),
    ['0c0a', '0e0a', '0c0a'],
  );
  // Only the last message asks for an acknowledgement; a deletion has no timeout.
  assert.equal(
    types.map((m) => m[2] ?? ''),
    ['0104', '0100', '0504'],
  );
  assert.is(written(w).split('0000ea60').length, 3);
  const empty = createWriter(8);
  assert.equal(putSetBatch(empty, 5, where, []).parts, []);
});

test('many elements are split into messages, one batch, and a fault is traced to its element', () => {
  const elements: SetElement[] = [];
  for (let i = 0; i < 5000; i++) {
    elements.push({ key: Uint8Array.of(10, 0, i >> 8, i & 255, 1, 2, 3, 4), timeout: 1000 });
  }
  for (const order of ['little', 'big'] as const) {
    const w = createWriter(64, order);
    const batch = putSetBatch(w, 1, where, [{ operation: 'add', set: 's', elements }]);
    assert.is(w.overflow, false);
    assert.ok(batch.parts.length > 1);
    assert.equal([batch.parts[0]?.from, batch.parts.at(-1)?.to], [0, 5000]);
    const part = batch.parts[1]!;
    const sent = createReader(w.bytes.subarray(0, w.length), order);
    // 32 bytes an element after header (16), nfgenmsg (4), two names (16) and list header (4).
    const refused = { errno: 17, seq: part.seq, type: 0x0a0c, offset: 36 + 4 + 7 * 32 };
    assert.equal(faultOf(sent, batch, refused), {
      errno: 17,
      change: 0,
      from: part.from,
      to: part.to,
      element: part.from + 7,
    });
    const inside = { ...refused, offset: refused.offset + 4 };
    assert.is(faultOf(sent, batch, inside)?.element, part.from + 7);
    assert.is(faultOf(sent, batch, { ...refused, offset: 99999 })?.element, undefined);
    assert.is(faultOf(sent, batch, { errno: 1, seq: 1, type: 16 }), undefined);
  }
});

test('changes are split into transactions of a bounded number of elements, in order', () => {
  const five = Array.from({ length: 5 }, (_, i) => ({ key: Uint8Array.of(i, 0, 0, 0) }));
  const batches = splitChanges(
    [
      { operation: 'add', set: 'a', elements: five },
      { operation: 'delete', set: 'b', elements: five.slice(0, 2) },
    ],
    3,
  );
  assert.equal(
    batches.map((batch) =>
      batch.map((c) => `${c.operation} ${c.set} ${c.elements.map((e) => e.key[0])}`),
    ),
    [['add a 0,1,2'], ['add a 3,4', 'delete b 0'], ['delete b 1']],
  );
  assert.equal(splitChanges([{ operation: 'add', set: 'a', elements: [] }]), []);
});

test('requests: dump, one key, one table', () => {
  const hex = (put: (w: ReturnType<typeof createWriter>) => void): string => {
    const w = createWriter(8, 'little');
    put(w);
    return written(w);
  };
  assert.is(
    hex((w) => putSetDump(w, 3, where, 's')),
    '24000000 0d0a0103 03000000 00000000 01000000 06000100 74000000 06000200 73000000',
  );
  assert.is(
    hex((w) => putElementQuery(w, 3, where, 's', two.key)),
    groups(`38000000 0d0a0500 03000000 00000000 01000000 06000100 74000000 06000200 73000000
      14000380 10000180 0c000180 08000100 c0000202`),
  );
  assert.is(
    hex((w) => putTableQuery(w, 3, 1, 'whp')),
    '1c000000 010a0500 03000000 00000000 01000000 08000100 77687000',
  );
});

test('a deleted table is told, both orders', () => {
  const gone = fromHex(`
    34000000 020a0000 12000000 73420000 01000005 09000100 77687074 00000000
    08000300 00000000 0c000400 00000000 00000001`);
  const generation = fromHex(`
    34000000 0f0a0000 12000000 73420000 00000005 08000100 00000005 08000200 00004273
    0d000300 7768702d 686f7374 00000000`);
  for (const order of ['little', 'big'] as const) {
    const read = <T>(decode: (r: MessageReader, m: Message) => T, recorded: Uint8Array): T => {
      const bytes = order === 'little' ? recorded : asBigEndian(recorded);
      return decode(createReader(bytes, order), firstMessage(bytes, order === 'little')!);
    };
    const deleted = { kind: 'table-deleted', family: 1, table: 'whpt' };
    assert.equal(read(readTableEvent, gone), deleted);
    assert.is(read(readTableEvent, generation), null);
  }
});

test.run();
