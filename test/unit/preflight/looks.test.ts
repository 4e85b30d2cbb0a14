// preflight/: the problems and notes of routers on which nothing or too little is proxied, each with the fix,
// and none for a good router.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KernelLink } from '../../../agent/src/netlink/kernel-link.ts';
import type { KernelRoute } from '../../../agent/src/netlink/route.ts';
import type { KernelRule } from '../../../agent/src/netlink/rule.ts';
import { buildPolicy } from '../../../agent/src/policy/build.ts';
import { readFirewall } from '../../../agent/src/preflight/firewall.ts';
import type { Look } from '../../../agent/src/preflight/look.ts';
import { linesOf, looksOf, stopsOf } from '../../../agent/src/preflight/looks.ts';
import type { RouterSeen } from '../../../agent/src/preflight/seen.ts';
import { createTraffic, notesOf, watchTraffic } from '../../../agent/src/preflight/traffic.ts';
import { verdictOf } from '../../../agent/src/preflight/verdict.ts';
import type { Profile } from '../../../agent/src/profile/profile.ts';
import { invalid, ok, problemText } from '../../../agent/src/syntax/result.ts';
import { findZone } from '../../../agent/src/syntax/time-zone-files.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import {
  kernelAddress,
  kernelLink,
  kernelRoute,
  kernelRule,
} from '../../fixtures/kernel-objects.ts';
import { withValue } from '../../fixtures/profile.ts';
import { ROUTER_SEEN } from '../../fixtures/router-seen.ts';
import { homeWith } from '../../fixtures/uci.ts';

const PROFILE = withValue('/retired', undefined) as Profile;
const NOON = Date.UTC(2026, 10, 28, 12);
const UP = 0x41;

function link(index: number, name: string, change: Partial<KernelLink> = {}): KernelLink {
  return kernelLink({ index, name, flags: UP, ...change });
}

function route(link: number, change: Partial<KernelRoute> = {}): KernelRoute {
  return kernelRoute({ link, ...change });
}

const HOME: RouterSeen = { ...ROUTER_SEEN, zone: findZone(() => 'UTC') };

const CONFIG = homeWith("\tlist lan 'br-lan'\n");

function looked(text: string, seen: Partial<RouterSeen> | null, profile = PROFILE, wall = NOON) {
  const uci = parseUci(text, '/etc/config/whp');
  if (!uci.ok) throw new Error(uci.problems[0]!.what);
  const profiles = new Map([['skype', profile]]);
  const policy = buildPolicy({ uci: uci.value, profiles, doh: ['198.51.100.61'] });
  if (!policy.ok) throw new Error(policy.problems[0]!.what);
  const router = seen === null ? null : { ...HOME, ...seen };
  return looksOf({ policy: policy.value, uci: uci.value, wall, router });
}

function problems(seen: Partial<RouterSeen>, text = CONFIG): string[] {
  return linesOf(looked(text, seen));
}

function notes(seen: Partial<RouterSeen>, text = CONFIG): string[] {
  return noteLines(looked(text, seen));
}

/** What stops: "direct lan eth0". */
function stops(seen: Partial<RouterSeen>, text = CONFIG): string[] {
  return stopsOf(looked(text, seen)).map((one) => {
    const { state, cause, app, family, device, proxy, partly, open } = one;
    const of = [app, family, device, proxy, partly && 'partly', open && 'open'];
    return [state, cause, ...of.filter((word) => word !== undefined)].join(' ');
  });
}

/** All notes as lines. */
function noteLines(looks: readonly Look[]): string[] {
  return Object.values(notesOf(looks)).flat().map(problemText);
}

function seenOf(looks: readonly Look[], subject: string): string {
  return looks.find((one) => one.subject === subject)!.seen;
}

const lan = (...names: string[]): string =>
  CONFIG.replace("\tlist lan 'br-lan'\n", names.map((name) => `\tlist lan '${name}'\n`).join(''));

test('a home as it should be: nothing to say, and each look says what it saw', () => {
  assert.equal([...problems({}), ...notes({})], []);
  const looks = looked(CONFIG, {});
  assert.equal(
    looks.map(({ subject }) => subject),
    [
      'configuration',
      'proxies',
      'profiles',
      'rules',
      'agent',
      'lan devices',
      'packets from home',
      'way out',
      'firewall',
      'collisions',
      'resolvers',
      'kernel modules',
      'flow offload',
      'clock',
      'time zone',
      'dhcp leases and static hosts',
    ],
  );
  assert.is(seenOf(looks, 'lan devices'), 'br-lan (bridge, up, 2 ports, 192.168.1.1/24)');
  assert.is(seenOf(looks, 'way out'), 'IPv4 by wan; IPv6 none');
  assert.is(seenOf(looks, 'packets from home'), 'br-lan 1200 packets');
  assert.is(seenOf(looks, 'clock'), '2026-11-28 12:00 UTC');
});

test('a lan device that is not there: the bridges here, and the commands', () => {
  const [said = '', ...more] = problems({}, lan('br-lna'));
  assert.equal(more, []);
  assert.is(
    said,
    'whp.globals.lan (/etc/config/whp:2): there is no device "br-lna": nothing from there is proxied; ' +
      "bridges here: br-lan; uci del_list whp.globals.lan='br-lna'; uci add_list " +
      "whp.globals.lan='br-lan'; uci commit whp; whp reload",
  );
});

test('no bridge at all: the devices here', () => {
  const links = [link(1, 'lo'), link(4, 'wan'), link(6, 'eth1'), link(7, 'whp-cloud')];
  const [said = ''] = problems({ links }, lan('br-lan'));
  assert.match(said, 'no bridge is here');
  assert.match(said, '(devices here: wan, eth1)');
});

test('without `list lan` the default counts, and the commands add one', () => {
  const links = [
    link(4, 'wan'),
    link(8, 'bridge0', { kind: 'bridge' }),
    link(9, 'p', { master: 8 }),
  ];
  const addresses = [kernelAddress(8, '192.168.1.1/24')];
  const text = CONFIG.replace("\tlist lan 'br-lan'\n", '');
  const [said = ''] = problems({ links, addresses }, text);
  assert.match(said, 'there is no device "br-lan"');
  assert.match(said, "; uci add_list whp.globals.lan='bridge0'; uci commit whp");
  assert.not.match(said, 'del_list');
});

test("the name of netifd's interface in the place of its device", () => {
  const interfaces = new Map([['lan', 'br-lan']]);
  const [said = ''] = problems({ interfaces }, lan('lan'));
  assert.match(said, 'that is an interface of /etc/config/network, and its device is br-lan');
  assert.match(said, "uci del_list whp.globals.lan='lan'; uci add_list whp.globals.lan='br-lan'");
});

test('a port of a bridge: packets come in as those of the bridge', () => {
  const [said = ''] = problems({}, lan('eth0'));
  assert.match(said, 'eth0 is a port of br-lan');
  assert.match(said, "uci del_list whp.globals.lan='eth0'; uci add_list whp.globals.lan='br-lan'");
  assert.equal(stops({}, lan('eth0')), ['direct lan eth0']);
  // With the bridge beside it nothing is lost.
  assert.equal([...problems({}, lan('br-lan', 'eth0')), ...stops({}, lan('br-lan', 'eth0'))], []);
  const [idle = ''] = notes({}, lan('br-lan', 'eth0'));
  assert.match(
    idle,
    'eth0 is a port of br-lan, which is in the list too: it adds nothing; uci del_',
  );
  assert.equal(stops({}, lan('br-lan', 'br-lna')), ['direct lan br-lna']);
  // Devices of a VRF keep their names.
  const links = [...HOME.links, link(6, 'vrf', { kind: 'vrf' })].map((one) =>
    one.name === 'br-lan' ? { ...one, master: 6 } : one,
  );
  assert.equal(problems({ links }), []);
});

test('a bridge under VLAN filtering: the device to write', () => {
  const links = [
    ...HOME.links.map((one) => (one.name === 'br-lan' ? { ...one, filters: true } : one)),
    link(6, 'br-lan.1', { kind: 'vlan', parent: 5, vlan: 1 }),
    link(7, 'br-lan.20', { kind: 'vlan', parent: 5, vlan: 20 }),
  ];
  const addresses = [kernelAddress(5, 'fe80::1/64'), kernelAddress(6, '192.168.1.1/24')];
  const [said = '', ...more] = problems({ links, addresses });
  assert.equal(more, []);
  assert.match(said, 'br-lan is a bridge under VLAN filtering');
  assert.match(said, 'are on br-lan.1: packets come in as those of that device');
  assert.match(said, "del_list whp.globals.lan='br-lan'; uci add_list whp.globals.lan='br-lan.1'");
  // An untagged network on the bridge itself, and a VLAN on top of it.
  const mixed = [kernelAddress(5, '192.168.1.1/24'), kernelAddress(7, '192.168.20.1/24')];
  assert.equal(problems({ links, addresses: mixed }), []);
  // With br-lan.1 listed there is no problem; the guests' VLAN gets a note.
  assert.equal(problems({ links, addresses }, lan('br-lan.1')), []);
  const both = [...addresses, kernelAddress(7, '192.168.20.1/24')];
  assert.match(
    notes({ links, addresses: both }, lan('br-lan.1'))[0]!,
    'br-lan.20 (vlan, 192.168.20.1/24) is in no list lan',
  );
  assert.match(problems({ links, addresses: both })[0]!, 'are on br-lan.1, br-lan.20');
});

test('a VLAN of a device that is no bridge', () => {
  const links = [link(4, 'wan'), link(6, 'eth1'), link(7, 'eth1.5', { kind: 'vlan', parent: 6 })];
  const [said = ''] = problems(
    { links, addresses: [kernelAddress(7, '192.168.1.1/24')] },
    lan('eth1'),
  );
  assert.match(said, 'eth1 has no address, and those of the home are on eth1.5');
});

test('a bridge with devices that is in no list lan, and ones that are no home', () => {
  const guest = link(6, 'br-guest', { kind: 'bridge' });
  const port = link(7, 'wlan1', { master: 6 });
  const seen = (link: KernelLink, text: string, more: Partial<RouterSeen> = {}) => ({
    links: [...HOME.links, link, port],
    addresses: [...HOME.addresses, kernelAddress(6, text)],
    ...more,
  });
  const [said = '', ...more] = notes(seen(guest, '192.168.3.1/24'));
  assert.equal(more, []);
  assert.match(said, 'br-guest (bridge, 1 port, 192.168.3.1/24) is in no list lan');
  assert.match(said, "uci add_list whp.globals.lan='br-guest'; uci commit whp; whp reload");
  assert.equal(problems(seen(guest, '192.168.3.1/24')), []);
  // A bridge with the WAN, a bridge that is down, a bridge without ports.
  assert.equal(notes(seen(guest, '192.168.3.2/24', { routes: [route(6)] })), []);
  assert.equal(notes(seen(guest, '198.51.100.9/24')), []);
  assert.equal(notes(seen({ ...guest, flags: 0 }, '192.168.3.1/24')), []);
  assert.equal(notes({ ...seen(guest, '192.168.3.1/24'), links: [...HOME.links, guest] }), []);
  // Without a list br-lan is the default: the fix must add it together with the new device.
  const text = CONFIG.replace("\tlist lan 'br-lan'\n", '');
  const [kept = ''] = notes(seen(guest, '192.168.3.1/24'), text);
  assert.match(kept, "add_list whp.globals.lan='br-lan'; uci add_list whp.globals.lan='br-guest'");
});

test('a lan device that is down, or that no device uses the router by', () => {
  const links = HOME.links.map((one) => (one.name === 'br-lan' ? { ...one, flags: 0 } : one));
  assert.match(notes({ links })[0]!, 'br-lan is down');
  const addresses = HOME.addresses.filter((one) => one.address !== '192.168.1.1');
  assert.match(notes({ addresses })[0]!, 'br-lan has no address');
});

test('a default route by a lan device', () => {
  const [said = ''] = problems({ routes: [route(5)] });
  assert.match(said, 'ip route: the default route leaves by br-lan, which is a lan device');
  assert.equal(stops({ routes: [route(5)] }), ['direct way_out 4']);
  assert.equal(stops({ routes: [route(4), route(5, { metric: 10 })] }), []);
  assert.match(
    problems({}, lan('wan'))[0]!,
    /nothing of IPv4 is proxied; uci del_list whp\.globals\.lan='wan'; uci add_list whp\.globals\.lan='br-lan'; uci commit whp; whp reload$/,
  );
  assert.match(
    problems({}, lan('br-lan', 'wan'))[0]!,
    /proxied; uci del_list [^;]*; uci commit whp/,
  );
  assert.match(problems({ routes: [route(4), route(5, { family: 6 })] })[0]!, /^ip -6 route: /);
  assert.equal(problems({ routes: [route(4), route(5, { metric: 10 })] }), []);
  assert.match(notes({ routes: [route(4), route(5, { metric: 10 })] })[0]!, 'while wan is down');
  assert.equal(problems({ routes: [route(4, { metric: 5 }), route(5, { table: 100 })] }), []);
  assert.equal(problems({ routes: [route(4, { metric: 9 }), route(5, { type: 7 })] }), []);
  const several = looked(CONFIG, { routes: [route(0)] });
  assert.match(seenOf(several, 'way out'), 'IPv4 by several devices, which are not looked at');
  assert.equal(problems({ routes: [route(4), route(5, { destination: '10.0.0.0/8' })] }), []);
});

test('a firewall without zone or forwarding for the tunnels', () => {
  const listing = (zone: string, to: string): string => `table inet fw4 {
	chain forward {
		type filter hook forward priority filter; policy drop;
		iifname "br-lan" jump forward_${zone} comment "!fw4: Handle ${zone} forward traffic"
	}
	chain forward_${zone} {
		jump accept_to_${to}
	}
	chain accept_to_whp {
		oifname "whp-*" counter packets 0 bytes 0 accept
	}
	chain accept_to_wan {
		oifname "wan" accept
	}
}
`;
  const told = (zone: string, to: string): string[] =>
    problems({ firewall: ok(readFirewall(listing(zone, to), [])) });
  assert.equal(told('lan', 'whp'), []);
  const [said = '', ...more] = told('lan', 'wan');
  assert.equal(more, []);
  assert.match(said, 'firewall, br-lan to whp-cloud: the firewall refuses new connections');
  assert.match(said, '(table inet fw4, chain forward, policy drop)');
  const fw = (text: string) => stops({ firewall: ok(readFirewall(text, [])) });
  const bad = listing('lan', 'wan');
  const at = (family: number, open = '') => `refused firewall ${family} br-lan cloud${open}`;
  assert.equal(fw(listing('lan', 'whp')), []);
  assert.equal(fw(bad), [at(4, ' open'), at(6, ' open')]);
  const kept = bad.replace(
    'iifname "br-lan"',
    'ct state established,related accept\n\t\tiifname "br-lan"',
  );
  assert.equal(fw(kept), [at(4), at(6)]);
  const udp = kept.replace('jump accept_to_wan', 'meta l4proto tcp oifname "whp-*" accept');
  assert.equal(fw(udp), [at(4, ' partly'), at(6, ' partly')]);
  assert.match(said, /; \/usr\/share\/whp\/firewall\.sh install; fw4 reload$/);
  const looks = looked(CONFIG, { firewall: ok(readFirewall(listing('lan', 'whp'), [])) });
  assert.is(seenOf(looks, 'firewall'), 'table inet fw4: passes from br-lan to whp-cloud');
  assert.is(
    seenOf(looked(CONFIG, {}), 'firewall'),
    'table inet fw4 is not loaded: it refuses nothing',
  );
  assert.match(
    seenOf(looked(CONFIG, { firewall: invalid('errno 1') }), 'firewall'),
    'not read: errno 1',
  );
  const home = listing('home', 'wan').replace(
    'jump accept_to_wan',
    'jump accept_to_wan\n\t\tip saddr 10.0.0.1 jump accept_to_whp',
  );
  const firewall = ok(readFirewall(home, []));
  assert.match(notes({ firewall })[0]!, 'of a rule that asks for more than the devices');
});

test('an ip rule before ours: what it takes now, of each app', () => {
  const rule = (change: Partial<KernelRule>) => [
    kernelRule({ preference: 100, table: 254, ...change }),
  ];
  assert.equal(stops({ rules: rule({}) }), ['refused rule skype 4 open']);
  assert.equal(stops({ rules: rule({ preference: 20000 }) }), []);
  const some = { selector: { source: '192.168.1.0/28' } };
  assert.equal(stops({ rules: rule(some) }), ['refused rule skype 4 partly open']);
  // A table without a route takes nothing yet; that it will is a problem already.
  const later = rule({ mark: 0x100, mask: 0xff00, table: 1 });
  assert.equal([stops({ rules: later }).length, problems({ rules: later }).length], [0, 1]);
  const routes = [...HOME.routes, route(4, { table: 1 })];
  assert.equal(stops({ rules: later, routes }), ['refused rule skype 4 partly open']);
  // Of another slot.
  assert.equal(stops({ rules: rule({ mark: 0x02000000, mask: 0x0f000000 }) }), []);
  assert.equal(stops({ rules: rule({ mark: 0x01000000, mask: 0x0f000000 }) }), [
    'refused rule skype 4 open',
  ]);
});

test('kernel modules that are missing, as far as they are needed', () => {
  const lacking = new Map([
    ['gre', 'errno 95'],
    ['gre6', 'errno 95'],
    ['queue', 'no nft queue'],
    ['announce', 'none'],
    ['connections', 'none'],
  ] as const);
  const said = problems({ lacking });
  assert.equal(
    said.map((line) => line.split(':')[0]),
    ['kmod-gre', 'kmod-nft-queue', 'kmod-nfnetlink-log', 'kmod-nf-conntrack-netlink'],
  );
  const fix = (installer: 'opkg' | 'apk' | null) =>
    problems({ lacking, installer })[0]!.split('; ');
  assert.equal(fix('opkg').slice(1), [
    'opkg update',
    'opkg install kmod-gre',
    '/etc/init.d/whp restart',
  ]);
  assert.equal(fix('apk').slice(1), ['apk update', 'apk add kmod-gre', '/etc/init.d/whp restart']);
  assert.equal(fix(null).slice(1), [
    'opkg install kmod-gre (from OpenWrt 25.12 on: apk add kmod-gre)',
    '/etc/init.d/whp restart',
  ]);
  const watched = CONFIG.replace("\tlist lan 'br-lan'\n", "\toption hold '0'\n");
  assert.not.ok(problems({ lacking }, watched).some((one) => one.startsWith('kmod-nft-queue')));
  const six = CONFIG.replace('203.0.113.20', '2001:db8::20');
  assert.match(problems({ lacking }, six)[0]!, /^kmod-gre6: no tunnel to an IPv6 address/);
  const off = CONFIG.replace("config app 'skype'\n", "config app 'skype'\n\toption enabled '0'\n");
  assert.equal(problems({ lacking }, off), []);
});

test('flow offload in software is fine, in the hardware a note', () => {
  const flowTables = [{ table: 'inet fw4', devices: ['br-lan', 'wan'], hardware: false }];
  assert.equal(notes({ firewall: ok({ forward: null, flowTables, hasBanIp: false }) }), []);
  const hard = [{ ...flowTables[0]!, hardware: true }];
  assert.match(
    notes({ firewall: ok({ forward: null, flowTables: hard, hasBanIp: false }) })[0]!,
    'hardware flow offload',
  );
});

test('a clock that is not set, or behind', () => {
  const at = (year: number, text = CONFIG): string =>
    noteLines(looked(text, {}, PROFILE, Date.UTC(year, 0, 5))).join('\n');
  assert.match(
    at(1970),
    'clock: the clock is not set (it says 1970-01-05): schedules do not count',
  );
  const timed = `${CONFIG}	list schedule 'mon-fri 16:00-20:00'\n`;
  assert.match(at(1970, timed), 'skype is proxied at all hours');
  assert.is(at(2027), '');
  const newer = withValue('/version', '2027-06-01', PROFILE) as Profile;
  const behind = noteLines(looked(CONFIG, {}, newer, Date.UTC(2027, 0, 5)));
  assert.match(
    behind[0]!,
    'the clock is behind: it says 2027-01-05, and a profile is of 2027-06-01',
  );
});

test('proxies and tunnels with addresses of a home', () => {
  for (const one of ['10.0.0.5', '192.168.1.200', '100.64.0.9', 'fd00::1']) {
    const [said = ''] = notes({}, CONFIG.replace('203.0.113.20', one));
    assert.match(said, `whp.cloud.address (/etc/config/whp:4): ${one} is no address of the public`);
  }
  const own4 = CONFIG.replace('203.0.113.20', '198.51.100.10');
  assert.match(notes({}, own4)[0]!, '198.51.100.10 is an address of this router');
  const [said = ''] = notes({}, CONFIG.replace('10.213.0.1', '192.168.1.1'));
  assert.match(
    said,
    'whp.cloud.local (/etc/config/whp:5): 192.168.1.1 is in the network of br-lan',
  );
  assert.match(notes({}, CONFIG.replace('10.213.0.2', '192.168.1.77'))[0]!, 'whp.cloud.remote');
  // The address of the tunnel device itself, once it exists.
  const links = [...HOME.links, link(9, 'whp-cloud', { kind: 'gre' })];
  const own = kernelAddress(9, '10.213.0.1/32', { peer: '10.213.0.2' });
  assert.equal(notes({ links, addresses: [...HOME.addresses, own] }), []);
});

test('a profile of a service that has ended', () => {
  const retired = withValue('/retired', '2025-05-05', PROFILE) as Profile;
  const [said = ''] = noteLines(looked(CONFIG, null, retired));
  assert.match(said, 'the service of profile Skype ended on 2025-05-05');
});

test('where nothing is to be proxied, nothing goes wrong', () => {
  const off = lan('br-lna').replace(
    "config app 'skype'\n",
    "config app 'skype'\n\toption enabled '0'\n",
  );
  assert.equal(problems({}, off), []);
  assert.match(notes({}, off)[0]!, 'there is no device "br-lna"');
});

test('what could not be looked at is told, and that no agent runs', () => {
  assert.match(
    notes({ firewall: invalid('nft: errno 1') })[0]!,
    'firewall: the loaded rules could not be',
  );
  assert.equal(problems({ firewall: invalid('nft: errno 1') }), []);
  assert.match(notes({ traffic: null, hasAgent: false })[0]!, 'agent: no agent runs');
  assert.is(
    seenOf(looked(CONFIG, { lacking: null }), 'kernel modules'),
    'not asked for now; whp check asks',
  );
});

test('a file alone is asked nothing of this router', () => {
  assert.equal(
    looked(lan('br-lna'), null).map(({ subject }) => subject),
    ['configuration', 'proxies', 'profiles', 'rules'],
  );
});

test('silence is counted while the link is up, and told after ten minutes', () => {
  const state = createTraffic();
  const lan0 = (received: number, change = {}) => [link(5, 'br-lan', { received, ...change })];
  watchTraffic(state, lan0(10), 0);
  assert.is(watchTraffic(state, lan0(10), 300_000).get('br-lan')!.silent, 300_000);
  assert.is(watchTraffic(state, lan0(11), 360_000).get('br-lan')!.silent, 0);
  const traffic = watchTraffic(state, lan0(11), 360_000 + 11 * 60_000);
  const looks = looked(CONFIG, { traffic });
  assert.match(
    notesOf(looks).silent[0]!.what,
    'no packet seen on br-lan for 11 min, though its link is up',
  );
  assert.match(noteLines(looks)[0]!, 'no packet seen on br-lan for 11 min');
  assert.equal(linesOf(looks), []);
  // A device without a carrier is not silent, and a new device of the same name starts a new count.
  const down = watchTraffic(state, lan0(11, { flags: 1 }), 30 * 60_000);
  assert.is(down.get('br-lan')!.silent, 0);
  watchTraffic(state, lan0(11), 40 * 60_000);
  const anew = watchTraffic(state, [link(9, 'br-lan', { received: 11 })], 60 * 60_000);
  assert.is(anew.get('br-lan')!.silent, 0);
  assert.is(watchTraffic(state, [], 61 * 60_000).size, 0);
  assert.is(notesOf(looked(CONFIG, { traffic: null })).silent.length, 0);
});

test('the verdict says what the file does', () => {
  const verdict = (text: string): string => {
    const uci = parseUci(text, 'whp');
    if (!uci.ok) throw new Error();
    const profiles = new Map([['skype', PROFILE]]);
    const policy = buildPolicy({ uci: uci.value, profiles, doh: ['198.51.100.61'] });
    if (!policy.ok) throw new Error(policy.problems[0]!.what);
    return verdictOf(policy.value, uci.value);
  };
  assert.is(
    verdict(CONFIG),
    'good: skype by cloud (203.0.113.20), all devices, refused when it is down',
  );
  const direct = `${CONFIG}	option fallback 'direct'\n	list device '192.168.1.9'\n`;
  assert.match(verdict(direct), '1 device, DIRECT when it is down');
  const off = CONFIG.replace("config app 'skype'\n", "config app 'skype'\n\toption enabled '0'\n");
  assert.is(
    verdict(off),
    "valid, but nothing is proxied: app skype is disabled; uci set whp.skype.enabled='1'; uci commit whp; whp reload",
  );
  assert.match(verdict(CONFIG.slice(0, CONFIG.indexOf('config app'))), 'there is no app section');
  // The proxy is the first thing that is missing, as in the file that is shipped.
  const unset = off.replace(
    "config proxy 'cloud'\n",
    "config proxy 'cloud'\n\toption enabled '0'\n",
  );
  for (const none of ['', unset])
    assert.match(
      verdict(none),
      'nothing is proxied: no proxy is enabled: on your server, whp-proxy',
    );
  const agent = CONFIG.replace("\tlist lan 'br-lan'\n", "\toption enabled '0'\n");
  assert.match(verdict(agent), 'nothing is proxied: the agent is switched off');
  const nobody = `${CONFIG}	list device 'tv'\nconfig device 'tv'\n	list name 'tv'\n`;
  assert.match(verdict(nobody), 'no device yet');
});

test.run();
