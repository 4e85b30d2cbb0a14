// profile/name-match and its grammar: which entry of a profile matches a name on the wire.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  compileNames,
  isExceptedText,
  matchName,
  matchText,
} from '../../../agent/src/profile/name-match.ts';
import { matchLabel, nameProblem, parsePattern } from '../../../agent/src/profile/name-pattern.ts';
import { toAscii } from '../../../agent/src/syntax/punycode.ts';
import { concat } from '../../fixtures/bytes.ts';
import { wireName } from '../../fixtures/dns.ts';
import { mutate, seeded } from '../../fixtures/seeded.ts';

const entries = (...values: string[]) =>
  values.map((value) => ({ value, evidence: 'capture' as const }));

const SKYPE = {
  name: 'skype',
  profile: {
    dns: {
      names: entries('conn.skype.akadns.net', 'api.skype.com'),
      suffixes: entries('skype.com', 'skypeassets.com'),
      patterns: entries('dsn{0-17}.d.skype.net', 'skypeecs-*.trafficmanager.net', '*.gw.live.com'),
      except: entries('edge.skype.com'),
    },
  },
};

const OTHER = {
  name: 'other',
  profile: {
    dns: {
      names: entries('edge.skype.com'),
      suffixes: entries('other.example', 'deep.other.example'),
      patterns: [],
      except: [],
    },
  },
};

const matcher = compileNames([SKYPE, OTHER]);

function match(name: string): string | null {
  const found = matchName(matcher, wireName(name), 0);
  return found.length === 0 ? null : found.map(({ app, entry }) => `${app} ${entry}`).join(', ');
}

test('a name as text is the one on the wire: an escape is one byte, an escaped dot ends no label', () => {
  assert.is(matchText(matcher, 'ui\\027[31m.skype.com').length, 1);
  assert.is(matchText(matcher, 'ui\\046skype.com').length, 0);
  assert.is(isExceptedText(matcher, 'skype', `${'\\195'.repeat(30)}.edge.skype.com`), true);
  assert.is(isExceptedText(matcher, 'skype', 'edge.skype.com'), true);
});

test('names, suffixes and patterns', () => {
  const cases: [string, string | null][] = [
    ['conn.skype.akadns.net', 'skype conn.skype.akadns.net'],
    ['x.conn.skype.akadns.net', null],
    ['_sip._udp.conn.skype.akadns.net', 'skype conn.skype.akadns.net'],
    ['_8443._https.conn.skype.akadns.net', 'skype conn.skype.akadns.net'],
    ['x._udp.conn.skype.akadns.net', null],
    ['_sip.x.conn.skype.akadns.net', null],
    ['_dns.dsn17.d.skype.net', 'skype dsn{0-17}.d.skype.net'],
    ['skype.akadns.net', null],
    ['api.skype.com', 'skype api.skype.com'],
    ['skype.com', 'skype .skype.com'],
    ['a.b.c.skype.com', 'skype .skype.com'],
    ['A.B.SkYpE.CoM', 'skype .skype.com'],
    ['notskype.com', null],
    ['skype.com.example', null],
    ['skype.co', null],
    ['skypf.com', null],
    ['com', null],
    ['', null],
    ['dsn0.d.skype.net', 'skype dsn{0-17}.d.skype.net'],
    ['DSN17.d.skype.net', 'skype dsn{0-17}.d.skype.net'],
    ['dsn18.d.skype.net', null],
    ['dsn07.d.skype.net', null],
    ['dsn.d.skype.net', null],
    ['dsn1x.d.skype.net', null],
    ['x.dsn1.d.skype.net', null],
    ['skypeecs-prod-edge-a.trafficmanager.net', 'skype skypeecs-*.trafficmanager.net'],
    ['skypeecs-.trafficmanager.net', null],
    ['db3msgr5011709.gw.live.com', 'skype *.gw.live.com'],
    ['gw.live.com', null],
    ['a.b.gw.live.com', null],
    ['x.other.example', 'other .other.example'],
    ['x.deep.other.example', 'other .deep.other.example'],
  ];
  for (const [name, expected] of cases) assert.is(match(name), expected, name);
});

test('an exception takes a name from its own app only', () => {
  assert.is(match('edge.skype.com'), 'other edge.skype.com');
  assert.is(match('config.edge.skype.com'), null);
  assert.is(match('ledge.skype.com'), 'skype .skype.com');
});

test('a name of several apps is each of theirs, by its most specific entry, in the order of the apps', () => {
  const named = (name: string, dns: Partial<(typeof SKYPE)['profile']['dns']>) => {
    const none = { names: [], suffixes: [], patterns: [], except: [] };
    return { name, profile: { dns: { ...none, ...dns } } };
  };
  const apps = [
    named('talk', { suffixes: entries('login.shared.example', 'shared.example') }),
    named('chat', { names: entries('login.shared.example') }),
    named('game', {
      patterns: entries('lo*.shared.example'),
      except: entries('login.shared.example'),
    }),
    named('mail', { suffixes: entries('shared.example'), except: entries('login.shared.example') }),
    named('same', { suffixes: entries('login.shared.example') }),
  ];
  const shared = compileNames(apps);
  const matches = (name: string) =>
    matchName(shared, wireName(name), 0).map(({ app, entry }) => `${app} ${entry}`);
  assert.equal(matches('LOGIN.shared.example'), [
    'talk .login.shared.example',
    'chat login.shared.example',
    'same .login.shared.example',
  ]);
  assert.equal(matches('lost.shared.example'), [
    'talk .shared.example',
    'game lo*.shared.example',
    'mail .shared.example',
  ]);
  assert.equal(matches('x.login.shared.example'), [
    'talk .login.shared.example',
    'same .login.shared.example',
  ]);
  assert.equal(matches('shared.exampl'), []);
});

test('bytes that only look like letters do not match', () => {
  const name = wireName('api.skype.com');
  name[0] = 2;
  assert.equal(matchName(matcher, name, 0), []);
  for (const [at, byte] of [
    [1, 0x01],
    [5, 0x13],
    [5, 0xf3],
    [11, 0x43 ^ 0x80],
  ] as const) {
    const odd = wireName('api.skype.com');
    odd[at] = byte;
    const found = matchName(matcher, odd, 0);
    const other = at === 1 && found[0]?.entry === '.skype.com';
    assert.ok(found.length === 0 || other, `byte ${at}`);
  }
  // The single label "skype.com" is not two labels.
  assert.equal(
    matchName(matcher, concat([9], wireName('skype.com').slice(1, 6), [46, 99, 111, 109, 0]), 0),
    [],
  );
});

test('compressed names match across their pointers', () => {
  const bytes = concat([1, 2, 3], wireName('skype.com'), wireName('ui.@0'));
  assert.is(matchName(matcher, bytes, 14, 3)[0]?.entry, '.skype.com');
  assert.equal(matchName(matcher, bytes, 14, 3, 15), []);
});

test('wildcards of all sorts, and no blow-up on hostile labels', () => {
  const label = (pattern: string, text: string) => {
    const parsed = parsePattern(`${pattern}.a.b`);
    if (!parsed.ok) throw new Error(parsed.what);
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    return matchLabel(parsed.value[0]!, bytes, 0, bytes.length);
  };
  const cases: [string, string, boolean][] = [
    ['*', 'a', true],
    ['*', '', false],
    ['*', 'a b', false],
    ['a*b', 'ab', false],
    ['a*b', 'axxbxb', true],
    ['{5-12}', '5', true],
    ['{5-12}', '12', true],
    ['{5-12}', '1', false],
    ['{5-12}', '13', false],
    ['{0-9}{0-9}', '00', true],
    ['{0-99}-{1-2}x*', '99-2xyz', true],
    ['n{0-999999999}', 'n1000000000', false],
  ];
  for (const [pattern, text, expected] of cases) {
    assert.is(label(pattern, text), expected, `${pattern} on ${text}`);
  }
  const long = parsePattern(`${'*a'.repeat(31)}.a.b`);
  if (!long.ok) throw new Error(long.what);
  const letters = new Uint8Array(63).fill(97);
  letters[62] = 98;
  for (let i = 0; i < 20; i++) assert.not.ok(matchLabel(long.value[0]!, letters, 0, 63));
});

test('what people write in the place of a name: the message says what to write', () => {
  const url = /write the host name only: meet\.example\.com$/;
  const below = /write "example\.com", which stands for every name below it too$/;
  const address =
    /is an IP address and no host name; write option address: list address '[0-9a-f.:/]+'$/;
  const cases: [string, RegExp][] = [
    ['https://meet.example.com/', url],
    ['HTTPS://Meet.Example.com/a?b#c', url],
    ['http://user:secret@meet.example.com:8443/x', url],
    ['//meet.example.com', url],
    ['meet.example.com/path', url],
    ['meet.example.com:443', url],
    ['anna@meet.example.com', url],
    ['sip:anna@meet.example.com', url],
    ['stun:meet.example.com:3478', url],
    ['meet.example.com.:443', url],
    ['*.example.com', below],
    ['.example.com', below],
    ['a*.example.com', /has no \*; write the part to the right of it/],
    ['example.*', /has no \*/],
    ['a.example,b.example', /one name an entry.*: "a\.example", "b\.example"$/],
    ['a.example b.example', /one name an entry.*: "a\.example", "b\.example"$/],
    ['https://a.example/;b.example', /: "a\.example", "b\.example"$/],
    [' a.example', /without spaces and commas: "a\.example"$/],
    ['203.0.113.7', address],
    ['203.0.113.0/24', address],
    ['2001:db8::7', address],
    ['https://203.0.113.7/', address],
    ['[2001:db8::7]:443', address],
    ['203.0.113', /ends in a number/],
    ['203.0.113.256', /ends in a number/],
    ['', /is empty/],
    ['localhost', /one label/],
  ];
  for (const [name, expected] of cases) {
    assert.match(nameProblem(name, 'rule') ?? '', expected, name);
  }
  assert.match(nameProblem('*.example.com') ?? '', /among the suffixes/);
  assert.match(nameProblem('a*.example.com') ?? '', /among the patterns/);
  assert.match(nameProblem('203.0.113.7') ?? '', /write it in a range/);
  for (const name of ['4.example', 'a1.b2.c3', '1and1.example', '3com.example']) {
    assert.is(nameProblem(name, 'rule'), null, name);
  }
});

test('what a profile may not say has its fix in the message', () => {
  const cases: [string, RegExp][] = [
    ['bücher.example', /write "xn--bcher-kva\.example"/],
    ['Skype.com', /write "skype\.com" in lower case/],
    ['skype.com.', /without the final dot/],
    ['com', /at least two/],
    ['a..b', /empty label/],
    ['-a.b', /"-a"/],
    ['a b.c', /one name an entry.*: "a", "b\.c"$/],
    [`${'a'.repeat(64)}.b`, /1 to 63/],
    [`${'a.'.repeat(127)}b`, /longer than 253/],
  ];
  for (const [name, expected] of cases) assert.match(nameProblem(name) ?? '', expected);
  assert.is(nameProblem('_sip._udp.a-b.example'), null);
  const patterns: [string, RegExp][] = [
    ['*.com', /three labels/],
    ['a.*.com', /last two labels/],
    ['a{3-1}.b.c', /smaller/],
    ['a{01-3}.b.c', /use a-z/],
    ['a[0-9].b.c', /use a-z/],
    ['a..c.d', /1 to 63/],
    ['{0-9999999999}.b.c', /use a-z/],
  ];
  for (const [pattern, expected] of patterns) {
    const parsed = parsePattern(pattern);
    assert.match(parsed.ok ? '' : parsed.what, expected);
  }
});

test('the xn-- form of a label', () => {
  // RFC 3492 section 7.1 (L) and common registrations.
  assert.is(toAscii('3年B組金八先生'), 'xn--3b-ww4c5e180e575a65lsy2b');
  assert.is(toAscii('münchen'), 'xn--mnchen-3ya');
  assert.is(toAscii('правда'), 'xn--80aafi6cg');
  assert.is(toAscii('plain'), 'plain');
});

test('mutated names never throw', () => {
  const random = seeded(7);
  const seeds = [wireName('dsn17.d.skype.net'), wireName('skypeecs-a.trafficmanager.net')];
  for (let i = 0; i < 3000; i++) matchName(matcher, mutate(seeds[i % 2]!, random), 0);
});

test.run();
