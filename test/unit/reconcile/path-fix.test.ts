// reconcile/path-fix: each refusal of a link, address, route or rule that an owner can meet has words, and the
// command that ends it. test/netns/path-fix types the commands.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PathPiece } from '../../../agent/src/reconcile/desired.ts';
import { pathFix } from '../../../agent/src/reconcile/path-fix.ts';

const LINK: PathPiece = {
  kind: 'link',
  name: 'whp-cloud',
  local: null,
  remote: '203.0.113.20',
  key: 7,
  mtu: 1400,
};
const LINK6: PathPiece = { ...LINK, remote: '2001:db8::20' };
const ADDRESS: PathPiece = {
  kind: 'address',
  link: 'whp-cloud',
  address: '10.213.0.1',
  peer: '10.213.0.2',
};
const ADDRESS6: PathPiece = { ...ADDRESS, address: 'fd00:d5::1', peer: 'fd00:d5::2' };
const ROUTE: PathPiece = { kind: 'route', family: 4, table: 15001, link: 'whp-cloud', metric: 1 };
const ROUTE6: PathPiece = { ...ROUTE, family: 6 };
const RULE: PathPiece = {
  kind: 'rule',
  family: 4,
  preference: 15001,
  mark: 0x1000000,
  mask: 0xf000000,
  table: 15001,
};
const RULE6: PathPiece = { ...RULE, family: 6 };

const fix = (errno: number, piece: PathPiece, isThere = false) =>
  pathFix({ errno }, piece, new Set(isThere ? ['whp-cloud'] : []));

/** EEXIST, EPERM, EACCES, ENOMEM on every architecture; the others on x86 and ARM, and on MIPS. */
const [EPERM, ENOMEM, EACCES, EEXIST] = [1, 12, 13, 17];
const NO_FAMILY = [97, 124];
const NOT_SUPPORTED = [95, 122];
const NET_DOWN = [100, 127];
const NO_BUFFERS = [105, 132];

test('the name of the tunnel is that of another device', () => {
  assert.is(
    fix(EEXIST, LINK, true),
    'another device has the name whp-cloud (ip link show dev whp-cloud); ip link delete whp-cloud; whp reload',
  );
});

test('another GRE device has the same ends and key', () => {
  assert.is(
    fix(EEXIST, LINK),
    `another GRE device leads to ${LINK.remote} with the same key: delete it (ip link delete NAME), or choose another key here and on the server; ip link show`,
  );
  assert.match(fix(EEXIST, LINK6)!, /; ip link show$/);
});

test('IPv6 is switched off, for all devices or for this one', () => {
  const words =
    'IPv6 is switched off on this router; sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0; whp reload';
  assert.is(fix(EACCES, ADDRESS6), words);
  assert.is(fix(EACCES, ROUTE6), words);
});

test('the kernel has no IPv6', () => {
  for (const errno of [...NO_FAMILY, ...NOT_SUPPORTED]) {
    for (const piece of [ADDRESS6, ROUTE6, RULE6])
      assert.is(fix(errno, piece), 'this kernel has no IPv6');
  }
  for (const errno of NO_FAMILY) assert.is(fix(errno, RULE), 'this kernel has no ip rules');
});

test('no right, no memory, a device that is down', () => {
  for (const piece of [LINK, ADDRESS, ROUTE, RULE, ROUTE6]) {
    assert.is(
      fix(EPERM, piece),
      'the agent has no right to it (capability net_admin); /etc/init.d/whp restart',
    );
    for (const errno of [ENOMEM, ...NO_BUFFERS])
      assert.is(fix(errno, piece), 'the router has no memory left for it; free');
  }
  for (const errno of NET_DOWN)
    assert.is(fix(errno, ROUTE), 'whp-cloud is down; ip link set dev whp-cloud up; whp reload');
});

test('another refusal has the words of the C library alone', () => {
  for (const piece of [LINK, ADDRESS, ROUTE, RULE]) assert.is(fix(22, piece), null);
  for (const piece of [ADDRESS, ROUTE, RULE]) assert.is(fix(EEXIST, piece), null);
});

test.run();
