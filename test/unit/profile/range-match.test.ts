// profile/range-match: which range matches an endpoint: family, block, protocol and port all count.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findBlock, findRange } from '../../../agent/src/profile/range-match.ts';
import { familyOf, parseAddress } from '../../../agent/src/wire/address.ts';
import { profile } from '../../fixtures/profile.ts';

function found(address: string, protocol: 'udp' | 'tcp', port: number): string | null {
  const bytes = parseAddress(address)!;
  const at = { bytes, offset: 0, family: familyOf(bytes), protocol, port };
  const match = findRange(profile.ranges, at);
  return match === null ? null : `${match.range.role} ${match.block}`;
}

test('address, protocol and port together', () => {
  assert.is(found('111.221.74.255', 'udp', 40001), 'supernode 111.221.74.0/24');
  assert.is(found('111.221.74.0', 'tcp', 33033), 'supernode 111.221.74.0/24');
  assert.is(found('2a01:111:74::1', 'udp', 40047), 'supernode 2a01:111:74::/64');
  assert.is(found('91.190.223.255', 'tcp', 12350), 'login 91.190.216.0/21');
  assert.is(found('91.190.223.255', 'udp', 12350), null);
  assert.is(found('111.221.74.1', 'udp', 40048), null);
  assert.is(found('111.221.75.0', 'udp', 40001), null);
  assert.is(found('2a01:111:74:1::1', 'udp', 40001), null);
});

test('a block alone, at an offset, in its own family', () => {
  const bytes = Uint8Array.of(0, 0, 111, 221, 74, 9);
  assert.is(findBlock(profile.ranges[0]!, { bytes, offset: 2, family: 4 }), '111.221.74.0/24');
  // An IPv6 address with the same first bytes is another address.
  const long = new Uint8Array(16);
  long.set([111, 221, 74, 9]);
  assert.is(findBlock(profile.ranges[0]!, { bytes: long, offset: 0, family: 6 }), null);
});

test.run();
