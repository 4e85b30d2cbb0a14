// learn/stand-ins: answers with a non-public address are kept until a public one comes for the same name, or
// for an hour; answers of a blocklist are not kept.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Lesson, NOT_PUBLIC } from '../../../agent/src/learn/observe-dns.ts';
import { expireStandIns, noteStandIn, type StandIn } from '../../../agent/src/learn/stand-ins.ts';

function lesson(
  name: string,
  refused: string[],
  addresses: string[] = [],
  reason = NOT_PUBLIC,
): Lesson {
  return {
    app: 'skype',
    name,
    root: name,
    entry: 'skype.com',
    device: '192.168.1.11',
    at: 1000,
    addresses: addresses.map((address) => ({ address, ttlSeconds: 60 })),
    targets: [],
    refused: refused.map((address) => ({ address, reason })),
  };
}

function kept(...lessons: Lesson[]): Map<string, StandIn> {
  const known = new Map<string, StandIn>();
  for (const one of lessons) noteStandIn(known, one);
  return known;
}

test('the last of an app is kept', () => {
  const known = kept(lesson('a.skype.com', ['198.18.0.9']), lesson('b.skype.com', ['fc00::9']));
  assert.equal(
    [...known.values()],
    [{ app: 'skype', name: 'b.skype.com', address: 'fc00::9', device: '192.168.1.11', at: 1000 }],
  );
  expireStandIns(known, 1000 + 3599999);
  assert.is(known.size, 1);
  expireStandIns(known, 1000 + 3600000);
  assert.is(known.size, 0);
});

test('a true answer for its name ends it, one for another does not', () => {
  const fake = lesson('a.skype.com', ['198.18.0.9']);
  assert.is(kept(fake, lesson('b.skype.com', [], ['93.184.216.34'])).size, 1);
  assert.is(kept(fake, lesson('a.skype.com', [], ['93.184.216.34'])).size, 0);
  assert.is(kept(fake, lesson('a.skype.com', [])).size, 1);
});

test("a blocklist's answers, and addresses of the home's own, are none", () => {
  for (const address of ['0.0.0.0', '127.0.0.1', '::', '::1']) {
    assert.is(kept(lesson('a.skype.com', [address])).size, 0, address);
  }
  assert.is(kept(lesson('a.skype.com', ['203.0.113.20'], [], 'a proxy')).size, 0);
});

test.run();
