// profile/parse and schema: a profile file is accepted whole, or refused with the place and the fix of every
// problem.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseProfile } from '../../../agent/src/profile/parse.ts';
import { profileJson, withValue } from '../../fixtures/profile.ts';
import { mutate, seeded } from '../../fixtures/seeded.ts';
import { rounds } from '../../lib/rounds.ts';

function problems(value: unknown): string[] {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const result = parseProfile(text, 'x.json');
  return result.ok ? [] : result.problems.map(({ where, what }) => `${where} ${what}`);
}

test('a good profile is read as it is, without the pointer to its schema', () => {
  const result = parseProfile(
    JSON.stringify({ $schema: 'profile.schema.json', ...profileJson }),
    'x',
  );
  assert.equal(result, { ok: true, value: profileJson });
  assert.equal(problems(withValue('/retired', undefined)), []);
});

test('what the schema refuses is named by pointer, with what is expected', () => {
  const cases: [string, unknown, string][] = [
    ['/format', 2, '/format must be 1; expected: 1, the format this schema describes'],
    [
      '/name',
      'Skype',
      '/name is "Skype"; expected: 1 to 10 of a-z and 0-9, a letter first, as in "skype"',
    ],
    [
      '/version',
      '1.2.2026',
      '/version is "1.2.2026"; expected: date of this edition, as YYYY-MM-DD',
    ],
    ['/colour', 1, '/colour is not known here; remove it, or use one of $schema, format,'],
    ['/a~1b', 1, '/a~01b is not known here'],
    ['/dns/names', undefined, '/dns/names is missing; expected: a list of whole domain names'],
    [
      '/dns/names/0',
      'api.skype.com',
      '/dns/names/0 must be of type object, is string; expected: an object such as',
    ],
    [
      '/dns/names/0/evidence',
      'rumour',
      '/dns/names/0/evidence must be one of "capture", "source", "unverified"',
    ],
    [
      '/ranges/0/ports/0',
      '33033',
      '/ranges/0/ports/0 has none of the allowed forms; expected: a port such as 33033',
    ],
    ['/ranges/0/ports/1', [1, 2, 3], '/ranges/0/ports/1 has none of the allowed forms'],
    ['/ranges/0/ports', [], '/ranges/0/ports has 0 entries, needs 1; expected: a list of 1 to 64'],
    ['/ranges/0/protocols', ['udp', 'udp'], '/ranges/0/protocols/1 is there twice; remove one'],
    ['/caps/peers', 0, '/caps/peers is 0, must be at least 1; expected: how many are held at most'],
    ['/caps/peers', 1.5, '/caps/peers must be of type integer, is number'],
    ['/peers/enabled', null, '/peers/enabled must be of type boolean, is null'],
    ['/title', '', '/title is shorter than 1 characters'],
    ['/title', 'x'.repeat(61), '/title is longer than 60 characters'],
  ];
  for (const [pointer, value, expected] of cases) {
    const found = problems(withValue(pointer, value));
    assert.is(found.length, 1, `${pointer}: ${found.join(' | ')}`);
    assert.ok(found[0]!.startsWith(`x.json: ${expected}`), found[0]!);
  }
});

test('what a schema cannot say is checked too', () => {
  const cases: [string, unknown, string][] = [
    [
      '/dns/names/0/value',
      'API.skype.com',
      '/dns/names/0/value write "api.skype.com" in lower case',
    ],
    [
      '/dns/suffixes/0/value',
      'bücher.de',
      '/dns/suffixes/0/value "bücher.de" is not as DNS carries it; write "xn--bcher-kva.de"',
    ],
    [
      '/dns/suffixes/0/value',
      'x.edge.skype.com',
      '/dns/suffixes/0/value "x.edge.skype.com" never matches',
    ],
    [
      '/dns/patterns/0/value',
      'dsn[0-9].skype.net',
      '/dns/patterns/0/value "dsn[0-9].skype.net": "[0-9]"',
    ],
    [
      '/ranges/0/addresses/0',
      '157.55.130.1/24',
      '/ranges/0/addresses/0 write "157.55.130.0/24" instead',
    ],
    ['/ranges/0/addresses/0', '157.55.130.0', ''],
    [
      '/ranges/0/addresses/0',
      '2A01:111::/32',
      '/ranges/0/addresses/0 write "2a01:111::/32" instead',
    ],
    [
      '/ranges/0/addresses/0',
      'skype',
      '/ranges/0/addresses/0 "skype" is neither an address nor a block',
    ],
    [
      '/ranges/0/addresses/0',
      '192.168.0.0/16',
      '/ranges/0/addresses/0 "192.168.0.0/16" is no part of the public',
    ],
    ['/ranges/0/addresses/0', '0.0.0.0/0', '/ranges/0/addresses/0 "0.0.0.0/0" is wider than /8'],
    [
      '/ranges/0/ports/1',
      [40047, 40001],
      '/ranges/0/ports/1 [40047, 40001] runs backwards; swap the two',
    ],
    ['/ranges/0/ports/1', [33000, 33033], '/ranges/0/ports/1 overlaps entry 0; join them'],
    [
      '/ranges/0/protocols',
      ['tcp'],
      '/ranges/0/learn/0 "udp" is not among protocols; add it there',
    ],
    [
      '/ranges/0/expires',
      '2015-05-18',
      '/ranges/0/expires is not after date 2015-05-18; write a later day',
    ],
    ['/ranges/0/date', '2015-02-29', '/ranges/0/date "2015-02-29" is no day of the calendar'],
    ['/retired', '2025-13-01', '/retired "2025-13-01" is no day of the calendar'],
    ['/request/minimum', 340, '/request/minimum is 340, above maximum 339; swap them'],
    [
      '/endpoints/ttlMinimumSeconds',
      90000,
      '/endpoints/ttlMinimumSeconds is above ttlMaximumSeconds',
    ],
  ];
  for (const [pointer, value, expected] of cases) {
    const found = problems(withValue(pointer, value));
    if (expected === '') assert.equal(found, []);
    else {
      assert.is(found.length, 1, `${pointer}: ${found.join(' | ')}`);
      assert.ok(found[0]!.startsWith(`x.json: ${expected}`), found[0]!);
    }
  }
  const twice = withValue('/dns/names/1', { value: 'api.skype.com', evidence: 'source' });
  assert.equal(problems(twice), [
    'x.json: /dns/names/1/value "api.skype.com" is there twice; remove one',
  ]);
  // The order of members does not matter.
  const turned = withValue('/dns/names/1', { evidence: 'capture', value: 'api.skype.com' });
  assert.match(problems(turned)[0]!, 'x.json: /dns/names/1 is there twice; remove one');
});

test('endpoints show a port over UDP alone, and only where the profile says so', () => {
  assert.equal(problems(withValue('/endpoints/learn', ['udp'])), []);
  assert.equal(problems(withValue('/endpoints/learn', [])), []);
  assert.match(
    problems(withValue('/endpoints/learn', ['tcp']))[0]!,
    /endpoints\/learn\/0 must be one of "udp"/,
  );
  assert.match(
    problems(withValue('/endpoints/learn', 'udp'))[0]!,
    /endpoints\/learn must be of type array/,
  );
});

test('all problems come at once', () => {
  const bad = withValue('/caps/peers', 0, withValue('/format', 3, withValue('/name', 7)));
  assert.is(problems(bad).length, 3);
});

test('what is no profile at all', () => {
  assert.match(problems('{')[0]!, /^x\.json: \/ is not JSON: /);
  for (const value of ['null', '[]', '3', '"x"']) assert.is(problems(value).length, 1);
  assert.match(problems('['.repeat(20) + ']'.repeat(20))[0]!, /nested too deeply/);
  assert.match(problems('['.repeat(100000))[0]!, /is not JSON/);
  assert.match(problems('['.repeat(100000) + ']'.repeat(100000))[0]!, /too deeply|is not JSON/);
  assert.match(problems(' '.repeat(1048577))[0]!, /larger than 1 MiB/);
  assert.is(problems('{"__proto__": {"format": 1}}').length, 13);
});

test('mutated files never throw', () => {
  const random = seeded(10);
  const text = JSON.stringify(profileJson);
  const seed = Uint8Array.from(text, (c) => c.charCodeAt(0));
  for (let i = 0; i < rounds(400, 2000); i++) {
    const bytes = mutate(seed, random);
    problems(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  }
});

test.run();
