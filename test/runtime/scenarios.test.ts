// Plays the scenarios on the fake kernel: the state at the end, and the same after each change has failed once.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pause } from '../../agent/src/os/clock.ts';
import { removeFile } from '../../agent/src/os/file.ts';
import type { Agent } from '../../agent/src/runtime/agent.ts';
import { enforce } from '../../agent/src/runtime/enforce.ts';
import { removeHandover } from '../../agent/src/runtime/handover-file.ts';
import { SCENARIOS, type Scenario } from '../scenario/scenarios.ts';
import { fakeStage, until } from '../scenario/stage.ts';
import { guardOrder } from './order.ts';
import { saidDuring } from './said.ts';

/** Of this process alone: suites of two trees may run at once. */
const FILE = `/tmp/whp-runtime-${Math.random().toString(36).slice(2)}.standing`;
test.after(() => {
  removeHandover(FILE);
  removeFile(`${FILE}.counts`);
});

interface Played {
  readonly dump: string;
  readonly changes: readonly string[];
  readonly calls: readonly string[];
  /** Calls before the scenario began. */
  readonly begun: number;
  /** Log lines and problems. */
  readonly said: readonly string[];
  readonly violations: readonly string[];
  /** The dump before the agent tried again. */
  readonly left: string;
}

/** Ends when the agent waits for events alone. */
async function quiet({ turns, effects, failover }: Agent): Promise<void> {
  await pause();
  await turns.last;
  await failover.sweeping;
  const { late } = effects;
  await until(() => !late.isLooking && !late.isWaiting);
  await pause();
}

/** Plays a scenario whose call number `fails` fails, and what the agent does then; null: none fails. */
async function play(scenario: Scenario, fails: number | null = null): Promise<Played> {
  removeHandover(FILE);
  // No tunnel devices: this kernel has GRE.
  const stage = fakeStage(FILE, ['lo', 'br-lan', 'wan']);
  const violations = scenario.isTorn === true ? [] : guardOrder(stage);
  if (fails !== null) stage.fake.failing.add(fails);
  let thrown = '';
  const said = await saidDuring(async () => {
    await scenario.play(stage).catch((error: unknown) => {
      thrown = String(error);
    });
    await quiet(stage.agent);
  });
  const { problems, effects, failover } = stage.agent;
  const shown = [...problems.values(), ...failover.steering.stuck.values()];
  const told = [...said, ...shown, thrown, effects.failures.last].filter((line) => line !== '');
  const left = await stage.dump();
  if (fails !== null) {
    stage.fake.failing.clear();
    await saidDuring(async () => {
      if (scenario.again !== undefined) await scenario.again(stage);
      else assert.is(await enforce(stage.agent, stage.wanted), null);
      await quiet(stage.agent);
    });
  }
  const { fake, begun } = stage;
  return {
    dump: await stage.dump(),
    changes: [...fake.changes],
    calls: fake.calls,
    begun,
    said: told,
    violations,
    left,
  };
}

const isError = (line: string): boolean =>
  /error|refused/i.test(line) && !line.includes('File exists');

/** Without the sets of silent ends: flows are ended even if they cannot be changed. */
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

  test(`${scenario.name}: each call fails once`, async () => {
    const whole = await play(scenario);
    for (let at = whole.begun; at < whole.calls.length; at += 1) {
      const what = `${whole.calls[at]} fails`;
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
