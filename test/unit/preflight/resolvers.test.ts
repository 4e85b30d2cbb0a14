// preflight/resolvers: what test/netns/resolvers does not cover: IPv6, rules that nft cannot print, unreadable
// files, and the fix for each program.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DhcpDns } from '../../../agent/src/preflight/dhcp-dns.ts';
import type { DnsRedirect } from '../../../agent/src/preflight/dns-redirects.ts';
import type { Look } from '../../../agent/src/preflight/look.ts';
import { resolversLook } from '../../../agent/src/preflight/resolvers.ts';
import type { RouterSeen } from '../../../agent/src/preflight/seen.ts';
import { fail, ok } from '../../../agent/src/syntax/result.ts';
import { kernelAddress, kernelLink } from '../../fixtures/kernel-objects.ts';
import { globals, resolverBypass } from '../../fixtures/policies.ts';
import { ROUTER_SEEN } from '../../fixtures/router-seen.ts';

const BYPASS = { ...resolverBypass, doh: [] };
const POLICY = { globals, proxies: [], apps: [], resolverBypass: BYPASS };
const SEEN: RouterSeen = {
  ...ROUTER_SEEN,
  links: [kernelLink({ index: 2, name: 'br-lan', kind: 'bridge' })],
  addresses: [kernelAddress(2, '192.168.1.1/24'), kernelAddress(2, '2001:db8:5::1/64')],
  routes: [],
};
const DHCP: DhcpDns = {
  announced: [],
  ports: [{ path: 'dhcp.@dnsmasq[0]', port: 53 }],
  serves: true,
};
const REDIRECT: DnsRedirect = {
  table: 'inet fw4',
  to: null,
  port: 5353,
  from: [],
  only: null,
  sources: null,
  passesRouter: false,
  isEveryPort: false,
};

function look(change: Partial<RouterSeen>, policy: object = POLICY): Look {
  const all = {
    policy: policy as typeof POLICY,
    uci: { file: 'whp', sections: [], notes: [] },
    wall: 0,
    router: null,
  };
  return resolversLook(all, { ...SEEN, ...change });
}

function lines(list: Look['notes']): string {
  return list.map(({ where, what }) => `${where}: ${what}`).join('\n');
}

function announced(
  address: string,
  change: Partial<DhcpDns['announced'][number]> = {},
  seen: Partial<RouterSeen> = {},
): string {
  const named = {
    where: 'dhcp.lan.x',
    remove: 'uci delete dhcp.lan.x',
    program: 'dnsmasq',
  } as const;
  const dhcp = ok({ ...DHCP, announced: [{ ...named, address, interface: 'lan', ...change }] });
  return lines(look({ resolvers: { ...SEEN.resolvers, dhcp }, ...seen }).problems);
}

test('nothing is said where the router answers', () => {
  const { problems, notes } = look({ resolvers: { ...SEEN.resolvers, dhcp: ok(DHCP) } });
  assert.equal([...problems, ...notes], []);
});

test('announced: a public IPv6 address of the home itself is one in the same network', () => {
  assert.match(
    announced('2001:db8:5::53', { program: 'odhcpd' }),
    /told to ask 2001:db8:5::53, .*odhcpd restart/,
  );
  // A resolver outside the home's networks is reached through this router, whatever its address.
  for (const address of ['192.168.1.1', '2001:db8:5::1', '9.9.9.9', '2620:fe::fe', '10.1.2.3']) {
    assert.is(announced(address), '', address);
  }
});

test('announced in another network than its own: its answers pass this router', () => {
  const guest = { ...SEEN.links[0]!, index: 3, name: 'br-guest' };
  const links = [SEEN.links[0]!, guest];
  const addresses = [...SEEN.addresses, kernelAddress(3, '10.3.0.1/24')];
  const interfaces = new Map([
    ['lan', 'br-lan'],
    ['guest', 'br-guest'],
  ]);
  const seen = { links, addresses, interfaces };
  assert.is(announced('192.168.1.5', { interface: 'guest' }, seen), '');
  assert.match(announced('192.168.1.5', { interface: 'lan' }, seen), 'told to ask 192.168.1.5');
  // A section of dnsmasq applies to all instances.
  assert.match(announced('192.168.1.5', { interface: null }, seen), 'told to ask 192.168.1.5');
});

test('turned elsewhere: DNS alone is seen wherever it goes; everything is no DNS alone', () => {
  const said = (change: Partial<DnsRedirect>): string =>
    lines(look({ redirects: [{ ...REDIRECT, ...change }] }).problems);
  assert.is(said({ to: '?', port: null }), '');
  assert.is(said({ to: '192.168.1.5', port: 54 }), '');
  const all = (change: Partial<DnsRedirect>): string => said({ isEveryPort: true, ...change });
  assert.match(all({}), 'is turned to port 5353 of this router');
  assert.match(all({ to: '?', port: null }), 'is turned to where nft does not say');
  assert.is(all({ from: [{ not: true, list: '{ "br-lan", "lo" }' }] }), '');
  assert.is(all({ sources: '10.8.0.0/24' }), '');
  assert.match(all({ sources: '{ 10.8.0.0/24, 192.168.1.9 }' }), 'to every port');
  assert.is(all({ only: '203.0.113.77', to: '192.168.1.9', port: null }), '');
});

test('what could not be read is said', () => {
  const dhcp = fail('/etc/config/dhcp', 'a reason');
  const broken = look({ resolvers: { ...SEEN.resolvers, dhcp }, redirects: null });
  assert.match(lines(broken.notes), '/etc/config/dhcp: a reason');
  assert.match(broken.seen, 'rules that turn DNS elsewhere were not read');
  assert.match(
    lines(look({}, { ...POLICY, resolverBypass: undefined }).notes),
    'doh.json: devices that ask',
  );
});

test('a stand-in that is no fake-IP', () => {
  const one = { app: 'skype', name: 'a.skype.com', address: '10.0.0.9', device: 'x', at: 0 };
  assert.match(
    lines(look({ standIns: [one] }).problems),
    '10.0.0.9, an address that is not public',
  );
});

test.run();
