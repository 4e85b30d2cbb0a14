// account/proxy-of-flow: the proxy follows from the connection itself, before, during and after a failover.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { proxyOf } from '../../../agent/src/account/proxy-of-flow.ts';

const PROXIES = [
  { name: 'cloud', local: '10.254.1.2', inner6: { local: 'fd00::2', remote: 'fd00::1' } },
  { name: 'second', local: '10.254.2.2' },
];
const by = (proxy: string) => ({ kind: 'tunnel', proxy }) as const;

test('a connection is of the proxy that its answers come through, whatever its app uses now', () => {
  assert.is(proxyOf(PROXIES, by('cloud'), '10.254.1.2'), 'cloud');
  assert.is(proxyOf(PROXIES, by('second'), '10.254.1.2'), 'cloud');
  assert.is(proxyOf(PROXIES, by('second'), '10.254.2.2'), 'second');
  assert.is(proxyOf(PROXIES, by('second'), 'fd00::2'), 'cloud');
  assert.is(proxyOf(PROXIES, { kind: 'direct' }, '10.254.2.2'), 'second');
});

test('one that was never translated goes the way of its app', () => {
  assert.is(proxyOf(PROXIES, by('second'), '192.168.1.11'), 'second');
  assert.is(proxyOf(PROXIES, { kind: 'direct' }, '192.168.1.11'), 'direct');
  assert.is(proxyOf(PROXIES, undefined, '192.168.1.11'), 'none');
});

test('of two with one inner address the one in use', () => {
  const alike = [
    { name: 'a', local: '10.0.0.2' },
    { name: 'b', local: '10.0.0.2' },
  ];
  assert.is(proxyOf(alike, by('b'), '10.0.0.2'), 'b');
});

test.run();
