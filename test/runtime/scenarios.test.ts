// The scenarios of the runtime on the fake kernel: what they leave, and each of their changes failing once.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { enforce } from '../../agent/src/runtime/enforce.ts';
import { removeHandover } from '../../agent/src/runtime/handover-file.ts';
import { SCENARIOS, type Scenario } from '../scenario/scenarios.ts';
import { fakeStage } from '../scenario/stage.ts';
import { guardOrder } from './order.ts';
import { saidDuring } from './said.ts';

const FILE = '/tmp/whp-runtime.standing';

interface Played {
  readonly dump: string;
  readonly changes: readonly string[];
  /** Changes before the scenario began. */
  readonly begun: number;
  /** The log, and what `whp status` would show. */
  readonly said: readonly string[];
  readonly violations: readonly string[];
  /** As it was before the agent tried again. */
  readonly left: string;
}

/** Plays a scenario whose change number `fails` fails, and what the agent does then; null: none fails. */
async function play(scenario: Scenario, fails: number | null = null): Promise<Played> {
  removeHandover(FILE);
  const stage = fakeStage(FILE);
  const violations = guardOrder(stage);
  if (fails !== null) stage.fake.failing.add(fails);
  let thrown = '';
  const said = await saidDuring(async () => {
    await scenario.play(stage).catch((error: unknown) => {
      thrown = String(error);
    });
  });
  const { problems, effects, failover } = stage.agent;
  const shown = [...problems.values(), ...failover.steering.stuck.values()];
  const told = [...said, ...shown, thrown, effects.failures.last].filter((line) => line !== '');
  const left = await stage.dump();
  if (fails !== null) {
    await saidDuring(async () => {
      if (scenario.again !== undefined) await scenario.again(stage);
      else assert.is(await enforce(stage.agent, stage.wanted), null);
    });
  }
  const { fake, begun } = stage;
  return {
    dump: await stage.dump(),
    changes: [...fake.changes],
    begun,
    said: told,
    violations,
    left,
  };
}

const isError = (line: string): boolean =>
  /error|refused/i.test(line) && !line.includes('File exists');

/** The sets of ends that are dropped in silence are a courtesy: a flow is ended without it. */
function without(dump: string): string {
  return dump.replace(/^set cut[46] [\s\S]*?^}\n(?=set |chain )/gm, '');
}

for (const scenario of SCENARIOS) {
  test(`${scenario.name}: in order, and twice the same`, async () => {
    const once = await play(scenario);
    assert.equal(once.violations, []);
    assert.equal(once.said.filter(isError), []);
    for (const line of scenario.has) assert.match(once.dump, line);
    for (const line of scenario.hasNot) assert.not.match(once.dump, line);
    const twice = await play(scenario);
    assert.is(twice.dump, once.dump);
    assert.equal(twice.changes, once.changes);
  });

  test(`${scenario.name}: each change fails once`, async () => {
    const whole = await play(scenario);
    for (let at = whole.begun; at < whole.changes.length; at += 1) {
      const what = `${whole.changes[at]} fails`;
      const { violations, said, dump, left } = await play(scenario, at).catch((error: unknown) => {
        throw new Error(`${what}: ${error}`);
      });
      assert.equal(violations, [], what);
      assert.ok(said.some(isError) || left === whole.dump, `nothing is said: ${what}`);
      assert.is(without(dump), without(whole.dump), what);
    }
  });
}

test.run();
