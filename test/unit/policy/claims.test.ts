// policy/claims: the first MAC of a host name keeps it, other names are not affected, and the costs are
// bounded.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createPace, takeToken } from '../../../agent/src/bounds/token-bucket.ts';
import {
  CLAIM_CHANGES,
  CLAIM_WRITES,
  claimsOf,
  MOST_CLAIMS,
} from '../../../agent/src/policy/claims.ts';
import type { Host } from '../../../agent/src/syntax/dhcp-hosts.ts';
import { rounds } from '../../lib/rounds.ts';

function host(name: string | null, number: number): Host {
  const mac = `02:00:00:00:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`;
  return { mac, name, address: `192.168.1.${number & 255}` };
}

const DAY = 86_400_000;

test('a flood of MACs claims a name: who was first stays, and another name is not touched', () => {
  let known = claimsOf([], [host('tv', 1), host('phone', 2)]);
  for (let i = 10; i < rounds(1000, 10_000); i++)
    known = claimsOf(known, [host('tv', i), host(null, i)]);
  const macs = (name: string) => known.filter((one) => one.name === name).map(({ mac }) => mac);
  assert.is(macs('tv').length, MOST_CLAIMS);
  assert.is(macs('tv')[0], host('tv', 1).mac);
  assert.equal(macs('phone'), [host('phone', 2).mac]);
});

test('what is known again changes nothing', () => {
  const known = claimsOf([], [host('tv', 1)]);
  assert.equal(claimsOf(known, [host('tv', 1)]), known);
  assert.is(known[0]!.address, null, 'an address is not remembered');
});

test('a new MAC each five seconds for a day: sixteen writes, and a table a minute', () => {
  const [writes, changes] = [createPace(CLAIM_WRITES), createPace(CLAIM_CHANGES)];
  let written = 0;
  let made = 0;
  for (let at = 0; at < DAY; at += 5000) {
    if (takeToken(writes, '', at)) written++;
    if (takeToken(changes, '', at)) made++;
  }
  assert.ok(written <= 16, `${written} writes`);
  assert.ok(made <= 1440 + 20, `${made} tables`);
});

test.run();
