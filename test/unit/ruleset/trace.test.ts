// ruleset/trace: every case of the trace comparison, on the model.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../../agent/src/ruleset/compile.ts';
import { createKernel, trace } from '../../../agent/src/ruleset/trace.ts';
import { policyWith } from '../../golden/policies.ts';
import { A, CASES, type Case, DOWN, FULL, LEASE, OTHER } from '../../trace/cases.ts';
import { udp } from '../../trace/packets.ts';
import { play, WORLD } from '../../trace/play.ts';

const GROUPS: [Case[], ReturnType<typeof policyWith>, boolean][] = [
  [CASES, policyWith({}), true],
  [FULL, policyWith({ caps: { endpoints: 2, ports: 2, peers: 2, devices: 2 } }), true],
  [
    LEASE,
    policyWith({ ports: { leaseSeconds: 1 }, peers: { enabled: true, leaseSeconds: 1 } }),
    true,
  ],
  [DOWN, policyWith({}), false],
];

for (const [cases, policy, up] of GROUPS) {
  for (const one of cases) {
    test(one.name, () => {
      const kernel = createKernel(compile(policy), { ...WORLD, isUp: () => up });
      assert.equal(play(kernel, one), []);
    });
  }
}

test('what is no packet is dropped with a reason, and no exception', () => {
  const kernel = createKernel(compile(policyWith({})));
  const whole = udp({ src: A, dst: OTHER, sport: 1, dport: 2 }, new Uint8Array(4));
  for (let length = 0; length < whole.length; length++) {
    const bytes = whole.subarray(0, length);
    const result = trace(kernel, { bytes, iif: 'br-lan', oif: 'wan', hooks: 'forward' }, 1);
    assert.is(typeof result.verdict, 'string');
  }
  const empty = { bytes: new Uint8Array(0), iif: 'br-lan', oif: 'wan', hooks: 'forward' } as const;
  assert.ok(trace(kernel, empty, 1).malformed);
});

test.run();
