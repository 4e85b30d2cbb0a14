// preflight/firewall, forward-chain and offload: whether the first packet of a flow from the lan may be
// forwarded to the tunnel, by firewall4's rules as nft lists them and by an owner's rules.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readFirewall } from '../../../agent/src/preflight/firewall.ts';
import { type Fate, fateOf, type NewFlow } from '../../../agent/src/preflight/forward-chain.ts';

const FLOW: NewFlow = { from: 'br-lan', to: 'whp-cloud', family: 4, protocol: 'udp' };

/** The listing of table fw4 with these lines in the chains forward and forward_lan. */
function fw4(forward: string, lan: string, more = '', policy = 'drop'): string {
  const lines = (text: string): string =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `\t\t${line}\n`)
      .join('');
  return `table inet fw4 {
	flowtable ft {
		hook ingress priority filter
		devices = { "br-lan", "wan" }
		flags offload
		counter
	}

	chain input {
		type filter hook input priority filter; policy drop;
		iif "lo" accept comment "!fw4: Accept traffic from loopback"
		iifname "whp-*" jump forward_nowhere
	}

	chain forward {
		type filter hook forward priority filter; policy ${policy};
${lines(forward)}	}

	chain forward_lan {
${lines(lan)}	}

	chain accept_to_whp {
		meta nfproto ipv4 oifname "whp-*" ct state invalid counter packets 0 bytes 0 drop comment "!fw4: Prevent NAT leakage"
		oifname "whp-*" counter packets 12 bytes 3400 accept comment "!fw4: accept whp IPv4/IPv6 traffic"
	}

	chain accept_to_wan {
		meta nfproto ipv4 oifname "wan" ct state invalid counter packets 0 bytes 0 drop comment "!fw4: Prevent NAT leakage"
		oifname "wan" counter packets 1 bytes 40 accept comment "!fw4: accept wan IPv4/IPv6 traffic"
	}

	chain handle_reject {
		meta l4proto tcp reject with tcp reset comment "!fw4: Reject TCP traffic"
		reject comment "!fw4: Reject any other traffic"
	}

	chain mangle_forward {
		type filter hook forward priority mangle; policy accept;
		oifname "wan" tcp flags & (fin | syn | rst) == syn tcp option maxseg size set rt mtu comment "!fw4: Zone wan IPv4/IPv6 egress MTU fixing"
	}
${more}}
`;
}

const HANDLED = `meta l4proto { tcp, udp } flow add @ft
ct state vmap { established : accept, related : accept } comment "!fw4: Handle forwarded flows"
iifname "br-lan" jump forward_lan comment "!fw4: Handle lan IPv4/IPv6 forward traffic"
iifname "wan" jump forward_wan comment "!fw4: Handle wan IPv4/IPv6 forward traffic"
jump handle_reject`;
const ALLOWED = `jump accept_to_wan comment "!fw4: Accept lan to wan forwarding"
jump accept_to_whp comment "!fw4: Accept lan to whp forwarding"`;

function fate(listing: string, change: Partial<NewFlow> = {}): Fate {
  const { forward } = readFirewall(listing, []);
  return fateOf(forward!, { ...FLOW, ...change });
}

function passes(listing: string, change: Partial<NewFlow> = {}): string {
  const { passes, chain, some } = fate(listing, change);
  return passes ? 'yes' : `no: ${chain}${some.length > 0 ? `; some: ${some.join(' / ')}` : ''}`;
}

test('a zone and a forwarding for the tunnels: what comes from home passes', () => {
  const listing = fw4(HANDLED, ALLOWED);
  for (const protocol of ['udp', 'tcp'] as const) {
    for (const family of [4, 6] as const) assert.is(passes(listing, { protocol, family }), 'yes');
  }
  assert.is(passes(listing, { to: 'wan' }), 'yes');
  assert.match(passes(listing, { from: 'br-guest' }), 'no: handle_reject');
});

test('no forwarding, no zone, or one of another device: refused, and where', () => {
  const [wan] = ALLOWED.split('\n');
  assert.is(passes(fw4(HANDLED, wan!)), 'no: handle_reject');
  assert.is(passes(fw4(HANDLED, ALLOWED), { to: 'gre4-cloud' }), 'no: handle_reject');
  const noJump = HANDLED.split('\n').filter((line) => !line.includes('handle_reject'));
  assert.is(passes(fw4(noJump.join('\n'), wan!)), 'no: forward, policy drop');
  assert.is(passes(fw4(noJump.join('\n'), wan!, '', 'accept')), 'yes');
});

test('the names of the zones do not matter', () => {
  const zones = (text: string): string =>
    text.replaceAll('forward_lan', 'forward_home').replaceAll('accept_to_whp', 'accept_to_cloud');
  assert.is(passes(zones(fw4(HANDLED, ALLOWED))), 'yes');
  assert.is(passes(zones(fw4(HANDLED, ''))), 'no: handle_reject');
});

test('several devices of a zone, wildcards, negations and verdict maps', () => {
  const set = HANDLED.replace('iifname "br-lan"', 'iifname { "br-guest", "br-lan" }');
  assert.is(passes(fw4(set, ALLOWED)), 'yes');
  const other = HANDLED.replace('iifname "br-lan"', 'iifname { "br-guest", "br-iot" }');
  assert.is(passes(fw4(other, ALLOWED)), 'no: handle_reject');
  const not = 'iifname != "wan" oifname != { "wan", "wan6" } accept';
  assert.is(passes(fw4(not, '')), 'yes');
  assert.is(passes(fw4(not, ''), { from: 'wan' }), 'no: forward, policy drop');
  const map = 'iifname vmap { "br-lan" : jump forward_lan, "wan" : drop }';
  assert.is(passes(fw4(map, ALLOWED)), 'yes');
  assert.is(passes(fw4(map, '')), 'no: forward, policy drop');
  const states = 'ct state vmap { invalid : drop, established : accept, new : jump forward_lan }';
  assert.is(passes(fw4(states, ALLOWED)), 'yes');
});

test('a family, a protocol, goto and return', () => {
  const only4 = ALLOWED.replace('jump accept_to_whp', 'meta nfproto ipv4 jump accept_to_whp');
  assert.is(passes(fw4(HANDLED, only4)), 'yes');
  assert.is(passes(fw4(HANDLED, only4), { family: 6 }), 'no: handle_reject');
  const tcp = 'meta l4proto tcp oifname "whp-*" accept';
  assert.is(passes(fw4(HANDLED, tcp), { protocol: 'tcp' }), 'yes');
  assert.is(passes(fw4(HANDLED, tcp)), 'no: handle_reject');
  const gone = HANDLED.replace('jump forward_lan', 'goto forward_lan');
  assert.is(passes(fw4(gone, '')), 'no: forward, policy drop');
  assert.is(passes(fw4(HANDLED, `return\n${ALLOWED}`)), 'no: handle_reject');
});

test('a rule that asks for more concerns some flows: it neither saves nor spoils the others', () => {
  const blocked = `ether saddr 02:00:00:00:00:0a drop comment "!fw4: no tv"\n${ALLOWED}`;
  assert.is(passes(fw4(HANDLED, blocked)), 'yes');
  const rate = `limit rate 5/second return\n${ALLOWED}`;
  assert.is(passes(fw4(HANDLED, rate)), 'yes');
  const some = 'ip saddr 192.168.1.0/24 oifname "whp-*" counter packets 0 bytes 0 accept';
  assert.is(passes(fw4(HANDLED, some)), `no: handle_reject; some: ${some}`);
  assert.is(passes(fw4(HANDLED, some), { family: 6 }), 'no: handle_reject');
  const jump = 'ip saddr 192.168.1.0/24 jump accept_to_whp';
  assert.is(passes(fw4(HANDLED, jump)), `no: handle_reject; some: ${jump}`);
  // Rules for another device, another protocol, a port forward.
  assert.is(passes(fw4(HANDLED, 'udp dport 53 oifname "wan" accept')), 'no: handle_reject');
  assert.is(passes(fw4(HANDLED, 'tcp dport 443 accept')), 'no: handle_reject');
  assert.is(passes(fw4(HANDLED, 'ct status dnat accept')), 'no: handle_reject');
});

test('thousands of addresses, and of rules for single ones, change nothing', () => {
  const many = Array.from({ length: 5000 }, (_, i) => `10.${i >> 8}.${i & 255}.1`);
  const blocked = `ip saddr { ${many.join(', ')} } drop\n${ALLOWED}`;
  assert.is(passes(fw4(HANDLED, blocked)), 'yes');
  const single = many.map((one) => `ip daddr ${one} udp dport 53 accept`).join('\n');
  assert.is(passes(fw4(HANDLED, `${single}\n${ALLOWED}`)), 'yes');
  const allowed = `ip saddr { ${many.join(', ')} } accept`;
  assert.is(passes(fw4(HANDLED, allowed)), 'no: handle_reject; some: ip saddr { many } accept');
});

test('what a log prefix or a comment says is no match', () => {
  const line =
    'log prefix "oifname \\"wan\\" drop " level warn accept comment "iifname \\"x\\" drop"';
  assert.is(passes(fw4(HANDLED, line.replaceAll('\\"', ''))), 'yes');
});

test('every chain at the hook has to let it pass', () => {
  const later = `
	chain user_forward {
		type filter hook forward priority filter + 5; policy accept;
		oifname "whp-cloud" drop
	}
`;
  assert.is(passes(fw4(HANDLED, ALLOWED, later)), 'no: user_forward');
  assert.is(passes(fw4(HANDLED, ALLOWED, later), { to: 'whp-other' }), 'yes');
});

test('chains that jump in a circle, or are not there, end', () => {
  const circle = 'jump forward_lan\njump forward_lan';
  const most = 'no: forward, policy drop; some: more than 1000 rules';
  assert.is(passes(fw4(HANDLED, circle)), most);
  assert.is(passes(fw4('jump nowhere\ngoto nowhere', '')), 'no: forward, policy drop');
});

test('of a table that is not loaded nothing is claimed, and only what forward reaches is kept', () => {
  assert.is(readFirewall('', []).forward, null);
  assert.is(readFirewall('table ip filter {\n\tchain FORWARD {\n\t}\n}\n', []).forward, null);
  const { forward } = readFirewall(fw4(HANDLED, ALLOWED), []);
  assert.equal(Array.from(forward!.keys()).sort(), [
    'accept_to_wan',
    'accept_to_whp',
    'forward',
    'forward_lan',
    'handle_reject',
    'mangle_forward',
  ]);
});

test('flow tables of others, in software and in the hardware, and none of ours', () => {
  const listing = `${fw4(HANDLED, ALLOWED)}table ip soft {
	flowtable f {
		hook ingress priority filter
		devices = { eth0 }
	}
}
table inet whp_offload {
	flowtable none {
		hook ingress priority filter
		devices = { lo }
	}
}
`;
  assert.equal(readFirewall(listing, ['inet whp_offload']).flowTables, [
    { table: 'inet fw4', devices: ['br-lan', 'wan'], hardware: true },
    { table: 'ip soft', devices: ['eth0'], hardware: false },
  ]);
});

test('banIP is seen by its table, whatever is in it', () => {
  const of = (listing: string): boolean => readFirewall(listing, []).hasBanIp;
  assert.ok(of('table inet fw4 {\n}\ntable inet banIP {\n\tchain wan-input {\n\t}\n}\n'));
  assert.not.ok(of('table inet banIPx {\n}\ntable ip banIP {\n}\n'));
});

test.run();
