// preflight/owner-rules: names of rules that have no effect, that another app has first, or that other people can
// register; and what check says of an app of rules alone.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildPolicy } from '../../../agent/src/policy/build.ts';
import { looksOf } from '../../../agent/src/preflight/looks.ts';
import { verdictOf } from '../../../agent/src/preflight/verdict.ts';
import type { Profile } from '../../../agent/src/profile/profile.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import { withValue } from '../../fixtures/profile.ts';
import { CLOUD } from '../../fixtures/uci.ts';

const skype = withValue('/retired', undefined) as Profile;
const app = (name: string, more = ''): string =>
  `config app '${name}'\n\tlist proxy 'cloud'\n${more}`;

function rule(name: string, of: string, names: readonly string[], action = 'proxy'): string {
  const its = of === '' ? '' : `\toption app '${of}'\n`;
  const lines = names.map((one) => `\tlist name '${one}'\n`).join('');
  return `config rule '${name}'\n\toption action '${action}'\n${its}${lines}`;
}

function looked(text: string) {
  const uci = parseUci(CLOUD + text, 'whp');
  if (!uci.ok) throw new Error(uci.problems[0]!.what);
  const policy = buildPolicy({ uci: uci.value, profiles: new Map([['skype', skype]]) });
  if (!policy.ok) throw new Error(policy.problems.map(({ what }) => what).join('\n'));
  const subject = { policy: policy.value, uci: uci.value, wall: 0, router: null };
  const looks = looksOf(subject);
  const seen = (name: string) => looks.find(({ subject }) => subject === name)?.seen;
  const notes = looks.flatMap((one) => one.notes.map(({ where, what }) => `${where}: ${what}`));
  return { notes, seen, verdict: verdictOf(policy.value, uci.value) };
}

test('an app of rules alone: check names it, its rules, and that no profile is in use', () => {
  const { notes, seen, verdict } = looked(
    app('echo') +
      app('skype') +
      rule('more', 'echo', ['echo.example.com']) +
      rule('bank', '', ['bank.example'], 'direct') +
      rule('off', 'echo', ['x.example.com']) +
      "\toption enabled '0'\n",
  );
  assert.equal(notes, []);
  assert.is(seen('profiles'), `echo has none, its rules alone, skype ${skype.version}`);
  assert.is(seen('rules'), 'whp.more (proxy, echo), whp.bank (direct, all apps)');
  assert.match(verdict, /^good: echo \(your rules\) by cloud \(203\.0\.113\.20\), all devices,/);
  assert.match(verdict, /; skype by cloud/);
});

test('a name that an app before it has for all devices: the note names both and the command', () => {
  const two = rule('a', 'one', ['example.com']) + rule('b', 'two', ['calls.example.com']);
  const { notes } = looked(app('one') + app('two') + two);
  assert.equal(notes, [
    'whp.b.name (whp:16): "calls.example.com" is a name of one too, which comes first in the file and is for all devices: two gets it only while one is paused or outside its hours; to have two first: uci reorder whp.two=1; uci commit whp; whp reload',
  ]);
  // The wider name in the second app is no mistake, nor is the same name of other devices.
  assert.equal(looked(app('two') + app('one') + two).notes, []);
  const limited = app('one', "\tlist device '192.168.1.50'\n");
  assert.equal(looked(limited + app('two') + two).notes, []);
});

test('a name of a profile before it', () => {
  const { notes } = looked(app('skype') + app('mine') + rule('a', 'mine', ['api.skype.com']));
  assert.match(notes.join('\n'), /"api\.skype\.com" is a name of skype too/);
  const excepted = looked(app('skype') + app('mine') + rule('a', 'mine', ['edge.skype.com']));
  assert.equal(excepted.notes, [], 'the profile excepts it');
});

test('a name that a direct rule or the profile keeps out has no effect: the note says which', () => {
  const direct = rule('bank', '', ['example.com'], 'direct');
  const { notes } = looked(app('echo') + rule('a', 'echo', ['calls.example.com']) + direct);
  assert.equal(notes, [
    'whp.a.name (whp:10): "calls.example.com" stays direct by whp.bank.name (whp:13); to have it proxied: uci del_list whp.bank.name=\'example.com\'; uci commit whp; whp reload',
  ]);
  const other = rule('bank', 'skype', ['example.com'], 'direct');
  const fine = app('echo') + app('skype') + rule('a', 'echo', ['calls.example.com']) + other;
  assert.equal(looked(fine).notes, []);
  const kept = looked(app('skype') + rule('a', 'skype', ['edge.skype.com']));
  assert.equal(kept.notes, [
    'whp.a.name (whp:10): "edge.skype.com" stays direct: the profile of skype excepts edge.skype.com; remove it here',
  ]);
});

test('a name in a zone of anybody: the note has the place of the rule, not one in a profile', () => {
  const { notes } = looked(app('echo') + rule('a', 'echo', ['echo.example.com', 'github.io']));
  assert.equal(notes, [
    'whp.a.name (whp:11): "github.io": anybody can register names in github.io, and whoever has one that fits decides what is proxied; write the names of your own there one by one',
  ]);
  const both = looked(app('skype') + rule('a', 'skype', ['github.io']));
  assert.is(both.notes.length, 1);
});

test('a direct name beside a rule that proxies every address: the note says what to write', () => {
  const bank = rule('bank', '', ['bank.example'], 'direct');
  const every = (more: string): string => `${rule('all', 'echo', [])}\tlist ${more}\n`;
  const { notes } = looked(app('echo') + every("address '0.0.0.0/0'") + bank);
  assert.equal(notes, [
    'whp.bank.name (whp:13): the addresses of "bank.example" are not direct: your rule "all" (whp:7) proxies every address, whatever its name: write those that are to stay direct (list address)',
  ]);
  const ports = looked(app('echo') + every("port '443'") + bank).notes;
  assert.match(ports.join(), /proxies every address on its ports, whatever its name:/);
  const some = app('echo') + every("address '198.51.100.0/24'") + bank;
  assert.equal(looked(some).notes, []);
});

test.run();
