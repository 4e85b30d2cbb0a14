// profile/glance-names: the array has an end for every name that the matcher matches.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { glanceNames } from '../../../agent/src/profile/glance-names.ts';
import { compileNames } from '../../../agent/src/profile/name-match.ts';
import { textTail } from '../../../agent/src/wire/dns-walk.ts';

const entries = (...values: string[]) =>
  values.map((value) => ({ value, evidence: 'capture' as const }));
const none = { names: [], suffixes: [], patterns: [], except: [] };
const LISTS = 4 + 2 * 4096;

function matcherOf(...dns: Partial<Record<keyof typeof none, string[]>>[]) {
  return compileNames(
    dns.map((one, i) => {
      const lists = Object.entries(one).map(([kind, values]) => [kind, entries(...values)]);
      return { name: `app${i}`, profile: { dns: { ...none, ...Object.fromEntries(lists) } } };
    }),
  );
}

/** The ends in the list of the tail key of `name`, as text, each with its application: `=`: of no longer name, `?`: the
 * script decides. */
function endsAt(array: Uint8Array, name: string): string[] {
  const key = textTail(name);
  let at = LISTS + ((array[4 + 2 * key]! << 8) | array[5 + 2 * key]!);
  const ends: string[] = [];
  for (; array[at] !== 0; at += array[at]! + 2) {
    const labels: string[] = [];
    const said = array[at + 1]!;
    for (let label = at + 2; label <= at + 1 + array[at]!; label += array[label]! + 1)
      labels.push(String.fromCharCode(...array.subarray(label + 1, label + 1 + array[label]!)));
    const app = said === 0x7f ? '?' : said < 0x80 ? `${said}` : `=${said - 0x80}`;
    ends.push(`${labels.join('.')} ${app}`);
  }
  return ends;
}

test('the array names its form, and a key without names has an empty list', () => {
  const array = glanceNames(matcherOf({ suffixes: ['skype.com'] }))!;
  assert.equal(Array.from(array.subarray(0, 4)), [0x77, 0x68, 0x70, 2]);
  assert.equal(endsAt(array, 'www.skype.com'), ['skype.com 1']);
  assert.equal(endsAt(array, 'www.example.org'), []);
  assert.is(array.at(-1), 0);
});

test('names and suffixes are ends; one that ends in a suffix of its application is left out', () => {
  const array = glanceNames(
    matcherOf(
      { names: ['a.b.skype.com', 'conn.skype.akadns.net'], suffixes: ['b.skype.com'] },
      { names: ['x.akadns.net', 'y.x.akadns.net'], suffixes: ['skype.akadns.net'] },
    ),
  )!;
  assert.equal(endsAt(array, 'skype.com'), ['b.skype.com 1']);
  assert.equal(endsAt(array, 'akadns.net'), [
    'x.akadns.net =2',
    'y.x.akadns.net =2',
    'skype.akadns.net 2',
    'conn.skype.akadns.net =1',
  ]);
});

test('a pattern counts from its last wildcard on', () => {
  const patterns = ['dsn{0-17}.d.skype.net', 'ecs-*.trafficmanager.net', 'a.*.gw.live.com'];
  const array = glanceNames(matcherOf({ patterns }))!;
  assert.equal(endsAt(array, 'skype.net'), ['d.skype.net ?']);
  assert.equal(endsAt(array, 'trafficmanager.net'), ['trafficmanager.net ?']);
  assert.equal(endsAt(array, 'live.com'), ['gw.live.com ?']);
});

test('a pattern below a suffix of its application says nothing, of another one it does', () => {
  const patterns = ['dsn{0-17}.d.skype.net'];
  const its = glanceNames(matcherOf({ patterns, suffixes: ['skype.net'] }))!;
  assert.equal(endsAt(its, 'skype.net'), ['skype.net 1']);
  const other = glanceNames(matcherOf({ patterns }, { suffixes: ['skype.net', 'x.d.skype.net'] }))!;
  assert.equal(endsAt(other, 'skype.net'), ['skype.net 2', 'd.skype.net ?']);
});

test('an exception takes no name away: the script decides about its neighbours', () => {
  const array = glanceNames(matcherOf({ suffixes: ['skype.com'], except: ['edge.skype.com'] }))!;
  assert.equal(endsAt(array, 'skype.com'), ['skype.com 1', 'edge.skype.com ?']);
  const alone = glanceNames(matcherOf({ suffixes: ['other.example'], except: ['a.skype.com'] }))!;
  assert.equal(endsAt(alone, 'skype.com'), []);
});

test('the most names that fit, and one list too many', () => {
  const long = (i: number): string => `${'n'.repeat(60)}.${'m'.repeat(60)}.x${i}y.example`;
  const many = (count: number) =>
    glanceNames(matcherOf({ names: Array.from({ length: count }, (_, i) => long(i)) }));
  assert.ok(many(400)!.length < 0x12000);
  assert.is(many(600), null);
});

test.run();
