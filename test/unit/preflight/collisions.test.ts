// preflight/collisions and mark-uses: rules, routes and marks of mwan3, pbr and others. A collision names the
// option to change and a free value; without a collision there is no problem.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KernelRoute } from '../../../agent/src/netlink/route.ts';
import type { KernelRule } from '../../../agent/src/netlink/rule.ts';
import { collisions, type Found } from '../../../agent/src/preflight/collisions.ts';
import { markUses } from '../../../agent/src/preflight/mark-uses.ts';
import type { Home } from '../../../agent/src/preflight/rule-reach.ts';
import * as names from '../../../agent/src/ruleset/names.ts';
import { kernelRoute, kernelRule } from '../../fixtures/kernel-objects.ts';

const OURS = { mask: 0x0f000000, preference: 15000, table: 15000 };

/** A router with IPv4 and IPv6 in its lan, one app, and a WAN address. */
const HOME: Home = {
  devices: [{ name: 'br-lan', vrf: '' }],
  vrfTables: [],
  networks: ['192.168.1.1/24', 'fd00:1::1/64', '2001:db8:5::1/64'],
  own: ['192.168.1.1', '198.51.100.10', '203.0.113.20', '2001:db8:5::1'],
  slots: [1],
  mask: 0x0f000000,
};

function rule(preference: number, change: Partial<KernelRule> = {}): KernelRule {
  return kernelRule({ preference, ...change });
}

function route(table: number, change: Partial<KernelRoute> = {}): KernelRoute {
  return kernelRoute({ table, ...change });
}

const MAIN = [rule(0, { table: 255 }), rule(32766), rule(32767, { table: 253 })];

function told(found: Partial<Found>, ours = OURS): string[] {
  const { rules = [], routes = [], marks = [], claims = [] } = found;
  const all = { rules: [...MAIN, ...rules], routes: [route(254), ...routes], marks, claims };
  return collisions(ours, all, HOME, 119).map(({ where, what }) => `${where}: ${what}`);
}

const mwan3 = [
  rule(1001, { table: 1, selector: { iif: 'wan' } }),
  rule(2001, { table: 1, mark: 0x100, mask: 0x3f00 }),
  rule(2061, { table: 0, mark: 0x3d00, mask: 0x3f00, action: 6 }),
];
const pbr = [rule(29998, { table: 258, mark: 0x20000, mask: 0xff0000 })];

test('nobody else, or others far from us: nothing to say', () => {
  assert.equal(told({}), []);
  assert.equal(told({ rules: pbr, routes: [route(258)] }), []);
  const own = rule(15001, { mark: 0x01000000, mask: 0x0f000000, table: 15001, protocol: 119 });
  assert.equal(told({ rules: [own], routes: [route(15001, { protocol: 119 })] }), []);
  // netifd's rules for its own addresses, Tailscale's for its own packets, wg-quick's for the rest.
  const tailscale = rule(5210, { mark: 0x80000, mask: 0xff0000 });
  const wireguard = rule(9000, { suppressed: 0 });
  assert.equal(
    told({
      rules: [rule(10000, { selector: { source: '198.51.100.10/32' } }), tailscale, wireguard],
    }),
    [],
  );
  // A table without a default route diverts nothing.
  const some = route(52, { destination: '100.64.0.0/10' });
  assert.equal(told({ rules: [rule(5270, { table: 52 })], routes: [some] }), []);
});

test("mwan3's rules come before ours: a preference before them", () => {
  const said = told({ rules: mwan3, routes: [route(1)] });
  assert.is(said.length, 2);
  assert.match(said[0]!, 'whp.globals.preference: ip rule 2001 (fwmark 0x00000100/0x00003f00');
  assert.match(said[0]!, 'of mwan3 comes before ours');
  assert.match(said[0]!, 'uci set whp.globals.preference=1500; uci commit whp; whp reload');
  assert.equal(told({ rules: mwan3, routes: [route(1)] }, { ...OURS, preference: 1500 }), []);
});

test('a rule before ours that takes everything', () => {
  const all = rule(10, { table: 100 });
  const [said] = told({ rules: [all], routes: [route(100)] });
  assert.match(said!, 'ip rule 10 (table 100)');
  assert.match(said!, 'no fifteen preferences');
});

test('bits of the mark: rules, tables, and what others claim', () => {
  const taken = rule(29000, { mark: 0x01000000, mask: 0xff000000 });
  const [said] = told({ rules: [taken] });
  assert.match(
    said!,
    /^whp\.globals\.mask: ip rule 29000 .* reads our bits; uci set whp\.globals\.mask=/,
  );
  assert.match(said!, 'uci set whp.globals.mask=0x000000f0; uci commit whp; whp reload');
  // Our mask overlaps pbr's: its rule can match our packets.
  const inPbr = told({ rules: pbr }, { ...OURS, mask: 0x00f00000 });
  assert.match(
    inPbr[0]!,
    'of pbr or Tailscale reads our bits; uci set whp.globals.mask=0x0f000000',
  );
  const inMwan3 = told({ claims: [{ who: 'mwan3', mask: 0x3f00 }] }, { ...OURS, mask: 0x00000f00 });
  assert.match(inMwan3[0]!, 'mwan3 uses bits 0x00003f00');
  const used = told({ marks: [{ table: 'inet qos', bits: 0x0c000000 }] });
  assert.match(used[0]!, 'nftables table inet qos uses bits 0x0c000000');
  const all = told({ marks: [{ table: 'inet fw4', bits: 0xffffffff }] });
  assert.match(all[0]!, 'table inet fw4 writes all bits of the mark');
});

test('preferences and tables in use', () => {
  const among = rule(15003, { table: 200, selector: { source: '192.168.1.9/32' } });
  assert.match(told({ rules: [among] })[0]!, 'stands among ours (15001 to 15015)');
  const said = told({ routes: [route(15004)] });
  assert.match(said[0]!, 'whp.globals.table: routing table 15004 is used by another program too');
  assert.match(said[0]!, 'uci set whp.globals.table=16000');
});

test('a hundred rules are four lines and a number', () => {
  const many = Array.from({ length: 100 }, (_, i) =>
    rule(100 + i, { mark: i + 1, mask: 0xff, table: 1 }),
  );
  const said = told({ rules: many });
  assert.is(said.length, 5);
  assert.match(said[4]!, 'and 96 more');
});

const LISTING = `table inet whp {
	chain x {
		meta mark set 0x00000001
	}
}
table inet fw4 {
	chain mangle_prerouting {
		type filter hook prerouting priority mangle; policy accept;
		iifname "br-lan" ip saddr 192.168.1.9 counter packets 0 bytes 0 meta mark set 0x00000001 comment "!fw4: meta mark set 0x7"
		meta mark & 0x00ff0000 == 0x00010000 accept
		meta mark 0x00000005 accept
		tcp dport 25 accept comment "a mark set here"
	}
}
table inet pbr {
	chain mark {
		meta mark set meta mark & 0xff00ffff | 0x00010000
		meta mark & 0x00ff0000 == 0x00000000 goto y
		ct mark set ct mark & 0xffff00ff
		ct mark set meta mark
		return
	}
}
`;

test('what a listing says about marks', () => {
  const uses = markUses(LISTING, ['inet whp']).map(
    ({ table, bits }) => `${table} ${bits.toString(16)}`,
  );
  assert.equal(uses, [
    'inet fw4 ffffffff',
    'inet fw4 ff0000',
    'inet pbr ff0000',
    'inet pbr ff00',
    'inet pbr ffffffff',
  ]);
});

test('no table of ours is taken for one of others', () => {
  const tables = Object.entries(names).filter(([name]) => /(^|_)TABLE$/.test(name));
  const listing = tables.map(([, name]) => `table inet ${name} {\n\t\tct mark set 0x1\n}\n`);
  assert.is(tables.length, names.OWN_TABLES.length);
  assert.equal(markUses(listing.join(''), names.OWN_TABLES), []);
  assert.is(markUses(listing.join(''), []).length, tables.length);
});

test('a cut-off or foreign listing is no exception', () => {
  for (let at = 0; at < LISTING.length; at += 7) markUses(LISTING.slice(0, at), []);
  assert.equal(markUses('meta mark set 7', []), [{ table: '', bits: 0xffffffff }]);
});

test.run();
