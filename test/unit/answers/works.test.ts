// answers/works: the one word of `whp status --quiet`.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { StatusAnswer } from '../../../agent/src/answers/status.ts';
import { isWorking } from '../../../agent/src/answers/works.ts';

function answer(states: readonly string[], held = true, hold_wanted = true): StatusAnswer {
  const apps = states.map((text) => {
    const [state, cause = null, partly] = text.split(' ');
    return { new_connections: { state, cause, partly: partly !== undefined } };
  });
  return { apps, hold_wanted, dns_answers: held ? 'held' : 'watched' } as unknown as StatusAnswer;
}

test('proxied, or direct by the schedule that the owner wrote', () => {
  assert.ok(isWorking(answer(['proxied'])));
  assert.ok(isWorking(answer(['proxied', 'direct schedule'])));
});

test('not while one app is refused, direct by its fallback, paused, or proxied in part', () => {
  const states = ['refused fallback', 'direct fallback', 'direct paused', 'proxied lan partly'];
  for (const state of states) assert.not.ok(isWorking(answer(['proxied', state])), state);
});

test('not without an app', () => {
  assert.not.ok(isWorking(answer([])));
});

test('not while DNS answers are only watched though they should be held', () => {
  assert.not.ok(isWorking(answer(['proxied'], false, true)));
  assert.ok(isWorking(answer(['proxied'], false, false)));
});

test.run();
