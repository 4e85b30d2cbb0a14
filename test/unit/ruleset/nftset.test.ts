// ruleset/nftset: which sets dnsmasq fills for a name. dnsmasq uses the sets of the line with the longest
// matching domain only.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { nftsetLines } from '../../../agent/src/ruleset/nftset.ts';
import { type Change, policyFrom } from '../../fixtures/policies.ts';
import { profile } from '../../fixtures/profile.ts';

type Kind = 'names' | 'suffixes' | 'patterns' | 'except';
const dns = (lists: { readonly [kind in Kind]?: readonly string[] }) => {
  const of = (kind: Kind) =>
    (lists[kind] ?? []).map((value) => ({ value, evidence: 'source' as const }));
  return {
    names: of('names'),
    suffixes: of('suffixes'),
    patterns: of('patterns'),
    except: of('except'),
  };
};
const lines = (apps: NonNullable<Change['apps']>) => nftsetLines(policyFrom({ apps }));
const TWO = [
  {
    name: 'one',
    profile: { ...profile, dns: dns({ suffixes: ['one.example'], except: ['not.one.example'] }) },
  },
  {
    name: 'two',
    slot: 2,
    profile: {
      ...profile,
      dns: dns({ names: ['cdn.one.example', 'two.example'], patterns: ['a{0-9}.two.example'] }),
    },
  },
];

/** The sets of the line whose domain is the longest that `name` ends with. */
function filled(text: string, name: string): string {
  let best = '';
  let sets = 'none';
  for (const line of text.split('\n').filter(Boolean)) {
    const words = line.replace('nftset=/', '').split('/');
    for (const domain of words.slice(0, -1)) {
      if (name !== domain && !name.endsWith(`.${domain}`)) continue;
      if (domain.length < best.length) continue;
      best = domain;
      sets = words.at(-1)!.replaceAll('#inet#whp#', ' ');
    }
  }
  return sets;
}

test('every app that has a name has its sets filled, an exception none', () => {
  const { text, left } = lines(TWO);
  const one = '4 one_addr4,6 one_addr6';
  const two = '4 two_addr4,6 two_addr6';
  assert.is(filled(text, 'one.example'), one);
  assert.is(filled(text, 'deep.below.one.example'), one);
  assert.is(filled(text, 'cdn.one.example'), `${one},${two}`);
  assert.is(filled(text, 'x.cdn.one.example'), `${one},${two}`);
  assert.is(filled(text, 'not.one.example'), '4 unused4,6 unused6');
  assert.is(filled(text, 'is.not.one.example'), '4 unused4,6 unused6');
  assert.is(filled(text, 'two.example'), two);
  assert.is(filled(text, 'stone.example'), 'none');
  assert.is(filled(text, 'example'), 'none');
  assert.equal(left, ['a{0-9}.two.example']);
});

test('no line is longer than dnsmasq reads, and no name is lost', () => {
  const names = Array.from({ length: 300 }, (_, i) => `host${i}.somewhere.example`);
  const { text } = lines([{ profile: { ...profile, dns: dns({ names }) } }]);
  for (const line of text.split('\n')) assert.ok(line.length <= 1024, `${line.length}`);
  for (const name of names) assert.is(filled(text, name), '4 skype_addr4,6 skype_addr6', name);
});

test('without a name there is no line', () => {
  assert.equal(lines([{ profile: { ...profile, dns: dns({}) } }]), { text: '', left: [] });
  assert.equal(lines([]), { text: '', left: [] });
});

test.run();
