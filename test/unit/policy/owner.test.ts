// policy/owner: the owner's choices and the hour, laid over the configured policy.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Choices,
  choicesText,
  decided,
  decisionKey,
  directReason,
  NO_CHOICES,
  readChoices,
} from '../../../agent/src/policy/owner.ts';
import { app, policyFrom } from '../../golden/policies.ts';

const MINUTE = 60000;
const at = { now: 1000 * MINUTE, minute: 600 };

function choices(change: Partial<Choices>): Choices {
  return { ...NO_CHOICES, ...change };
}

test('nothing chosen changes nothing', () => {
  const policy = policyFrom({});
  assert.equal(decided(policy, NO_CHOICES, at), policy);
});

test('a pause counts until its end, and without one until it is resumed', () => {
  const paused = new Map([['skype', at.now + MINUTE]]);
  assert.is(directReason(app, choices({ paused }), at), 'paused');
  assert.is(directReason(app, choices({ paused }), { ...at, now: at.now + MINUTE }), null);
  const forever = new Map([['skype', null]]);
  assert.is(directReason(app, choices({ paused: forever }), { ...at, now: 1e15 }), 'paused');
  assert.is(directReason({ ...app, name: 'other' }, choices({ paused: forever }), at), null);
});

test('outside its schedule an app is direct; with a clock that is not set it is proxied', () => {
  const timed = { ...app, schedule: [[540, 660]] as const };
  assert.is(directReason(timed, NO_CHOICES, at), null);
  assert.is(directReason(timed, NO_CHOICES, { ...at, minute: 660 }), 'schedule');
  assert.is(directReason(timed, NO_CHOICES, { ...at, minute: null }), null);
  const policy = policyFrom({ app: { schedule: [[540, 660]] } });
  const evening = { ...at, minute: 660 };
  assert.is(decided(policy, NO_CHOICES, evening).apps[0]!.direct, 'schedule');
  assert.is.not(decisionKey(policy, NO_CHOICES, at), decisionKey(policy, NO_CHOICES, evening));
});

test('a clock that jumps back and forth is followed at every look', () => {
  const timed = { ...app, schedule: [[540, 660]] as const };
  const seen = [600, 700, 600, null, 700].map((minute) =>
    directReason(timed, NO_CHOICES, { now: 0, minute }),
  );
  assert.equal(seen, [null, 'schedule', null, null, 'schedule']);
});

test('a pinned address is a pin of its app alone, and its profile stays the same object', () => {
  const policy = policyFrom({ apps: [{}, { name: 'other', slot: 2 }] });
  const pins = [{ app: 'skype', address: '198.51.100.9' }];
  const [one, two] = decided(policy, choices({ pins }), at).apps;
  assert.equal(one!.pins!.addresses, ['198.51.100.9']);
  assert.is(one!.profile, policy.apps[0]!.profile);
  assert.is(two!.pins, undefined);
});

test('the chosen proxy is used alone, by the apps that list it', () => {
  const policy = policyFrom({
    proxies: [{}, { name: 'b', key: 8, local: '10.201.0.2', remote: '10.201.0.1' }],
    apps: [{ proxies: ['a', 'b'] }, { name: 'other', slot: 2, proxies: ['a'] }],
  });
  const apps = decided(policy, choices({ preferred: 'b' }), at).apps;
  assert.equal(
    apps.map(({ proxies }) => proxies),
    [['b'], ['a']],
  );
});

test('choices are kept but for pauses; a broken file is no choice', () => {
  const pins = [{ app: 'skype', address: '2001:db8::9' }];
  const paused = new Map([['skype', null]]);
  const kept = readChoices(choicesText({ pins, preferred: 'b', paused }));
  assert.equal(kept, { pins, preferred: 'b', paused: new Map() });
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"pins":7,"preferred":{}}',
    '{"pins":[null,{"app":1}]}',
  ]) {
    assert.equal(readChoices(text), NO_CHOICES, text);
  }
  const odd = readChoices(
    '{"pins":[{"app":"skype","address":"2001:DB8:0::9"},{"app":"x","address":"y"}]}',
  );
  assert.equal(odd.pins, pins);
});

test.run();
