// reconcile/diff: equal pieces are left alone, additions come before deletions, a changed link is replaced
// together with its addresses and routes.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Desired, describe, type Piece } from '../../../agent/src/reconcile/desired.ts';
import { diff } from '../../../agent/src/reconcile/diff.ts';

const link: Piece = {
  kind: 'link',
  name: 'whp-a',
  local: null,
  remote: '203.0.113.20',
  key: 7,
  mtu: 1464,
};
const address: Piece = {
  kind: 'address',
  link: 'whp-a',
  address: '10.213.0.1',
  peer: '10.213.0.2',
};
const route: Piece = { kind: 'route', family: 4, table: 15001, link: 'whp-a', metric: 1 };
const prohibit: Piece = { ...route, link: null, metric: 0xffffffff };
const rule: Piece = {
  kind: 'rule',
  family: 4,
  preference: 15001,
  mark: 0x01000000,
  mask: 0x0f000000,
  table: 15001,
};
const all: Desired = [link, address, route, prohibit, rule];

function lines(desired: Desired, realized: Desired): string[] {
  return diff(desired, realized).map(({ op, piece }) => `${op} ${describe(piece)}`);
}

test('nothing to do when everything stands', () => {
  assert.equal(diff(all, all), []);
});

test('from nothing, in the order given', () => {
  assert.equal(
    diff(all, []).map(({ op, piece }) => `${op} ${piece.kind}`),
    ['add link', 'add address', 'add route', 'add route', 'add rule'],
  );
});

test('to nothing: rules first, the link last', () => {
  assert.equal(
    diff([], all).map(({ op, piece }) => `${op} ${piece.kind}`),
    ['delete rule', 'delete route', 'delete route', 'delete address', 'delete link'],
  );
});

test('a rule that changes table is added before the old one goes', () => {
  const moved: Piece = { ...rule, table: 16001 };
  assert.equal(lines([moved], [rule]), [`add ${describe(moved)}`, `delete ${describe(rule)}`]);
});

test('a route that changes device is replaced, not deleted', () => {
  const other: Piece = { ...route, link: 'whp-b' };
  assert.equal(lines([other], [route]), [`add ${describe(other)}`]);
});

test('a link with another key is remade with what stood on it, the prohibit stays', () => {
  const changed: Piece = { ...link, key: 8 };
  assert.equal(lines([changed, address, route, prohibit, rule], all), [
    `delete ${describe(link)}`,
    `add ${describe(changed)}`,
    `add ${describe(address)}`,
    `add ${describe(route)}`,
  ]);
});

test.run();
