// A fake clock and fake proxies for the scenarios of tunnel/: runs the steering as the daemon does and records
// its effects.
import type { App, Policy, Proxy } from '../../../agent/src/policy/policy.ts';
import { describe } from '../../../agent/src/reconcile/desired.ts';
import {
  adoptPolicy,
  createSteering,
  type MoveEffect,
  type SteerEffect,
  type SteerEvent,
  type Steering,
  steer,
  untilNextLook,
} from '../../../agent/src/tunnel/failover.ts';
import { isDoubted } from '../../../agent/src/tunnel/health.ts';
import { app, globals, proxy } from '../../fixtures/policies.ts';

/** At a time (milliseconds): how long the proxy's answer takes; null: no answer. */
export type Life = (now: number) => number | null;

export const alive: Life = () => 20;
export const dead: Life = () => null;

/** Answers, except from `from` to `to`. */
export function deadBetween(from: number, to: number): Life {
  return (now) => (now >= from && now < to ? null : 20);
}

export interface Line {
  readonly at: number;
  readonly effect: SteerEffect;
}

export interface Scenario {
  readonly steering: Steering;
  readonly lives: Map<string, Life>;
  readonly log: Line[];
  probes: number;
  /** Packets that a proxy's device has received until a time. */
  received: ((proxy: string, now: number) => number) | null;
  now: number;
}

export function policyOf(names: readonly string[], change: Partial<App> = {}): Policy {
  const proxies = names.map(
    (name, at): Proxy => ({
      ...proxy,
      name,
      address: `198.51.100.${at + 1}`,
      local: `10.200.${at}.1`,
      remote: `10.200.${at}.2`,
    }),
  );
  return { globals, proxies, apps: [{ ...app, proxies: names, ...change }] };
}

export function start(
  lives: { readonly [proxy: string]: Life },
  change: Partial<App> = {},
  standing: string | null = null,
): Scenario {
  const policy = policyOf(Object.keys(lives), change);
  const steering = createSteering();
  adoptPolicy(steering, policy, () => standing, 0);
  return {
    steering,
    lives: new Map(Object.entries(lives)),
    log: [],
    probes: 0,
    received: null,
    now: 0,
  };
}

/** Runs until `end`, event by event. */
export function runUntil(scenario: Scenario, end: number): void {
  const { steering, lives, log } = scenario;
  const answers: { at: number; event: SteerEvent }[] = [];
  const take = (event: SteerEvent): void => {
    for (const effect of steer(steering, event, scenario.now)) {
      if (effect.kind !== 'probe') {
        log.push({ at: scenario.now, effect });
        continue;
      }
      scenario.probes += 1;
      const delay = lives.get(effect.proxy)!(scenario.now);
      if (delay === null) continue;
      const { proxy: name, sequence } = effect;
      answers.push({ at: scenario.now + delay, event: { kind: 'answer', proxy: name, sequence } });
      answers.sort((a, b) => a.at - b.at);
    }
  };
  take({ kind: 'look' });
  for (;;) {
    const look = scenario.now + Math.max(1, untilNextLook(steering, scenario.now, 1000));
    const at = Math.min(look, answers[0]?.at ?? look);
    if (at > end) break;
    scenario.now = at;
    const answer = answers[0]?.at === at ? answers.shift() : undefined;
    if (answer === undefined) {
      for (const health of steering.healths.values()) {
        const packets = isDoubted(health) ? scenario.received?.(health.proxy, at) : undefined;
        if (packets !== undefined) take({ kind: 'traffic', proxy: health.proxy, packets });
      }
    }
    take(answer?.event ?? { kind: 'look' });
  }
  scenario.now = end;
}

/** "1250 skype: proxy a -> proxy b (...)" for each change of way. */
export function movesOf(scenario: Scenario): string[] {
  return scenario.log.flatMap(({ at, effect }) =>
    effect.kind === 'move' ? [`${Math.round(at)} ${effect.text}`] : [],
  );
}

/** The times of the app's moves. */
export function times(scenario: Scenario): number[] {
  return scenario.log.flatMap(({ at, effect }) => (effect.kind === 'move' ? [at] : []));
}

export function stateOf(scenario: Scenario): string {
  return scenario.steering.choices.get('skype')!.state;
}

export function wayOf(scenario: Scenario): string {
  const { way } = scenario.steering.choices.get('skype')!;
  return way.kind === 'tunnel' ? way.proxy : way.kind;
}

/** An effect of a move as text. */
export function words(effect: MoveEffect): string {
  switch (effect.kind) {
    case 'gate':
      return `${effect.gate} ${effect.on ? 'on' : 'off'}`;
    case 'route':
      return `${effect.op} ${describe(effect.route)}`;
    case 'sweep':
      return `sweep but ${effect.way.kind === 'tunnel' ? effect.way.proxy : effect.way.kind}`;
  }
}
