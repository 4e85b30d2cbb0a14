// netlink/nft-counter and counters of set elements: recorded dumps of Linux, in both byte orders; a cut message
// or another object gives a reason.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createReader } from '../../../agent/src/netlink/message.ts';
import { COUNTER, putCounterDump, readCounter } from '../../../agent/src/netlink/nft-counter.ts';
import {
  attributeBe32,
  attributeBytes,
  attributeString,
  beginAttribute,
  beginMessage,
  createWriter,
  endAttribute,
  endMessage,
  putNetfilter,
  type Writer,
} from '../../../agent/src/netlink/writer.ts';
import { firstMessage, groups, written } from '../../fixtures/netlink-hex.ts';

const ORDERS = ['little', 'big'] as const;

function be64(w: Writer, type: number, low: number): void {
  attributeBytes(w, type, Uint8Array.of(0, 0, 0, 0, 0, 0, low >> 8, low & 0xff));
}

/** `type`: 1 is a counter, 2 a quota. */
function object(order: (typeof ORDERS)[number], type = 1): Uint8Array {
  const w = createWriter(8, order);
  beginMessage(w, COUNTER, 2, 9);
  putNetfilter(w, 1, 0);
  attributeString(w, 1, 'whp');
  attributeString(w, 2, 'skype_outside');
  attributeBe32(w, 3, type);
  const data = beginAttribute(w, 0x8004);
  be64(w, 1, 300);
  be64(w, 2, 3);
  endAttribute(w, data);
  endMessage(w);
  return w.bytes.slice(0, w.length);
}

test('the request: nft list counters table inet whp', () => {
  const w = createWriter(8, 'little');
  putCounterDump(w, 7, 1, 'whp');
  assert.is(
    written(w),
    groups('24000000 130a0103 07000000 00000000 01000000 08000100 77687000 08000300 00000001'),
  );
});

for (const order of ORDERS) {
  const little = order === 'little';
  const read = (bytes: Uint8Array) =>
    readCounter(createReader(bytes, order), firstMessage(bytes, little)!);

  test(`a counter, ${order}`, () => {
    assert.equal(read(object(order)), {
      ok: true,
      value: { table: 'whp', name: 'skype_outside', packets: 3, bytes: 300 },
    });
    assert.is(read(object(order, 2)).ok, false);
  });
}

test('cut anywhere it is a reason, never an exception', () => {
  const whole = object('little');
  for (let length = 20; length < whole.length; length++) {
    const bytes = whole.slice(0, length);
    new DataView(bytes.buffer).setUint32(0, length, true);
    const message = firstMessage(bytes);
    if (message !== undefined) readCounter(createReader(bytes, 'little'), message);
  }
});

test.run();
