// preflight/rule-reach and home: which of the proxied packets a rule fits, where a namespace here cannot
// show it (VRF, selectors of newer kernels), and on a router with other devices and slots.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KernelRule } from '../../../agent/src/netlink/rule.ts';
import { homeOf } from '../../../agent/src/preflight/home-networks.ts';
import { type Home, reachOf } from '../../../agent/src/preflight/rule-reach.ts';
import { takenBy } from '../../../agent/src/preflight/taken.ts';

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

function rule(change: Partial<KernelRule>): KernelRule {
  return {
    family: 4,
    preference: 900,
    mark: 0,
    mask: 0,
    table: 200,
    protocol: 0,
    action: 1,
    selector: {},
    isInverted: false,
    target: 0,
    suppressed: -1,
    ...change,
  };
}

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
  // Its table decides, whatever table stands in the rule.
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
  // Both slots have this bit unset.
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
  const none = { gre: null, parent: 0, vlan: null, filters: false, received: null };
  const link = { mtu: 1500, flags: 1, vrfTable: 0, master: 0, ...none };
  const links = [
    { ...link, index: 2, name: 'br-lan', kind: 'bridge', master: 9 },
    { ...link, index: 3, name: 'wan', kind: '' },
    { ...link, index: 9, name: 'vrf-x', kind: 'vrf', vrfTable: 77 },
  ];
  const at = { family: 4, peer: null, scope: 0, prefix: 24 } as const;
  const addresses = [
    { ...at, link: 2, address: '192.168.1.1' },
    { ...at, link: 3, address: '198.51.100.10' },
    { ...at, link: 2, address: 'fe80::1', family: 6 as const, scope: 253, prefix: 64 },
  ];
  const globals = {
    lan: ['br-lan'],
    mask: 0x0f000000,
    preference: 1,
    table: 1,
    queue: 1,
    group: 1,
  };
  const policy = { globals: { ...globals, hold: true }, proxies: [], apps: [] };
  const route = { family: 4, metric: 0, protocol: 4, cloned: false, table: 254, type: 1 } as const;
  const by = { gateway: '192.168.1.2', source: null };
  const routes = [
    { ...route, ...by, link: 2, destination: '10.30.0.0/16' },
    { ...route, ...by, link: 3, destination: '203.0.113.0/24' },
    { ...route, ...by, link: 2, destination: '10.40.0.0/16', table: 100 },
  ];
  const home = homeOf(policy, links, addresses, routes);
  assert.equal(home.devices, [{ name: 'br-lan', vrf: 'vrf-x' }]);
  assert.equal(home.vrfTables, [77]);
  assert.equal(home.networks, ['192.168.1.1/24', '10.30.0.0/16']);
  assert.is(home.slots.length, 11);
});

test.run();
