// whp:message in the host, in the byte order of the machine: the messages of a whole table against those that test/lib
// writes, and what it refuses.
import { pack, sequence } from 'whp:message';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hostOrder } from '../../agent/src/netlink/endian.ts';
import { createMessage, createReader, readMessage } from '../../agent/src/netlink/message.ts';
import type { NftMessage } from '../../agent/src/netlink/nft-tree.ts';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { encodeTable, type Pack } from '../../agent/src/ruleset/encode/table.ts';
import { policyFrom, resolverBypass } from '../fixtures/policies.ts';
import { packFor } from '../lib/pack.ts';

const INET = 1;
const here = packFor(hostOrder);

const bytesOf = (messages: readonly NftMessage[]): Uint8Array =>
  new Uint8Array(pack(INET, messages));

test('the messages of a table are those of test/lib', () => {
  let count = 0;
  const compared: Pack = (messages) => {
    const ours = bytesOf(messages);
    assert.equal(ours, here(messages));
    count += messages.length;
    return ours;
  };
  const { globals } = policyFrom({ globals: { hold: true } });
  const policy = policyFrom({
    globals,
    resolverBypass: { ...resolverBypass, hello: 'hold', redirect: true },
  });
  for (const _ of encodeTable(compile(policy), hostOrder === 'little', compared));
  assert.ok(count > 800, `${count}`);
});

test('values of every kind', () => {
  const inside = [3, -4, 4, 0xfffffffc, 5, 'abc', 6, '', 7, Uint8Array.of(1, 2, 3, 4, 5)];
  const tree = [1, inside, [2, Uint8Array.of(9), []], 8, new Uint8Array(0), 9, [[[10, 1]]]];
  const messages: NftMessage[] = [
    [6, 0xc01, tree],
    [2, 1, []],
  ];
  assert.equal(bytesOf(messages), here(messages));
  assert.equal(bytesOf([]), new Uint8Array(0));
});

test('sequence numbers', () => {
  const bytes = bytesOf([
    [0, 1, [1, 'whp']],
    [2, 1, [1, 'whp', 2, Uint8Array.of(1)]],
    [3, 1, []],
  ]);
  assert.is(sequence(bytes.buffer as ArrayBuffer, 7), 10);
  const message = createMessage();
  const seen: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    at = readMessage(createReader(bytes), at, bytes.length, message);
    seen.push(message.seq);
  }
  assert.equal(seen, [7, 8, 9]);
  // Bytes that are no message are left.
  const noise = new Uint8Array(40).fill(255);
  assert.is(sequence(noise.buffer, 1), 1);
  assert.ok(noise.every((byte) => byte === 255));
  assert.is(sequence(new ArrayBuffer(3), 1), 1);
});

test('lists that are none of a message are refused', () => {
  const wrong: unknown[] = [
    null,
    7,
    [7],
    [['a', 1, []]],
    [[1, 1, null]],
    [[1, 1, [1]]],
    [[1, 1, [1, null]]],
    [[1, 1, [1, {}]]],
    [[1, 1, ['1', 2]]],
    [[1, 1, [1, 2 ** 32]]],
    [[1, 1, [1, Number.NaN]]],
    [[1, 1, [1, new Uint16Array(2)]]],
    [[1, 1, [1, new Uint8Array(65536)]]],
    [[1, 1, [1, new Array(40).fill([1, 'x'.repeat(2000)]).flat()]]],
  ];
  for (const messages of wrong)
    assert.throws(
      () => pack(INET, messages as NftMessage[]),
      /./,
      JSON.stringify(messages)?.slice(0, 60),
    );
  let deep: unknown = [1, 1];
  for (let i = 0; i < 100; i++) deep = [1, deep];
  assert.throws(() => pack(INET, [[1, 1, deep]] as NftMessage[]), /too deep/);
  for (const buffer of [null, new Uint8Array(8)])
    assert.throws(() => sequence(buffer as unknown as ArrayBuffer, 1), /not an ArrayBuffer/);
});

test.run();
