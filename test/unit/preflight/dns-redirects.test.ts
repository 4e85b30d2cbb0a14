// preflight/dns-redirects: rules that redirect DNS of devices, as nft 1.0.6 lists them: those of firewall4, Docker,
// transparent proxies and owners.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readDnsRedirects } from '../../../agent/src/preflight/dns-redirects.ts';

const ANY = { from: [], only: null, sources: null, passesRouter: false, isEveryPort: false };

/** A prerouting chain with one rule. */
function turned(rule: string, more = ''): unknown[] {
  const listing = `table ip x {
${more}	chain pre {
		type nat hook prerouting priority dstnat; policy accept;
		${rule}
	}
}
`;
  return readDnsRedirects(listing, []).map(({ table, ...rest }) => {
    assert.is(table, 'ip x');
    return rest;
  });
}

test('the forms of redirect and dnat', () => {
  const forms: [string, string | null, number | null][] = [
    ['udp dport 53 redirect', null, null],
    ['udp dport 53 redirect to :5353', null, 5353],
    ['tcp dport 53 counter packets 0 bytes 0 redirect to :5353 comment "!fw4: DNS"', null, 5353],
    [
      'udp dport { 53, 5353 } counter packets 0 bytes 0 dnat ip to 192.168.1.5:54',
      '192.168.1.5',
      54,
    ],
    ['meta l4proto { tcp, udp } th dport 53 dnat ip to 192.168.1.5', '192.168.1.5', null],
    ['udp dport 50-60 redirect to :5300-5310', null, 5300],
    ['udp dport 53 dnat ip6 to [fd00::5]:53', 'fd00::5', 53],
    ['udp dport 53 dnat ip6 to 2001:470::5', '2001:470::5', null],
    ['udp dport 53 dnat to 192.168.1.5 random', '192.168.1.5', null],
    ['udp dport 53 counter packets 0 bytes 0 xt target "REDIRECT"', '?', null],
    ['dnat ip to udp dport map { 53 : 192.168.1.9 }', '?', null],
  ];
  for (const [rule, to, port] of forms) assert.equal(turned(rule), [{ ...ANY, to, port }], rule);
});

test('what is no DNS of devices is none', () => {
  const none = [
    'udp dport 5353 redirect to :53',
    'udp dport != 53 redirect to :9',
    'tcp dport { 80, 443 } redirect to :8080',
    'udp dport 60-70 redirect to :9',
    'ip saddr 192.168.1.5 udp dport 53 return',
    'dnat ip to udp dport map { 80 : 192.168.1.9 }',
    'tcp dport vmap { 80 : jump web }',
    'udp dport 53 accept comment "redirect to :5353"',
    'udp dport @ports redirect to :1053',
  ];
  for (const rule of none) assert.equal(turned(rule), [], rule);
  const elsewhere = `table ip x {
	chain out {
		type nat hook output priority -100; policy accept;
		udp dport 53 redirect to :5353
	}

	chain nobody {
		udp dport 53 redirect to :5353
	}
}
`;
  assert.equal(readDnsRedirects(elsewhere, []), []);
  const own = elsewhere.replace('hook output', 'hook prerouting');
  assert.is(readDnsRedirects(own, []).length, 1);
  assert.equal(readDnsRedirects(own, ['ip x']), []);
});

test('conditions are gathered on the way through jumps and maps', () => {
  const chains = `	chain dns {
		meta l4proto { tcp, udp } redirect to :6053
	}

`;
  const jumped = turned('iifname { "br-lan", "br-iot" } udp dport 53 jump dns', chains);
  const from = [{ not: false, list: '{ "br-lan", "br-iot" }' }];
  assert.equal(jumped, [{ ...ANY, from, to: null, port: 6053 }]);
  const mapped = turned('udp dport vmap { 80 : accept, 53 : jump dns }', chains);
  assert.equal(mapped, [{ ...ANY, to: null, port: 6053 }]);
  const byDevice = turned('iifname vmap { "lo" : accept, "wan" : jump dns }', chains);
  const wan = [{ not: false, list: '"wan"' }];
  assert.equal(byDevice, [{ ...ANY, isEveryPort: true, from: wan, to: null, port: 6053 }]);
  const not = [{ not: true, list: '"wan"' }];
  assert.equal(turned('iifname != "wan" ip daddr 8.8.8.8 udp dport 53 redirect to :54'), [
    { ...ANY, from: not, only: '8.8.8.8', to: null, port: 54 },
  ]);
  assert.equal(turned('ip daddr != 192.168.1.1 udp dport 53 dnat ip to 192.168.1.5'), [
    { ...ANY, passesRouter: true, to: '192.168.1.5', port: null },
  ]);
  const sources = '{ 192.168.1.5, 10.8.0.0/24 }';
  assert.equal(turned(`ip saddr ${sources} udp dport 53 redirect to :54`), [
    { ...ANY, sources, to: null, port: 54 },
  ]);
  assert.equal(turned('meta l4proto tcp redirect to :7892'), [
    { ...ANY, isEveryPort: true, to: null, port: 7892 },
  ]);
});

test('chains that jump in a circle end', () => {
  const circle = '	chain a {\n\t\tjump a\n\t\tudp dport 53 redirect to :5\n	}\n\n';
  assert.is(turned('jump a', circle).length, 1);
});

test.run();
