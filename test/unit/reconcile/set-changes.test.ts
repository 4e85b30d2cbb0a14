// reconcile/set-changes: which policies differ only in pauses and pins, and the set elements that differ.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ownRange } from '../../../agent/src/policy/build-rules.ts';
import type { App } from '../../../agent/src/policy/policy.ts';
import { differInChoices, pinChanges, withPins } from '../../../agent/src/reconcile/set-changes.ts';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { renderParts } from '../../../agent/src/ruleset/render.ts';
import { reloadText } from '../../../agent/src/ruleset/transaction.ts';
import { policyFrom } from '../../fixtures/policies.ts';

const pins = (...addresses: string[]) => ({
  pins: ownRange(addresses, ['tcp', 'udp'], [[0, 65535]], 'pinned by the owner'),
});
const standingOf = (app: Partial<App>) => renderParts(compile(policyFrom({ app })));

test('the table of a paused app is the one of any other', () => {
  const resolverBypass = { hello: 'hold' } as const;
  for (const app of [{}, { devices: ['192.168.1.11'] }, { macs: ['02:00:00:00:00:0a'] }]) {
    const direct = policyFrom({ app: { ...app, direct: 'paused' }, resolverBypass });
    assert.equal(compile(direct), compile(policyFrom({ app, resolverBypass })));
  }
});

test('a pause or a pin is a choice; nothing, and anything else, is none', () => {
  const before = policyFrom({});
  assert.ok(differInChoices(before, policyFrom({ app: { direct: 'paused' } })));
  assert.ok(differInChoices(policyFrom({ app: { direct: 'schedule' } }), before));
  assert.ok(differInChoices(before, policyFrom({ app: pins('198.51.100.7') })));
  assert.ok(
    differInChoices(
      policyFrom({ app: pins('198.51.100.7') }),
      policyFrom({ app: pins('1.0.0.9') }),
    ),
  );
  assert.not.ok(differInChoices(before, policyFrom({})));
  for (const change of [
    { globals: { hold: true } },
    { proxy: { mtu: 1300 } },
    { resolverBypass: {} },
    { apps: [] },
    { apps: [{}, { name: 'other', slot: 2 }] },
    { app: { proxies: [] } },
    { app: { except: [] } },
    { profile: { version: '2027' } },
  ]) {
    const { app = {}, ...rest } = change as { app?: Partial<App> };
    const next = policyFrom({ ...rest, app: { ...app, direct: 'paused' } });
    assert.not.ok(differInChoices(before, next), JSON.stringify(change));
  }
});

test('pins that go and pins that come, each in the set of its app and family', () => {
  const both = (a: string[], b: string[]) =>
    policyFrom({ apps: [pins(...a), { name: 'other', slot: 2, ...pins(...b) }] });
  const before = both(['198.51.100.7', '198.51.100.9'], []);
  const next = both(['198.51.100.9', '2001:db8:77::1'], ['198.51.100.7']);
  const words = pinChanges(before, next).map(
    ({ operation, set, elements }) =>
      `${operation} ${set} ${elements.map(({ key }) => key.join('.')).join(' ')}`,
  );
  assert.equal(words, [
    'delete skype_pin4 198.51.100.7',
    'add skype_pin6 32.1.13.184.0.119.0.0.0.0.0.0.0.0.0.1',
    'add other_pin4 198.51.100.7',
  ]);
  assert.equal(pinChanges(next, next), []);
});

test('the table noted after a pin is the one a load would make: the next one has nothing to do', () => {
  const app = pins('198.51.100.9', '2001:db8:77::1', '198.51.100.10');
  const noted = withPins(standingOf({}), policyFrom({ app }));
  assert.equal(noted, standingOf(app));
  assert.is(reloadText(noted, standingOf(app)), '');
  assert.is(reloadText(withPins(noted, policyFrom({})), standingOf({})), '');
  assert.is.not(reloadText(standingOf({}), noted), '');
});

test.run();
