// ruleset/without-logs: for a kernel without nft's log the table is the same without its log statements.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { weakerWithout } from '../../../agent/src/policy/missing-parts.ts';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { renderLoad } from '../../../agent/src/ruleset/render.ts';
import { createKernel } from '../../../agent/src/ruleset/trace/fake-kernel.ts';
import { withoutAnnouncements } from '../../../agent/src/ruleset/without-logs.ts';
import type { Case } from '../../trace/cases.ts';
import { GROUPS } from '../../trace/groups.ts';
import { play, WORLD } from '../../trace/play.ts';

/** The case without its expected feeds: verdicts, marks, costs and set elements remain. */
function unannounced(one: Case): Case {
  const steps = one.steps.map((step) => {
    if (!('send' in step)) return step;
    const { logs: _, ...want } = step.send.want;
    return { send: { ...step.send, want } };
  });
  return { ...one, steps };
}

for (const { cases, policy, up } of GROUPS) {
  test(`${cases[0]?.name ?? ''} ...: no log statement, every other one, the same verdicts`, () => {
    const whole = compile(policy);
    const muted = withoutAnnouncements(whole);
    assert.not.match(renderLoad(muted), /\blog\b/);
    const kinds = (table: typeof whole, of: string): number =>
      table.chains
        .flatMap(({ rules }) => rules.flatMap(({ statements }) => statements))
        .filter(({ kind }) => kind === of).length;
    for (const kind of ['mark', 'update', 'verdict', 'queue', 'reject', 'masquerade', 'clamp'])
      assert.is(kinds(muted, kind), kinds(whole, kind), kind);
    for (const one of cases) {
      const kernel = createKernel(muted, { ...WORLD, isUp: () => up });
      assert.equal(play(kernel, unannounced(one)), [], one.name);
    }
  });
}

test('what is weaker names the package that is missing', () => {
  assert.match(
    weakerWithout('announce', 'errno 22', 'opkg'),
    /kmod-nfnetlink-log installed\? errno 22\); .*opkg install kmod-nfnetlink-log; /,
  );
  assert.match(
    weakerWithout('gre', 'errno 95', 'apk'),
    /refused \(is kmod-gre installed\?.*; apk add kmod-gre; /,
  );
});

test.run();
