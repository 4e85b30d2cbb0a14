// learn/aliases, learn/chain: which names a message leads to and for how long; the store is bounded, and a
// device that fills it loses its own names.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  aliasesOf,
  createAliases,
  devicesLedTo,
  expireAliases,
  filterOf,
  isAlias,
  type Leads,
  learnAliases,
  retainAliases,
} from '../../../agent/src/learn/aliases.ts';
import { chainFrom, MOST_STEPS } from '../../../agent/src/learn/chain.ts';
import { compileNames, matchText } from '../../../agent/src/profile/name-match.ts';
import type { DnsRecord } from '../../../agent/src/wire/dns.ts';

const ONE = '192.168.1.11';
const TWO = '192.168.1.12';

function leads(name: string, at = 0, ttlSeconds = 300, app = 'skype'): Leads {
  const targets = [{ name, ttlSeconds, depth: 1 }];
  return { app, root: 'conn.skype.com', entry: '.skype.com', at, targets };
}

const CNAME = 5;
const DNAME = 39;

function record(owner: string, target: string, type = CNAME, ttlSeconds = 60): DnsRecord {
  const name = (text: string) => ({ text, offset: 0 });
  return {
    section: 'answer',
    owner: name(owner),
    type,
    ttlSeconds,
    addresses: [],
    target: name(target),
  };
}

const steps = (records: readonly DnsRecord[], start: string, depth = 0) => {
  const { reached, isCut } = chainFrom({ records }, new Map([[start, depth]]));
  const list = Array.from(reached, ([name, one]) => `${name} ${one.depth} ${one.ttlSeconds}`);
  return { list, isCut };
};

test('a chain is followed in any order of its records, and says how far each name is', () => {
  const records = [
    record('c.x', 'd.x', CNAME, 30),
    record('a.x', 'b.x', CNAME, 10),
    record('z.x', 'y.x'),
    record('b.x', 'c.x', CNAME, 20),
  ];
  assert.equal(steps(records, 'a.x').list, ['a.x 0 0', 'b.x 1 10', 'c.x 2 20', 'd.x 3 30']);
  assert.equal(steps(records.reverse(), 'b.x', 4).list, ['b.x 4 0', 'c.x 5 20', 'd.x 6 30']);
});

test('DNAME renames what is below its owner, and the owner not', () => {
  const rename = record('skype.com', 'other.net', DNAME, 90);
  assert.equal(steps([rename], 'a.b.skype.com').list, ['a.b.skype.com 0 0', 'a.b.other.net 1 90']);
  assert.equal(steps([rename], 'skype.com').list, ['skype.com 0 0']);
  assert.equal(steps([rename], 'notskype.com').list, ['notskype.com 0 0']);
});

test('circles, growing names and long chains end', () => {
  const circle = [record('a.x', 'b.x'), record('b.x', 'a.x'), record('b.x', 'b.x')];
  assert.equal(steps(circle, 'a.x'), { list: ['a.x 0 0', 'b.x 1 60'], isCut: false });
  const growing = steps([record('x', 'longer.x', DNAME)], 'a.x');
  assert.is(growing.list.length, MOST_STEPS + 1);
  assert.ok(growing.isCut);
  const long = Array.from({ length: 40 }, (_, i) => record(`n${i}.x`, `n${i + 1}.x`));
  const followed = steps(long, 'n0.x');
  assert.is(followed.list.length, MOST_STEPS + 1);
  assert.ok(followed.isCut);
  assert.equal(steps(long.slice(0, MOST_STEPS), 'n0.x').isCut, false);
  assert.ok(steps(long.slice(0, 1), 'n0.x', MOST_STEPS).isCut, 'over several answers too');
  const many = Array.from({ length: 4000 }, (_, i) => record(`x${i}`, 'y', DNAME));
  assert.equal(steps(many, 'a.x').list, ['a.x 0 0']);
});

test('a name counts for the device that was led to it, for its TTL and a little more', () => {
  const aliases = createAliases();
  learnAliases(aliases, ONE, leads('e1.example.net', 1000, 300));
  const [alias] = aliasesOf(aliases, ONE, 'e1.example.net', 1000);
  assert.equal([alias?.app, alias?.root, alias?.depth], ['skype', 'conn.skype.com', 1]);
  assert.equal(aliasesOf(aliases, TWO, 'e1.example.net', 1000), []);
  assert.equal(aliasesOf(aliases, ONE, 'x.e1.example.net', 1000), []);
  assert.ok(isAlias(aliases, ONE, 'e1.example.net', 310_000));
  assert.not(isAlias(aliases, ONE, 'e1.example.net', 311_000));
  assert.equal(aliasesOf(aliases, ONE, 'e1.example.net', 311_000), []);
  expireAliases(aliases, 310_000);
  assert.is(aliases.count, 1);
  expireAliases(aliases, 311_000);
  assert.equal([aliases.count, aliases.byDevice.size], [0, 0]);
});

test('an answer with a shorter TTL does not shorten it, and each app has its own', () => {
  const aliases = createAliases();
  learnAliases(aliases, ONE, leads('e1.example.net', 0, 3600));
  learnAliases(aliases, ONE, leads('e1.example.net', 1000, 300));
  learnAliases(aliases, ONE, leads('e1.example.net', 1000, 300, 'chat'));
  assert.is(aliases.count, 1);
  const apps = (now: number) =>
    aliasesOf(aliases, ONE, 'e1.example.net', now).map(({ app }) => app);
  assert.equal(apps(1000), ['skype', 'chat']);
  assert.equal(apps(400_000), ['skype']);
  expireAliases(aliases, 400_000);
  assert.equal(
    devicesLedTo(aliases, 'e1.example.net', 400_000).map(({ device, alias }) => [
      device,
      alias.app,
    ]),
    [[ONE, 'skype']],
  );
  assert.is(
    retainAliases(aliases, ({ app }) => app !== 'skype'),
    1,
  );
  assert.is(aliases.count, 0);
});

test('a device that is led to thousands of names makes room among its own', () => {
  const aliases = createAliases([], { perDevice: 50, total: 80 });
  for (let i = 0; i < 10; i++) learnAliases(aliases, TWO, leads(`own${i}.example.net`));
  for (let i = 0; i < 5000; i++) {
    learnAliases(aliases, ONE, leads(`n${i}.example.net`));
    assert.ok(aliases.count <= 80 && aliases.byDevice.get(ONE)!.size <= 50);
    // A name that is asked for stays.
    if (i > 0) assert.is(aliasesOf(aliases, ONE, 'n0.example.net', 0).length, 1, `${i}`);
  }
  for (let device = 0; device < 40; device++) {
    for (let i = 0; i < 20; i++)
      learnAliases(aliases, `10.0.0.${device}`, leads(`m${i}.example.net`));
    assert.ok(aliases.count <= 80);
  }
  const held = Array.from(aliases.byDevice.values(), ({ size }) => size);
  assert.is(
    held.reduce((a, b) => a + b, 0),
    aliases.count,
  );
  assert.is(aliases.byDevice.has(TWO), true, 'who holds little is not the one that makes room');
});

test('the walk’s filter lets aliases through, and is the matcher’s own while there are none', () => {
  const dns = { names: [], patterns: [], except: [], suffixes: [] };
  const matcher = compileNames([{ name: 'skype', profile: { dns } }]);
  const aliases = createAliases();
  const wanted = () => filterOf(aliases, matcher).filter((one) => one !== 0).length;
  assert.is(filterOf(aliases, matcher), matcher.filter);
  learnAliases(aliases, ONE, leads('e1.example.net'));
  assert.is(wanted(), 1);
  learnAliases(aliases, ONE, leads('other.net'));
  assert.is(wanted(), 2);
  assert.is(filterOf(aliases, matcher), filterOf(aliases, matcher));
  expireAliases(aliases, 1e9);
  assert.is(filterOf(aliases, matcher), matcher.filter);
  assert.equal(matchText(matcher, 'e1.example.net'), []);
});

test.run();
