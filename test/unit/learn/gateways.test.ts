// learn/gateways, config/met and preflight/unmet: MACs of other routers identify no device; which devices were
// seen.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { metDevices, namesAddresses } from '../../../agent/src/config/met.ts';
import { changeGateways, gatewayAddresses } from '../../../agent/src/learn/gateways.ts';
import { heldElements } from '../../../agent/src/learn/snapshot.ts';
import type { LookedAt, RouterSeen } from '../../../agent/src/preflight/seen.ts';
import { unmetDevices } from '../../../agent/src/preflight/unmet.ts';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { macKey, portKey } from '../../../agent/src/ruleset/elements.ts';
import { renderParts } from '../../../agent/src/ruleset/render.ts';
import { loadText } from '../../../agent/src/ruleset/transaction.ts';
import { createState } from '../../../agent/src/step/state.ts';
import type { Host } from '../../../agent/src/syntax/dhcp-hosts.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import { byteString } from '../../../agent/src/wire/hex.ts';
import { policy, policyFrom } from '../../fixtures/policies.ts';

const ROUTER = '02:00:00:00:00:99';
const PHONE = '02:00:00:00:00:0b';

test('a gateway is who a route over a lan device leads to', () => {
  const route = (gateway: string | null, link: number) => ({ gateway, link });
  const routes = [
    route('198.51.100.1', 2),
    route('192.168.1.5', 3),
    route('192.168.1.5', 3),
    route('fe80::5', 3),
    route(null, 3),
    route('10.1.0.1', 4),
  ];
  assert.equal(gatewayAddresses(routes, [3]), ['192.168.1.5', 'fe80::5']);
  assert.equal(gatewayAddresses(routes, []), []);
});

test('what is otherwise is told once, and the set has an end', () => {
  const known = new Set<string>();
  assert.equal(changeGateways(known, [ROUTER]), { gone: [], fresh: [ROUTER] });
  assert.equal(changeGateways(known, [ROUTER]), { gone: [], fresh: [] });
  assert.equal(changeGateways(known, [PHONE]), { gone: [ROUTER], fresh: [PHONE] });
  const many = Array.from({ length: 100 }, (_, i) => `02:00:00:00:01:${i}`);
  changeGateways(known, many);
  assert.is(known.size, 64);
});

test('a table that is written anew has the other routers, and what is known by MAC', () => {
  const state = createState(policy, () => false);
  state.gateways.add(ROUTER);
  const key = portKey(PHONE, 13021)!;
  state.taught.set('skype_udpmac', new Map([[byteString(key), 61_000]]));
  const held = heldElements(state, 1000);
  assert.is(held.get('gateways')![0]!.key, byteString(macKey(ROUTER)!));
  const text = loadText(renderParts(compile(policy)), held);
  assert.match(text, new RegExp(`set gateways \\{[^}]*${ROUTER} timeout`));
  assert.match(text, new RegExp(`set skype_udpmac \\{[^}]*${PHONE} \\. 0x32dd0000 expires 60s`));
});

test('a device named by its address is met in the neighbour table, with the MAC it has now', () => {
  const by = policyFrom({ app: { devices: ['192.168.1.11', '2001:db8:1::/64'] } });
  const host = (mac: string, address: string): Host => ({ mac, address, name: null });
  assert.ok(namesAddresses(by));
  assert.not.ok(namesAddresses(policyFrom({})));
  const neighbours = new Map([
    ['192.168.1.11', PHONE],
    ['192.168.1.12', '02:00:00:00:00:0c'],
    ['2001:db8:1::9', ROUTER],
  ]);
  const met = metDevices([], by, neighbours, new Set([ROUTER]));
  assert.equal(met, [host(PHONE, '192.168.1.11')]);
  assert.is(metDevices(met, by, neighbours, new Set([ROUTER])), met, 'no news');
  assert.is(metDevices(met, by, new Map(), new Set()), met, 'one that sleeps is still known');
  const next = metDevices(met, by, new Map([['192.168.1.11', ROUTER]]), new Set());
  assert.equal(next, [host(ROUTER, '192.168.1.11')]);
});

test('MACs and addresses of the configuration that nobody here has', () => {
  const uci = parseUci(
    `config app 'skype'
  list device '02-00-00-00-00-0B'
  list device '02:00:00:00:00:0c'
  list device '192.168.1.11'
  list device '192.168.1.13'
  list device '192.168.1.64/28'
  list device 'tv'
config device 'tv'
  list mac '02:00:00:00:00:0d'
  list address '2001:DB8:1::0009'
`,
    'whp',
  );
  assert.ok(uci.ok);
  const subject = { uci: uci.value } as unknown as LookedAt;
  const hosts = { hosts: [{ mac: '02:00:00:00:00:0d', address: null, name: 'tv' }] };
  const neighbours = new Map([
    ['192.168.1.11', PHONE],
    ['2001:db8:1::9', '02:00:00:00:00:0e'],
  ]);
  const found = unmetDevices(subject, { hosts, neighbours } as unknown as RouterSeen);
  assert.equal(
    found.map(({ where, what }) => `${where} ${what.replace(/: no device .*/, '')}`),
    ['whp.skype.device (whp:3) 02:00:00:00:00:0c', 'whp.skype.device (whp:5) 192.168.1.13'],
  );
  assert.equal(unmetDevices(subject, { hosts } as unknown as RouterSeen), [], 'not looked');
});

test.run();
