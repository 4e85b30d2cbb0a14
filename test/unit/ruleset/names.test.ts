// Names in the kernel: short enough for nft's listings, and no name of an app is one of another kind.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { formerName } from '../../../agent/src/ruleset/names.ts';
import { type Change, policyFrom } from '../../fixtures/policies.ts';

const macs = ['02:00:00:00:00:01'];
const devices = ['192.168.1.2', 'fd00::2'];
/** Policies that together use every object. The name of an app has ten characters at most. */
const APP = 'longestapp';
const CHANGES: readonly Change[] = [
  { app: { name: APP, macs, devices, except: policyFrom({}).apps[0]!.profile.ranges } },
  {
    app: { name: APP },
    resolverBypass: {
      redirect: true,
      rejectDot: true,
      rejectDoh: true,
      hello: 'hold',
      devices,
      macs,
    },
  },
  { app: { name: APP }, globals: { hold: false } },
];

/** The kernel has a list of names for each of these. */
for (const kind of ['sets', 'chains', 'counters'] as const) {
  const names = CHANGES.flatMap((change) =>
    compile(policyFrom(change))[kind].map((one) => (typeof one === 'string' ? one : one.name)),
  );
  const [own, shared] = [true, false].map((isOwn) =>
    Array.from(new Set(names)).filter((name) => name.startsWith(`${APP}_`) === isOwn),
  ) as [string[], string[]];

  test(`${kind}: no shared name is that of an app, whatever the app's name`, () => {
    const kinds = own.map((name) => name.slice(APP.length));
    const taken = shared.filter((name) =>
      kinds.some(
        (one) => name.endsWith(one) && /^[a-z][a-z0-9]{0,9}$/.test(name.slice(0, -one.length)),
      ),
    );
    assert.equal(taken, []);
  });

  test(`${kind}: a name has 31 characters at most`, () => {
    assert.equal(
      [...own, ...shared].filter((name) => name.length > 31),
      [],
    );
  });
}

test('former names are those of version 0.1.0', () => {
  const former = ['skype_portmap4', 'skype_portmap6', 'skype_portmapmac', 'cut4', 'cut6'].map(
    formerName,
  );
  assert.equal(former, ['skype_asked4', 'skype_asked6', 'skype_askedmac', 'silent4', 'silent6']);
  assert.equal(['skype_addr4', 'skype_udpmac', 'gateways'].map(formerName), [null, null, null]);
});

test.run();
