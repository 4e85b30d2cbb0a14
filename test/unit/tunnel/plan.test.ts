// tunnel/plan: the kernel objects of one app and one proxy.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { App, Policy, Proxy } from '../../../agent/src/policy/policy.ts';
import { describe } from '../../../agent/src/reconcile/desired.ts';
import { plan, tunnelMtu } from '../../../agent/src/tunnel/plan.ts';
import { globals } from '../../fixtures/policies.ts';

const proxy: Proxy = {
  name: 'home',
  address: '203.0.113.20',
  key: 7,
  local: '10.213.0.1',
  remote: '10.213.0.2',
  mtu: null,
};
const app = { name: 'skype', slot: 1, devices: [], fallback: 'block', proxies: ['home'] };
const policy: Policy = {
  globals,
  proxies: [proxy, { ...proxy, name: 'spare' }],
  apps: [app as unknown as App],
};

test('link, address, the route with the prohibit behind it, the rules', () => {
  assert.equal(plan({ ...policy, proxies: [{ ...proxy, mtu: 1472 }] }).map(describe), [
    'link whp-home gre remote 203.0.113.20 with a key mtu 1472',
    'address 10.213.0.1 peer 10.213.0.2 dev whp-home',
    'route v4 default dev whp-home table 15001',
    'route v4 prohibit default table 15001',
    'route v6 prohibit default table 15001',
    'rule v4 pref 15001 fwmark 0x1000000/0xf000000 table 15001',
    'rule v6 pref 15001 fwmark 0x1000000/0xf000000 table 15001',
  ]);
});

test('the first proxy of the app carries it, not the first of the file', () => {
  const other = { ...policy, apps: [{ ...app, proxies: ['spare', 'home'] } as unknown as App] };
  assert.ok(plan(other).map(describe).includes('route v4 default dev whp-spare table 15001'));
});

test('the MTU leaves room for the outer header and the key', () => {
  assert.is(tunnelMtu(proxy, 1492), 1464);
  assert.is(tunnelMtu({ ...proxy, key: null }, 1500), 1476);
  assert.is(tunnelMtu(proxy, null), 1464);
  assert.is(tunnelMtu({ ...proxy, mtu: 1280 }, 1500), 1280);
});

test('a proxy with inner IPv6 addresses carries both families, another one IPv4 alone', () => {
  const inner6 = { local: 'fd00:d5::1', remote: 'fd00:d5::2' };
  const both = plan({ ...policy, proxies: [{ ...proxy, inner6 }] }).map(describe);
  assert.ok(both.includes('address fd00:d5::1 peer fd00:d5::2 dev whp-home'));
  assert.ok(both.includes('route v6 default dev whp-home table 15001'));
  assert.ok(both.includes('route v6 prohibit default table 15001'));
  const one = plan({ ...policy, proxies: [proxy] }).map(describe);
  assert.not(one.includes('route v6 default dev whp-home table 15001'));
});

test.run();
