// wire/portmap: NAT-PMP and PCP mapping requests, and other packets on port 5351.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decodePortMap } from '../../../agent/src/wire/portmap.ts';
import { concat, fromHex } from '../../fixtures/bytes.ts';
import { mutate, seeded } from '../../fixtures/seeded.ts';

const NATPMP = fromHex('0001 0000 32dd 32dd 00000e10');
const PCP = concat(
  fromHex('0201 0000 00001c20 00000000000000000000ffffc0a80122'),
  fromHex('0102030405060708090a0b0c 11 000000 32dd 9c41 00000000000000000000ffff00000000'),
);
const decode = (bytes: Uint8Array) => decodePortMap(bytes, 0, bytes.length);

test('NAT-PMP and PCP requests', () => {
  assert.equal(decode(NATPMP), {
    protocol: 'nat-pmp',
    transport: 'udp',
    internalPort: 13021,
    externalPort: 13021,
    lifetimeSeconds: 3600,
  });
  assert.equal(decode(PCP), {
    protocol: 'pcp',
    transport: 'udp',
    internalPort: 13021,
    externalPort: 40001,
    lifetimeSeconds: 7200,
  });
  const shifted = concat([0, 0, 0], NATPMP, [9]);
  assert.equal(decodePortMap(shifted, 3, 15), decode(NATPMP));
});

test('other messages are no request, short ones are malformed', () => {
  for (const text of ['0000', '0081 0000 00000001 32dd 32dd 00000e10', '0200', '0281', '0202']) {
    assert.is(decode(fromHex(text)), null, text);
  }
  const sctp = PCP.slice();
  sctp[36] = 132;
  assert.is(decode(sctp), null);
  assert.equal(decode(NATPMP.slice(0, 11)), { malformed: 'NAT-PMP request shorter than 12 bytes' });
  assert.equal(decode(PCP.slice(0, 59)), { malformed: 'PCP MAP request shorter than 60 bytes' });
  assert.equal(decode(fromHex('0101')), { malformed: 'port mapping protocol version 1' });
  assert.equal(decode(fromHex('00')), { malformed: 'shorter than a version and an opcode' });
});

test('mutated requests never throw', () => {
  const random = seeded(5);
  for (let i = 0; i < 3000; i++) {
    const bytes = mutate(i % 2 === 0 ? NATPMP : PCP, random);
    decodePortMap(bytes, 0, bytes.length);
  }
});

test.run();
