// policy/choices: the owner's choices and the time of day, applied to the configured policy.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Choices,
  choicesText,
  decided,
  decisionKey,
  directReason,
  MOST_PINS,
  NO_CHOICES,
  readChoices,
} from '../../../agent/src/policy/choices.ts';
import { app, policyFrom } from '../../fixtures/policies.ts';

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
  assert.equal(one!.pins!.addresses, ['198.51.100.9', '64:ff9b::c633:6409']);
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

test('choices are kept but for pauses', () => {
  const pins = [{ app: 'skype', address: '2001:db8::9' }];
  const paused = new Map([['skype', null]]);
  const kept = readChoices(choicesText({ pins, preferred: 'b', paused }));
  assert.equal(kept, { value: { pins, preferred: 'b', paused: new Map() }, wrong: null });
  assert.equal(readChoices(choicesText(NO_CHOICES)), { value: NO_CHOICES, wrong: null });
});

test('what cannot be read of a file of choices is said, and the rest counts', () => {
  const pins = [{ app: 'skype', address: '2001:db8::9' }];
  const none: [string, RegExp][] = [
    ['', /is empty/],
    ['{', /is not JSON/],
    ['null', /holds no choices/],
    ['[]', /holds no choices/],
    ['7', /holds no choices/],
    ['{"pins":7,"preferred":{}}', /1 of its pins.*, its preferred proxy/],
    ['{"pins":[null,{"app":1}],"preferred":null}', /2 of its pins/],
    ['{"pins":[],"preferred":null,"paused":1}', /"paused" is not known to this version/],
  ];
  for (const [text, wrong] of none) {
    const read = readChoices(text);
    assert.equal(read.value, NO_CHOICES, text);
    assert.match(read.wrong!, wrong);
  }
  const odd = readChoices(
    '{"pins":[{"app":"skype","address":"2001:DB8:0::9"},{"app":"x","address":"y"}],"preferred":"b"}',
  );
  assert.equal(
    [odd.value.pins, odd.value.preferred, odd.wrong],
    [pins, 'b', '1 of its pins cannot be read'],
  );
  const many = Array.from({ length: MOST_PINS + 3 }, (_, i) => ({
    app: 'x',
    address: `192.0.2.${i % 250}`,
  }));
  const full = readChoices(JSON.stringify({ pins: many, preferred: null }));
  assert.equal([full.value.pins.length, full.wrong], [MOST_PINS, '3 of its pins cannot be read']);
});

test.run();
