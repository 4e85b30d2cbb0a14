// Texts of the owner, of a profile and of packets reach nft only inside one string, name or value, whether they
// are in the model or in the files that it is compiled from.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildPolicy } from '../../../agent/src/policy/build.ts';
import { parseProfile } from '../../../agent/src/profile/parse.ts';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { renderLoad } from '../../../agent/src/ruleset/render.ts';
import { parseDhcp } from '../../../agent/src/syntax/dhcp-hosts.ts';
import { parseLeases } from '../../../agent/src/syntax/dhcp-leases.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import { HOSTILE, skeleton, withTexts } from '../../fixtures/hostile-texts.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { profileJson } from '../../fixtures/profile.ts';
import { rounds } from '../../lib/rounds.ts';

test('text in the model ends nothing that it stands in', () => {
  const ruleset = compile(
    policyFrom({ app: { devices: ['192.168.1.50'], macs: ['02:00:00:00:00:0a'] } }),
  );
  const wanted = skeleton(renderLoad(ruleset));
  assert.is.not(wanted, null);
  // Each place gets another text in each round; equal names get equal texts.
  for (let round = 0; round < rounds(2, 4); round++) {
    const pick = (old: string): string =>
      HOSTILE[(old.length * 7 + old.charCodeAt(0) + round * 5) % HOSTILE.length]!;
    for (const put of [(old: string) => old + pick(old), (old: string) => pick(old)]) {
      assert.is(skeleton(renderLoad(withTexts(ruleset, put))), wanted, `round ${round}`);
    }
  }
});

test('one hostile text among plain ones is found: comments and elements are checked together', () => {
  const ruleset = compile(policyFrom({}));
  const { comment } = ruleset.chains.flatMap(({ rules }) => rules)[3]!;
  const [address] = ruleset.sets
    .flatMap((set) => (set.role === 'static' && set.key[0] === 'ipv4' ? set.elements : []))
    .flatMap(([[from, to] = ['', '-']]) => (from === to ? from : []));
  const wanted = skeleton(renderLoad(ruleset));
  for (const hostile of HOSTILE) {
    for (const one of [comment, address]) {
      const load = renderLoad(withTexts(ruleset, (old) => (old === one ? hostile : old)));
      assert.is(skeleton(load), wanted, hostile);
      assert.not.match(load, /comment "[^"]{128}/);
    }
  }
});

const CONFIG = `
config globals 'globals'
	list lan 'br-lan'
	option hold '0'
	option dns_redirect '1'
	list dns_device 'tv'
config proxy 'cloud'
	option address '203.0.113.20'
	option key '7'
	option local '10.213.0.1'
	option remote '10.213.0.2'
	option local6 'fd00::1'
	option remote6 'fd00::2'
	option mtu '1400'
config device 'tv'
	list mac '02:00:00:00:00:0A'
	list address '192.168.1.50'
	list name 'living'
config group 'kids'
	list device 'tv'
config app 'skype'
	option profile 'skype'
	option fallback 'block'
	list proxy 'cloud'
	list device 'kids'
	list schedule 'mon-fri 16:00-21:00'
config rule 'work'
	option app 'skype'
	option action 'direct'
	option protocol 'tcp'
	list name 'work.example.com'
	list address '203.0.113.0/24'
	list port '443'
config sync 'sync'
	option url 'https://198.51.100.1/policy'
	option key '${'ab'.repeat(32)}'
`;

function built(config: string, profile: string, leases: string, dhcp: string): string | null {
  const uci = parseUci(config, 'whp');
  const parsed = parseProfile(profile, 'skype.json');
  if (!uci.ok || !parsed.ok) return null;
  const hosts = [...parseLeases(leases), ...parseDhcp(dhcp, 'dhcp').hosts];
  const profiles = new Map([[parsed.value.name, parsed.value]]);
  const policy = buildPolicy({ uci: uci.value, profiles, hosts, doh: ['198.51.100.61'] });
  return policy.ok ? renderLoad(compile(policy.value)) : null;
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const LEASES = '1 02:00:00:00:00:0b 192.168.1.51 living *\n';
const DHCP =
  "config host\n\toption name 'living'\n\toption mac '02:00:00:00:00:0c'\n\toption ip '192.168.1.52'\n";

/** Texts tried in the place of each value. */
const TEXTS = rounds(1, 2);

/** The file with each value replaced by TEXTS texts in turn. */
function* variants(file: string, place: RegExp, put: (text: string) => string): Generator<string> {
  let at = 0;
  for (const found of file.matchAll(place)) {
    for (let i = 0; i < TEXTS; i++) {
      const text = HOSTILE[at++ % HOSTILE.length]!;
      const from = found.index + found[0].length - found[1]!.length;
      yield file.slice(0, from) + put(text) + file.slice(from + found[1]!.length);
    }
  }
}

/** Elements of sets may differ, and an option may be refused; everything else is equal. */
function shapeOf(text: string): string | null {
  const whole = skeleton(text);
  return whole === null ? null : whole.replace(/elements = \{[^}]*\}/g, 'elements');
}

test('text of the configuration, of a profile and of DHCP is refused or ends nothing', () => {
  const profile = JSON.stringify(profileJson, null, 1);
  const wanted = built(CONFIG, profile, LEASES, DHCP);
  assert.is.not(wanted, null, 'the files are good');
  const hooksOf = (text: string): number =>
    text.split('\n').filter((one) => /hook/.test(one)).length;
  const hooks = hooksOf(wanted!);
  let [refused, taken] = [0, 0];
  const look = (text: string | null, of: string): void => {
    if (text === null) refused += 1;
    else {
      taken += 1;
      assert.is.not(shapeOf(text), null, of);
      for (const line of text.split('\n')) assert.ok(line.length < 4000, of);
      assert.is(hooksOf(text), hooks, of);
    }
  };
  for (const file of variants(CONFIG, /('[^']*')$/gm, quote))
    look(built(file, profile, LEASES, DHCP), file);
  for (const file of variants(profile, /("(?:[^"\\]|\\.)*")(?=[,\]}\s]|$)/gm, JSON.stringify)) {
    look(built(CONFIG, file, LEASES, DHCP), file);
  }
  for (const file of variants(LEASES, /(\S+)(?=\s)/g, (text) => text))
    look(built(CONFIG, profile, file, DHCP), file);
  for (const file of variants(DHCP, /('[^']*')$/gm, quote))
    look(built(CONFIG, profile, LEASES, file), file);
  assert.ok(refused > 40 * TEXTS && taken > 6 * TEXTS, `${refused} refused, ${taken} taken`);
});

test('a lan device has a name that needs no quoting, and the message says what to write', () => {
  const lan = (name: string): string =>
    JSON.stringify(
      buildPolicy({
        uci: {
          file: 'whp',
          sections: [
            {
              type: 'globals',
              name: 'globals',
              line: 1,
              values: [{ keyword: 'list', name: 'lan', value: name, line: 2 }],
            },
          ],
          notes: [],
        },
        profiles: new Map(),
      }),
    );
  for (const name of ['br-lan', 'br-lan.1', 'eth0.2@eth0', 'wlan0-1_x', 'a'.repeat(15)])
    assert.match(lan(name), '"ok":true', name);
  for (const name of [...HOSTILE, 'a'.repeat(16), '.', '..', 'br+lan', 'br,lan', 'br lan', 'br!']) {
    if (name === '' || name === '@set') continue;
    const text = lan(name);
    assert.match(text, '"ok":false', name);
    assert.match(text, "write: list lan 'br-lan'", name);
  }
});

test.run();
