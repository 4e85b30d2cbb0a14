// netlink/neighbour: two entries recorded from Linux 6.1, in both byte orders, and messages that are no
// neighbour.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createReader } from '../../../agent/src/netlink/message.ts';
import { putNeighbourDump, readNeighbour } from '../../../agent/src/netlink/neighbour.ts';
import { createWriter } from '../../../agent/src/netlink/writer.ts';
import { fromHex } from '../../fixtures/bytes.ts';
import { firstMessage, groups, written } from '../../fixtures/netlink-hex.ts';

const FOUR = `38000000 1c000200 01000000 00000000 02000000 05000000 80000000
  08000100 c000024d 0a000200 02000000 0a0b0000 08000400 01000000`;
const SIX = `3c000000 1c000200 01000000 00000000 0a000000 05000000 80000000
  14000100 20010db8 00000000 00000000 00000077 0a000200 02000000 0a0b0000`;
const BIG = `00000038 001c0002 00000001 00000000 02000000 00000005 00800000
  00080001 c000024d 000a0002 02000000 0a0b0000 00080004 00000001`;

function read(hex: string, order: 'little' | 'big' = 'little') {
  const bytes = fromHex(hex);
  return readNeighbour(createReader(bytes, order), firstMessage(bytes, order === 'little')!);
}

test('an entry of each family', () => {
  const mac = '02:00:00:00:0a:0b';
  const four = { link: 5, family: 4, address: '192.0.2.77', mac };
  assert.equal(read(FOUR), { ok: true, value: four });
  assert.equal(read(BIG, 'big'), { ok: true, value: four });
  assert.equal(read(SIX), {
    ok: true,
    value: { link: 5, family: 6, address: '2001:db8::77', mac },
  });
});

test('an address that nobody has answered for has no hardware address', () => {
  const asked = `24000000 1c000200 01000000 00000000 02000000 05000000 01000000
    08000100 c000024d`;
  const got = read(asked);
  assert.is(got.ok && got.value.mac, null);
});

test('a bridge entry, a short header and a lacking address are refused with a reason', () => {
  const bridge = FOUR.replace('02000000 05000000', '07000000 05000000');
  assert.equal(read(bridge), { ok: false, reason: 'neighbour: family 7' });
  const short = '18000000 1c000200 01000000 00000000 02000000 05000000';
  assert.equal(read(short), { ok: false, reason: 'neighbour: header too short' });
  const none = '1c000000 1c000200 01000000 00000000 02000000 05000000 80000000';
  assert.equal(read(none), { ok: false, reason: 'neighbour: no address' });
});

test('ip neigh: the request for all', () => {
  const w = createWriter(8, 'little');
  putNeighbourDump(w, 1);
  assert.is(written(w), groups('1c000000 1e000103 01000000 00000000 00000000 00000000 00000000'));
});

test.run();
