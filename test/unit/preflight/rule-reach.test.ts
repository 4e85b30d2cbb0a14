// preflight/rule-reach and home: which proxied packets a rule matches, where a namespace cannot show it: VRFs,
// selectors of newer kernels, other devices and slots.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KernelRule } from '../../../agent/src/netlink/rule.ts';
import { homeOf } from '../../../agent/src/preflight/home-networks.ts';
import { type Home, reachOf } from '../../../agent/src/preflight/rule-reach.ts';
import { takenBy } from '../../../agent/src/preflight/taken.ts';
import {
  kernelAddress,
  kernelLink,
  kernelRoute,
  kernelRule,
} from '../../fixtures/kernel-objects.ts';
import { globals } from '../../fixtures/policies.ts';

const HOME: Home = {
  devices: [
    { name: 'br-lan', vrf: '' },
    { name: 'br-iot', vrf: 'vrf-iot' },
  ],
  vrfTables: [10],
  networks: ['192.168.1.1/24', '10.20.0.1/16', '2001:db8:5::1/64'],
  own: ['192.168.1.1', '10.20.0.1', '203.0.113.20'],
  slots: [1, 2],
  mask: 0x0f000000,
};

const rule = (change: Partial<KernelRule>) =>
  kernelRule({ preference: 900, table: 200, ...change });

function told(change: Partial<KernelRule>, home = HOME): string {
  const { share, words } = reachOf(rule(change), home);
  return `${share}${words}`;
}

test('a VRF: its rule fits what comes from the lan devices that belong to it', () => {
  assert.is(told({ selector: { isL3mdev: true } }), 'some of br-iot');
  assert.is(told({ selector: { isL3mdev: true, iif: 'br-lan' } }), 'none');
  assert.is(told({ selector: { iif: 'vrf-iot' } }), 'some of br-iot');
  const plain = { ...HOME, devices: [{ name: 'br-lan', vrf: '' }], vrfTables: [] };
  assert.is(told({ selector: { isL3mdev: true } }, plain), 'none');
  // The table of the VRF counts, whatever table the rule has.
  const route = { family: 4, table: 10, link: 2, metric: 0, protocol: 3, type: 1 } as const;
  const more = { destination: null, gateway: null, source: null, cloned: false };
  const vrf = rule({ selector: { isL3mdev: true }, table: 0 });
  const all = { rules: [vrf], home: HOME, first: 15001, protocol: 119 };
  assert.equal(takenBy({ ...all, routes: [{ ...route, ...more }] }).length, 1);
  assert.equal(takenBy({ ...all, routes: [] }), []);
});

test('several networks, and marks of ours and of others', () => {
  const from = (source: string) => told({ selector: { source } });
  assert.is(from('10.20.5.0/24'), 'some from 10.20.5.0/24');
  assert.is(from('10.0.0.0/8'), 'some from 10.20.0.0/16');
  assert.is(from('0.0.0.0/1'), 'some from 10.20.0.0/16');
  assert.is(told({ mark: 0x01000000, mask: 0x0f000000 }), 'some with fwmark 0x01000000/0x0f000000');
  assert.is(told({ mark: 0x03000000, mask: 0x0f000000 }), 'none');
  assert.is(told({ mark: 0x03000000, mask: 0x0f000000, isInverted: true }), 'all');
  // This bit is 0 in the marks of both slots.
  assert.is(told({ mark: 0, mask: 0x04000000 }), 'all');
});

test('what belongs to nobody at home', () => {
  assert.is(told({ family: 6, selector: { source: 'fd00::/8' } }), 'none');
  assert.is(told({ family: 6, selector: { source: '2001:db8::/32' } }), 'all');
  assert.is(told({ family: 6, selector: { destination: '64:ff9b::/96' } }), 'some to 64:ff9b::/96');
  assert.is(told({ family: 6, selector: { destination: 'fc00::/7' } }), 'none');
  assert.is(told({ selector: { destination: '198.18.0.0/15' } }), 'none');
  assert.is(told({ selector: { destination: '224.0.0.0/4' } }), 'none');
  assert.is(told({ selector: { isKeyed: true } }), 'none');
  assert.is(told({ selector: { isUnknown: true } }).slice(0, 9), 'some that');
});

test('homeOf takes the lan devices, their networks and their VRF from the kernel', () => {
  const links = [
    kernelLink({ index: 2, name: 'br-lan', kind: 'bridge', master: 9 }),
    kernelLink({ index: 3, name: 'wan' }),
    kernelLink({ index: 9, name: 'vrf-x', kind: 'vrf', vrfTable: 77 }),
  ];
  const addresses = [
    kernelAddress(2, '192.168.1.1/24'),
    kernelAddress(3, '198.51.100.10/24'),
    kernelAddress(2, 'fe80::1/64', { scope: 253 }),
  ];
  const policy = { globals, proxies: [], apps: [] };
  const by = { gateway: '192.168.1.2', protocol: 4 };
  const routes = [
    kernelRoute({ ...by, destination: '10.30.0.0/16' }),
    kernelRoute({ ...by, link: 3, destination: '203.0.113.0/24' }),
    kernelRoute({ ...by, destination: '10.40.0.0/16', table: 100 }),
  ];
  const home = homeOf(policy, links, addresses, routes);
  assert.equal(home.devices, [{ name: 'br-lan', vrf: 'vrf-x' }]);
  assert.equal(home.vrfTables, [77]);
  assert.equal(home.networks, ['192.168.1.1/24', '10.30.0.0/16']);
  assert.is(home.slots.length, 11);
});

test.run();
