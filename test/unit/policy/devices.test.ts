// policy: devices by MAC, address, name and group, with the hosts that DHCP knows.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildPolicy } from '../../../agent/src/policy/build.ts';
import type { Profile } from '../../../agent/src/profile/profile.ts';
import type { Host } from '../../../agent/src/syntax/dhcp-hosts.ts';
import { parseLeases } from '../../../agent/src/syntax/dhcp-leases.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import { canonicalMac } from '../../../agent/src/wire/mac.ts';
import { profileJson } from '../../fixtures/profile.ts';
import { CLOUD, SKYPE } from '../../fixtures/uci.ts';

const profiles = new Map([['skype', profileJson as unknown as Profile]]);
function build(text: string, hosts: readonly Host[] = []) {
  const uci = parseUci(CLOUD + SKYPE + text, 'whp');
  if (!uci.ok) throw new Error(uci.problems[0]!.what);
  return buildPolicy({ uci: uci.value, profiles, hosts });
}

function limits(text: string, hosts: readonly Host[] = []) {
  const result = build(text, hosts);
  if (!result.ok) throw new Error(result.problems.map(({ what }) => what).join('\n'));
  const { devices, macs } = result.value.apps[0]!;
  return { devices, macs };
}

function problems(text: string): string[] {
  const result = build(text);
  return result.ok ? [] : result.problems.map(({ where, what }) => `${where}: ${what}`);
}

const LEASES = `1763726400 AA:BB:CC:00:00:01 192.168.1.50 Xbox 01:aa:bb:cc:00:00:01
1763726400 aa:bb:cc:00:00:02 192.168.1.51 * *
duid 00:01:00:01:2a
1763726400 123456 fd00::5 xbox 00:01
nonsense
1763726400 ff:ff:ff:ff:ff:ff 192.168.1.52 all *
`;
const HOSTS = parseLeases(LEASES);

test('every usual spelling of a MAC', () => {
  for (const text of ['AA-BB-CC-00-00-01', 'aabb.cc00.0001', 'aabbcc000001', 'aa:bb:cc:0:0:1']) {
    assert.is(canonicalMac(text), 'aa:bb:cc:00:00:01');
  }
  for (const text of ['aa:bb:cc:00:00', '192.168.1.50', 'aa:bb:cc:00:00:0g', '']) {
    assert.is(canonicalMac(text), null);
  }
});

test('without a device every device is meant', () => {
  assert.equal(limits(''), { devices: [], macs: undefined });
});

test('a MAC, an address and a block, side by side', () => {
  const text = `	list device 'AA:BB:CC:00:00:99'
	list device '192.168.1.34'
	list device '192.168.2.77/28'
`;
  assert.equal(limits(text), {
    devices: ['192.168.1.34', '192.168.2.64/28'],
    macs: ['aa:bb:cc:00:00:99'],
  });
});

test('an address that DHCP gave brings the MAC of its device, for IPv6', () => {
  assert.equal(limits("	list device '192.168.1.51'\n", HOSTS).macs, ['aa:bb:cc:00:00:02']);
  assert.equal(limits("	list device '192.168.1.48/29'\n", HOSTS).macs?.length, 2);
});

test('devices and groups by name', () => {
  const text = `	list device 'kids'
config device 'console'
	list name 'XBOX'
config device 'tablet'
	list mac 'aa:bb:cc:00:00:0a'
	list address '192.168.1.60'
config group 'kids'
	list device 'console'
	list device 'tablet'
	list device 'aa:bb:cc:00:00:0b'
`;
  assert.equal(limits(text, HOSTS), {
    devices: ['192.168.1.60'],
    macs: ['aa:bb:cc:00:00:01', 'aa:bb:cc:00:00:0a', 'aa:bb:cc:00:00:0b'],
  });
});

test('a name that nobody has means nobody, not everybody', () => {
  const text = "	list device 'console'\nconfig device 'console'\n	list name 'ps5'\n";
  assert.equal(limits(text, HOSTS), { devices: [], macs: [] });
});

test('the devices of an app whose names nobody has had, those of a group too', () => {
  const unmet = (text: string) => {
    const result = build(text, HOSTS);
    return result.ok ? result.value.apps[0]!.unmet : null;
  };
  const sections = `config device 'console'
	list name 'xbox'
config device 'ps5'
	list name 'ps5'
config device 'tablet'
	list mac 'aa:bb:cc:00:00:0a'
config group 'kids'
	list device 'console'
	list device 'ps5'
	list device 'tablet'
`;
  assert.equal(unmet(`\tlist device 'kids'\n${sections}`), ['ps5']);
  assert.equal(unmet(`\tlist device 'ps5'\n\tlist device 'tablet'\n${sections}`), ['ps5']);
  assert.is(unmet(`\tlist device 'console'\n\tlist device 'tablet'\n${sections}`), undefined);
  assert.is(unmet(sections), undefined);
});

test('problems name section, option and line', () => {
  const text = `	list device 'nobody'
	list device 'ff:ff:ff:ff:ff:ff'
config device 'empty'
config device
	list mac 'aa:bb'
config device 'wrong'
	list address '192.168.1'
	list name 'a b'
	option colour 'red'
config group 'kids'
	list device 'empty'
	list device 'adults'
config group 'adults'
`;
  assert.equal(problems(text), [
    'whp.skype.device (whp:7): "nobody" is no MAC, no address, no block such as 192.168.1.32/28, and no device or group section (empty, , wrong, kids, adults)',
    'whp.skype.device (whp:8): "ff:ff:ff:ff:ff:ff" is no address of a single device',
    "whp.empty (whp:9): says nothing of the device; write: list mac 'AA:BB:CC:DD:EE:FF'",
    "whp.@device[1] (whp:10): needs a name; write: config device 'NAME'",
    'whp.@device[1].mac (whp:11): "aa:bb" is no MAC; write it as AA:BB:CC:DD:EE:FF',
    'whp.wrong.address (whp:13): "192.168.1" is neither an address nor a block such as 192.168.1.32/28',
    'whp.wrong.name (whp:14): "a b" is no host name such as living-room-tv',
    'whp.wrong.colour (whp:15): unknown option of a device section; use mac, address, name',
    'whp.kids.device (whp:18): "adults" is no MAC, no address, no block such as 192.168.1.32/28, and no device or group section (empty, , wrong)',
    "whp.adults.device (whp:19): is missing; write: list device 'NAME' for each of its devices",
  ]);
});

test('leases are not searched for sections that name MACs alone', () => {
  let reads = 0;
  const macs = Array.from({ length: 50 }, (_, at) => `02:00:00:00:00:${10 + at}`);
  const hosts = macs.map((mac) => ({
    mac,
    name: null,
    get address() {
      reads += 1;
      return '192.168.1.5';
    },
  }));
  const sections = macs.map((mac, at) => `config device 'd${at}'\n\tlist mac '${mac}'\n`);
  const list = macs.map((_, at) => `\tlist device 'd${at}'\n`);
  assert.is(limits([...list, ...sections].join(''), hosts).macs!.length, 50);
  assert.is(reads, 0);
});

test.run();
