// The elements in a message of a set's dump, under the sanitizers: whole messages and broken ones, beside the decoder of the
// tests (test/fixtures/netlink-elements.ts).
import { count, elements } from 'whp:nft';
import { createMessage, createReader } from '../../../agent/src/netlink/message.ts';
import { byteString } from '../../../agent/src/wire/hex.ts';
import { readElements } from '../../fixtures/netlink-elements.ts';
import { elementsMessage } from '../../fixtures/set-messages.ts';
import { must, type Target } from '../target.ts';

const KEY = Uint8Array.of(192, 0, 2, 1);
const PAIR = Uint8Array.of(192, 168, 1, 10, 198, 51, 100, 7);

export const setElements: Target = {
  name: 'set-elements',
  weight: 20,
  seeds: [
    elementsMessage([{ key: KEY }]),
    elementsMessage([{ key: PAIR, expires: 5000 }, { key: KEY }]),
    elementsMessage([{ key: PAIR, counter: { name: 'counter', packets: 3, bytes: 300 } }]),
    elementsMessage([{ key: KEY, counter: { name: 'limit', packets: 3, bytes: 300 } }]),
  ].map((bytes) => bytes.slice(16)),
  run(input) {
    const bytes = input.slice();
    const buffer = bytes.buffer as ArrayBuffer;
    const found = elements(buffer, 0, bytes.length);
    const number = count(buffer, 0, bytes.length);
    must(found.length % 4 === 0 && found.length <= 4 * number, 'more elements than there are');
    const m = { ...createMessage(), body: 0, end: bytes.length };
    const read = readElements(createReader(bytes), m);
    if (!read.ok) return read.reason.replace(/\d+/g, '#');
    const wanted = read.value.elements.flatMap(({ key, expiration, counted }) => [
      byteString(key),
      expiration ?? -1,
      counted?.packets ?? -1,
      counted?.bytes ?? -1,
    ]);
    must(JSON.stringify(found) === JSON.stringify(wanted), 'the two decoders differ');
    return `${number} ${found.length}`;
  },
};
