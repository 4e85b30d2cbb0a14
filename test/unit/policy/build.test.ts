// policy/build: a configuration and profiles give a policy, or a complete list of problems.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildPolicy, DEFAULT_GLOBALS } from '../../../agent/src/policy/build.ts';
import { decided, NO_CHOICES } from '../../../agent/src/policy/choices.ts';
import { mappedBlock, mappedProfile, nat64Prefixes } from '../../../agent/src/policy/nat64.ts';
import type { Policy } from '../../../agent/src/policy/policy.ts';
import { SECTIONS } from '../../../agent/src/policy/sections.ts';
import { dayOf, expiredRanges } from '../../../agent/src/profile/expiry.ts';
import type { Profile } from '../../../agent/src/profile/profile.ts';
import { findAppRange } from '../../../agent/src/profile/range-match.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import { parseAddress, parseCidr } from '../../../agent/src/wire/address.ts';
import { withoutLines } from '../../fixtures/policies.ts';
import { profileJson } from '../../fixtures/profile.ts';
import { CLOUD } from '../../fixtures/uci.ts';

const skype = profileJson as unknown as Profile;
const profiles = new Map<string, Profile>([
  ['skype', skype],
  ...Array.from({ length: 15 }, (_, i) => [`p${i}`, { ...skype, name: `p${i}` }] as const),
]);

function build(text: string, slots?: ReadonlyMap<string, number>) {
  const uci = parseUci(text, 'whp');
  if (!uci.ok) throw new Error(uci.problems[0]!.what);
  return buildPolicy({ uci: uci.value, profiles, ...(slots && { slots }) });
}

function built(text: string, slots?: ReadonlyMap<string, number>) {
  const result = build(text, slots);
  if (!result.ok)
    throw new Error(result.problems.map(({ where, what }) => `${where} ${what}`).join('\n'));
  return result.value;
}

function problems(text: string): string[] {
  const result = build(text);
  return result.ok ? [] : result.problems.map(({ where, what }) => `${where}: ${what}`);
}

test('nothing configured is the empty policy with its defaults', () => {
  assert.equal(built(''), { globals: DEFAULT_GLOBALS, proxies: [], apps: [] });
});

test('a whole configuration', () => {
  const policy = built(`package whp
config globals 'globals'
	list lan 'br-lan'
	list lan 'br-guest'
	option mask '0x00f00000'
	option preference '14000'
	option hold 'off'
${CLOUD}	option key '7'
	option mtu '1400'
config app 'skype'
	option fallback 'direct'
	list proxy 'cloud'
	list device '192.168.1.34'
	list device '192.168.1.77/28'
package network
`);
  assert.equal(policy, {
    globals: {
      ...DEFAULT_GLOBALS,
      lan: ['br-lan', 'br-guest'],
      mask: 0x00f00000,
      preference: 14000,
      hold: false,
    },
    proxies: [
      {
        name: 'cloud',
        address: '203.0.113.20',
        key: 7,
        local: '10.213.0.1',
        remote: '10.213.0.2',
        mtu: 1400,
      },
    ],
    apps: [
      {
        name: 'skype',
        slot: 1,
        profile: mappedProfile(skype, nat64Prefixes()),
        devices: ['192.168.1.34', '192.168.1.64/28'],
        fallback: 'direct',
        proxies: ['cloud'],
      },
    ],
  });
});

test('what is disabled is left out', () => {
  const app = "config app 'skype'\n\tlist proxy 'cloud'\n";
  assert.equal(built(`config globals\n\toption enabled '0'\n${CLOUD}${app}`).apps, []);
  assert.equal(built(`${CLOUD}${app}\toption enabled '0'\n`).apps, []);
  const unset = "config proxy 'cloud'\n\toption enabled '0'\n";
  assert.equal(built(`${unset}${app}\toption enabled '0'\n`).proxies, []);
  assert.equal(problems(`${unset}${app}`), [
    "whp.skype.proxy (whp:4): every proxy of the list is disabled; uci set whp.cloud.enabled='1'; uci commit whp; whp reload",
  ]);
});

test('ranges, exceptions and pins count behind NAT64 too', () => {
  const lists = "\tlist nat64 'fd64::/96'\n\tlist nat64 '2001:db8:64::/48'\n";
  const rule = "config rule 'bank'\n\toption action 'direct'\n\tlist address '198.51.100.0/24'\n";
  const app = "config app 'skype'\n\tlist proxy 'cloud'\n";
  const policy = built(`config globals\n${lists}${CLOUD}${app}${rule}`);
  assert.equal(policy.globals.nat64, ['fd64::/96', '2001:db8:64::/48']);
  const at = (text: string, port: number) => {
    const bytes = parseAddress(text)!;
    return findAppRange(policy.apps[0]!, { bytes, offset: 0, family: 6, protocol: 'udp', port });
  };
  const [block] = policy.apps[0]!.profile.ranges.find(({ learn }) => learn.length > 0)!.addresses;
  for (const prefix of ['64:ff9b::/96', 'fd64::/96', '2001:db8:64::/48']) {
    const mapped = mappedBlock(block!, parseCidr(prefix)!)!;
    assert.is(at(mapped.split('/')[0]!, 33033)?.block, mapped);
    assert.is(at(mapped.split('/')[0]!, 34), null, 'another port');
  }
  assert.equal(policy.apps[0]!.except![0]!.addresses, [
    '198.51.100.0/24',
    '64:ff9b::c633:6400/120',
    'fd64::c633:6400/120',
    '2001:db8:64:c633:64::/80',
  ]);
  const choices = { ...NO_CHOICES, pins: [{ app: 'skype', address: '198.51.100.7' }] };
  const { pins } = decided(policy, choices, { now: 0, minute: null }).apps[0]!;
  assert.ok(pins!.addresses.includes('fd64::c633:6407'), pins!.addresses.join());
  assert.is(
    built(`config globals\n${lists}${CLOUD}${app}`).apps[0]!.profile.ranges[0],
    policy.apps[0]!.profile.ranges[0],
  );
  assert.equal(problems(`config globals\n\tlist nat64 '64:ff9b::/96'\n`), [
    'whp.@globals[0].nat64 (whp:2): 64:ff9b::/96 counts without being named; remove it',
  ]);
  const many = [1, 2, 3, 4].map((i) => `\tlist nat64 'fd64:${i}::/96'\n`).join('');
  assert.equal(problems(`config globals\n${many}`), [
    'whp.@globals[0].nat64 (whp:5): has 4 prefixes; at most 3, remove some',
  ]);
});

test('apps keep the slots they have, new ones get the lowest free', () => {
  const app = (name: string, i: number) =>
    `config app '${name}'\n\toption profile 'p${i}'\n\tlist proxy 'cloud'\n`;
  const text = CLOUD + ['a', 'b', 'c'].map(app).join('');
  const slots = (before?: ReadonlyMap<string, number>) =>
    built(text, before).apps.map(({ name, slot }) => `${name}${slot}`);
  assert.equal(slots(), ['a1', 'b2', 'c3']);
  assert.equal(
    slots(
      new Map([
        ['c', 1],
        ['gone', 2],
      ]),
    ),
    ['a2', 'b3', 'c1'],
  );
  const many = CLOUD + Array.from({ length: 12 }, (_, i) => app(`n${i}`, i)).join('');
  assert.equal(problems(many), ['whp.n11 (whp:38): more than 11 apps; disable some']);
});

test('ranges out of date are left out when the day is known', () => {
  const uci = parseUci(`${CLOUD}config app 'skype'\n\tlist proxy 'cloud'\n`, 'whp');
  if (!uci.ok) throw new Error('config');
  const ranges = (today: string) => {
    const result = buildPolicy({ uci: uci.value, profiles, today });
    return result.ok ? result.value.apps[0]!.profile.ranges.length : -1;
  };
  assert.equal([ranges('1970-01-01'), ranges('2030-01-01'), ranges('2030-01-02')], [1, 1, 0]);
  assert.is(expiredRanges(skype, dayOf(Date.UTC(2030, 0, 2))).length, 1);
});

test('every problem is reported at once, with option, line and fix', () => {
  const text = `config globals 'globals'
	option mask '0xff'
	option preference '40000'
	option table '250'
	option queue 'x'
	option hold 'maybe'
	option colour 'red'
	list lan 'a device'
config globals 'again'
config proxy 'much_too_long'
	option address 'cloud.example'
	option local '10.254.1.2'
	option remote '10.254.1.2'
	option key '-1'
	option mtu '576'
config proxy 'two'
	option local '10.254.1.2'
	option remote '2001:db8::1'
	option remote '10.0.0.1'
	list address '203.0.113.1'
config app 'Skype'
	option profile 'nope'
	option fallback 'maybe'
	list proxy 'three'
	list device 'kitchen'
config app 'skype'
	option enabled '2'
	list proxy 'two'
	list proxy 'two'
config colour 'x'
config app 'three'
config app
`;
  const expected = [
    'whp.globals.mask (whp:2): needs exactly four neighbouring bits, as in 0x0f000000',
    'whp.globals.preference (whp:3): "40000" is no whole number from 1 to 32750',
    "whp.globals.table (whp:4): would use tables 253 to 255, which are the system's; as in 15000",
    'whp.globals.queue (whp:5): "x" is no whole number from 0 to 65532',
    'whp.globals.hold (whp:6): "maybe" is neither 1 nor 0',
    'whp.globals.colour (whp:7): unknown option of a globals section; use enabled, mask, preference, table, queue, group, hold, dnsmasq, boot_hold, log_flows, test_address, hello, dns_redirect, dns_reject_dot, dns_reject_doh, lan, nat64, dns_device',
    `whp.globals.lan (whp:8): "a device" is no name of a network device (1 to 15 letters, digits and . _ @ -); write: list lan 'br-lan', as ip link shows it`,
    'whp.again (whp:9): there is a globals section already; join the two',
    'whp.much_too_long (whp:10): a proxy needs a name of 1 to 10 letters, digits or _: "much_too_long" has 13 characters, at most 10',
    'whp.much_too_long.address (whp:11): "cloud.example" is no IP address; write the proxy\'s public IP address',
    'whp.much_too_long.remote (whp:13): is the same as local; change one',
    'whp.much_too_long.key (whp:14): "-1" is no whole number from 0 to 4294967295',
    'whp.much_too_long.mtu (whp:15): "576" is no whole number from 1280 to 65535',
    'whp.two.local (whp:17): proxy much_too_long uses 10.254.1.2 too; give each its own',
    "whp.two.address (whp:20): has one value; write: option address 'VALUE'",
    'whp.Skype (whp:21): an app needs a name of 1 to 10 of a-z and 0-9, a letter first',
    'whp.Skype.profile (whp:22): there is no profile "nope"; known: p0, p1, p10, p11, p12, p13, p14, p2, p3, p4, p5, p6, p7, p8, p9, skype; your own go to /etc/whp/profiles.d; without option profile the rules of the app say what belongs to it',
    'whp.Skype.fallback (whp:23): "maybe" is not one of block, direct',
    'whp.Skype.proxy (whp:24): there is no proxy "three"; known: much_too_long, two',
    'whp.Skype.device (whp:25): "kitchen" is no MAC, no address, no block such as 192.168.1.32/28, and no device or group section (there are none)',
    'whp.skype.enabled (whp:27): "2" is neither 1 nor 0',
    'whp.skype.proxy (whp:29): "two" is there twice',
    'whp.x (whp:30): unknown section type "colour"; use globals, proxy, app, device, group, rule, sync',
    `whp.three (whp:31): nothing says what belongs to it: no profile "three" is installed (known: p0, p1, p10, p11, p12, p13, p14, p2, p3, p4, p5, p6, p7, p8, p9, skype), and no rule with action proxy has app three; uci set whp.three_rule=rule; uci set whp.three_rule.action='proxy'; uci set whp.three_rule.app='three'; uci add_list whp.three_rule.name='three.example.com'; uci commit whp; whp reload`,
    "whp.three.proxy (whp:31): is missing; write: list proxy 'NAME' (known: much_too_long, two)",
    'whp.@app[3] (whp:32): an app needs a name of 1 to 10 of a-z and 0-9, a letter first',
    "whp.@app[3].proxy (whp:32): is missing; write: list proxy 'NAME' (known: much_too_long, two)",
  ];
  assert.equal(problems(text), expected);
});

const ofGlobals = (option: string, value: string): string[] =>
  problems(`config globals 'globals'\n\toption ${option} '${value}'\n`);

for (const [option, from, to] of [
  ['boot_hold', 0, 60],
  // Two more numbers follow; queue 65535 has no listener.
  ['queue', 0, 65532],
  ['group', 0, 65533],
] as const) {
  test(`${option} is a whole number from ${from} to ${to}`, () => {
    for (const value of [from, to]) assert.equal(ofGlobals(option, String(value)), [], `${value}`);
    for (const value of [String(to + 1), '-1', '1.5', 'x'])
      assert.equal(ofGlobals(option, value), [
        `whp.globals.${option} (whp:2): "${value}" is no whole number from ${from} to ${to}`,
      ]);
  });
}

/** One section of each type, into which an option without a value is written. */
const EACH: Readonly<Record<string, string>> = {
  globals: "config globals 'globals'\n\toption mask '0x00f00000'\n",
  proxy: `${CLOUD}\toption key '7'\n`,
  app: "config app 'skype'\n\tlist proxy 'cloud'\n",
  device: "config device 'tv'\n\tlist mac 'aa:bb:cc:00:00:01'\n",
  group: "config group 'kids'\n\tlist device 'tv'\n",
  rule: "config rule\n\toption action 'direct'\n\tlist address '192.0.2.1'\n",
  sync: "config sync\n\toption url 'https://cloud.example/policy'\n",
};

function unplaced(text: string): Policy {
  return withoutLines(built(text));
}

test('test_address: a name and the IPv4 address of a resolver', () => {
  const of = (value: string) => `config globals\n\toption test_address '${value}'\n`;
  const { test } = built(of('whoami.akamai.net@193.108.88.1')).globals;
  assert.equal(test, { name: 'whoami.akamai.net', resolver: '193.108.88.1' });
  assert.is(built('config globals\n').globals.test, undefined);
  for (const value of [
    '193.108.88.1',
    'a.example',
    'a.example@b.example',
    'a.example@::1',
    'a b.example@1.1.1.1',
    `${'a'.repeat(64)}.example@1.1.1.1`,
    'a..example@1.1.1.1',
  ])
    assert.match(problems(of(value))[0] ?? '', 'is no NAME@ADDRESS', value);
});

test('an option without a value is not set, whichever it is', () => {
  const whole = Object.values(EACH).join('');
  const expected = unplaced(whole);
  for (const [type, { options, lists }] of Object.entries(SECTIONS)) {
    for (const option of [...options, ...lists]) {
      for (const line of [`option ${option} ''`, `option ${option}`, `option ${option} "" # x`]) {
        const text = whole.replace(EACH[type]!, `${EACH[type]}\t${line}\n`);
        assert.equal(unplaced(text), expected, `${type}: ${line}`);
      }
    }
  }
});

test('a list of empty values never passes for no list', () => {
  const meanings = new Map([
    ['app.device', ': without it, all devices'],
    ['app.schedule', ': without it, all hours'],
    ['globals.lan', ': without it, br-lan'],
    ['globals.dns_device', ': without it, all devices'],
    ['rule.port', ': without it, every port'],
  ]);
  const whole = Object.values(EACH).join('');
  for (const [type, { lists }] of Object.entries(SECTIONS)) {
    for (const list of lists) {
      const text = whole.replace(EACH[type]!, `${EACH[type]}\tlist ${list} ''\n\tlist ${list}\n`);
      // An empty option beside one with a value changes nothing.
      const isSet = EACH[type]!.includes(`list ${list} `);
      const meaning = meanings.get(`${type}.${list}`) ?? '';
      const what = `is empty; write a value, or remove the line${meaning}`;
      const at = text.slice(0, text.indexOf(`list ${list} ''`)).split('\n').length;
      const found = problems(text).filter((one) => one.includes(`.${list} (whp:${at}): ${what}`));
      assert.is(found.length, isSet ? 0 : 1, `${type}.${list}: ${problems(text).join('\n')}`);
      if (isSet) assert.equal(unplaced(text), unplaced(whole), `${type}.${list}`);
    }
  }
});

test('two tunnels to one proxy need keys of their own, two apps profiles of their own', () => {
  const second = CLOUD.replace('cloud', 'second').replace('10.213.0.1', '10.213.0.3');
  assert.equal(problems(CLOUD + second), [
    'whp.second.key (whp:5): proxy cloud has the same address and key; give each its own key',
  ]);
  assert.equal(problems(`${CLOUD}${second}\toption key '2'\n`), []);
  const app = (name: string) =>
    `config app '${name}'\n\toption profile 'p1'\n\tlist proxy 'cloud'\n`;
  assert.equal(problems(CLOUD + app('one') + app('two')), [
    'whp.two.profile (whp:9): app one uses it already; remove one app',
  ]);
});

test('a misspelt option: what was meant; a name that is too long: by how much', () => {
  const text = `${CLOUD}config app 'averylongname'
	option fallbak 'block'
	option profile 'skype'
	list proxy 'cloud'
`;
  const found = problems(text).join('\n');
  assert.match(found, /unknown option of an app section; did you mean fallback\?/);
  assert.match(found, /a letter first: "averylongname" has 13 characters, at most 10/);
});

test.run();
