// policy: the owner's own rules and the sync section.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildPolicy } from '../../../agent/src/policy/build.ts';
import { mappedProfile, nat64Prefixes } from '../../../agent/src/policy/nat64.ts';
import type { Profile } from '../../../agent/src/profile/profile.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import { profileJson } from '../../fixtures/profile.ts';
import { CLOUD, SKYPE } from '../../fixtures/uci.ts';

const skype = profileJson as unknown as Profile;
const profiles = new Map([
  ['skype', skype],
  ['other', { ...skype, name: 'other' }],
]);
const HEAD = `${CLOUD}${SKYPE}config app 'other'
	list proxy 'cloud'
`;

function build(text: string) {
  const uci = parseUci(HEAD + text, 'whp');
  if (!uci.ok) throw new Error(uci.problems[0]!.what);
  return buildPolicy({ uci: uci.value, profiles });
}

function apps(text: string) {
  const result = build(text);
  if (!result.ok) throw new Error(result.problems.map(({ what }) => what).join('\n'));
  return result.value.apps;
}

function problems(text: string): string[] {
  const result = build(text);
  return result.ok ? [] : result.problems.map(({ where, what }) => `${where}: ${what}`);
}

test('a proxy rule adds names and ranges to its app, and to no other', () => {
  const [one, two] = apps(`config rule 'mine'
	option app 'skype'
	option action 'proxy'
	list name 'calls.example.com'
	list address '198.51.100.9'
	list address '198.51.100.64/26'
	list port '443'
	list port '5000-5010'
	option protocol 'udp'
`);
  assert.equal(one!.profile.dns.suffixes.at(-1), {
    value: 'calls.example.com',
    evidence: 'source',
    by: 'your rule "mine" (whp:9)',
  });
  const added = one!.profile.ranges.at(-1)!;
  assert.equal(added.addresses.slice(0, 2), ['198.51.100.9', '198.51.100.64/26']);
  assert.equal(added.ports, [443, [5000, 5010]]);
  assert.equal(added.protocols, ['udp']);
  assert.is(added.source, 'your rule "mine" (whp:9)');
  assert.is(two!.profile, mappedProfile(profiles.get('other')!, nat64Prefixes()));
});

test('a port alone means everywhere', () => {
  const [one] = apps(
    "config rule\n	option app 'skype'\n	option action 'proxy'\n	list port '3074'\n",
  );
  assert.equal(one!.profile.ranges.at(-1)!.addresses, ['0.0.0.0/0', '::/0', '64:ff9b::/96']);
});

test('a direct rule without an app speaks for all of them', () => {
  const all = apps(`config rule 'bank'
	option action 'direct'
	list name 'bank.example'
	list address '192.0.2.0/24'
`);
  for (const { profile, except } of all) {
    assert.is(profile.dns.except.at(-1)!.value, 'bank.example');
    assert.equal(
      except!.map(({ addresses }) => addresses),
      [['192.0.2.0/24', '64:ff9b::c000:200/120']],
    );
  }
});

test('a disabled rule changes nothing', () => {
  const [one] = apps(
    "config rule\n	option enabled '0'\n	option action 'direct'\n	list address '192.0.2.1'\n",
  );
  assert.is(one!.except, undefined);
  assert.is(one!.profile, mappedProfile(skype, nat64Prefixes()));
});

test('problems of rules name option and line', () => {
  assert.equal(
    problems(`config rule 'a'
config rule 'b'
	option action 'proxy'
	list name 'com'
	list address '192.168.1.1'
	list port '0'
	list port '9-8'
config rule 'c'
	option action 'drop'
	option app 'nope'
	list name 'example.com'
	list port '443'
	option protocol 'icmp'
`),
    [
      "whp.a.action (whp:9): is missing; write: option action 'proxy', or 'direct'",
      'whp.a (whp:9): says nothing; give it a name, an address or a port',
      'whp.b.app (whp:10): is missing: which app is it to be part of? known: skype, other',
      'whp.b.name (whp:12): "com" has one label; write at least two, as in skype.com',
      'whp.b.address (whp:13): "192.168.1.1" is no part of the public Internet and never takes a tunnel; remove it',
      'whp.b.port (whp:14): "0" is no port such as 443, nor a span such as 5000-5010',
      'whp.b.port (whp:15): "9-8" is no port such as 443, nor a span such as 5000-5010',
      'whp.c.action (whp:17): "drop" is not one of proxy, direct',
      'whp.c.app (whp:18): there is no app "nope"; known: skype, other',
      'whp.c.port (whp:20): a name stands for all ports; use an address, or remove port',
      'whp.c.protocol (whp:21): "icmp" is not one of both, tcp, udp',
    ],
  );
});

test('an address as a name and a name as an address: the message says where each goes', () => {
  const found = problems(`config rule 'a'
	option action 'direct'
	list name '203.0.113.7'
	list name 'https://meet.example.com/room'
	list address 'meet.example.com'
	list address 'https://meet.example.com'
`);
  assert.equal(found, [
    'whp.a.name (whp:11): "203.0.113.7" is an IP address and no host name; write option address: list address \'203.0.113.7\'',
    'whp.a.name (whp:12): "https://meet.example.com/room" is more than a host name; write the host name only: meet.example.com',
    'whp.a.address (whp:13): "meet.example.com" is a host name and no address; write option name: list name \'meet.example.com\'',
    'whp.a.address (whp:14): "https://meet.example.com" is neither an address nor a block such as 203.0.113.0/24',
  ]);
});

test('a sync section is checked, and refused when it is switched on', () => {
  const key = 'ab'.repeat(32);
  const good = `config sync 'sync'
	option enabled '0'
	option url 'https://cloud.example:8443/policy'
	option key '${key}'
	option interval '900'
`;
  assert.equal(problems(good), []);
  assert.equal(
    problems(`config sync
	option enabled '1'
	option url 'ftp://x'
	option key 'abc'
	option interval '5'
config sync
`),
    [
      "whp.@sync[0].enabled (whp:10): this version fetches no policy; write: option enabled '0'",
      'whp.@sync[0].url (whp:11): "ftp://x" is no address such as http://10.254.1.1:8080/policy',
      'whp.@sync[0].key (whp:12): is no Ed25519 public key: 64 hexadecimal digits',
      'whp.@sync[0].interval (whp:13): "5" is no whole number from 60 to 604800',
      'whp.@sync[1] (whp:14): there is a sync section already; join the two',
    ],
  );
});

test.run();
