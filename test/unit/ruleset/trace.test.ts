// ruleset/trace/trace: every case of test/trace in the tracer.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { createKernel } from '../../../agent/src/ruleset/trace/fake-kernel.ts';
import { trace } from '../../../agent/src/ruleset/trace/trace.ts';
import { udp } from '../../fixtures/packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { A, OTHER } from '../../trace/cases.ts';
import { GROUPS } from '../../trace/groups.ts';
import { play, WORLD } from '../../trace/play.ts';

for (const { cases, policy, up } of GROUPS) {
  const ruleset = compile(policy);
  for (const one of cases) {
    test(one.name, () => {
      const kernel = createKernel(ruleset, { ...WORLD, isUp: () => up });
      assert.equal(play(kernel, one), []);
    });
  }
}

test('what is no packet is dropped with a reason, and no exception', () => {
  const kernel = createKernel(compile(policyFrom({})));
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
