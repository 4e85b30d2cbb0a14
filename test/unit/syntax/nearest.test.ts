// syntax/nearest: the known word nearest to a misspelt one; none when no word is similar.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMAND_NAMES } from '../../../agent/src/cli/commands.ts';
import { nearest } from '../../../agent/src/syntax/nearest.ts';

const OPTIONS = ['enabled', 'profile', 'fallback', 'device', 'schedule', 'proxy'];

test('one or two letters wrong', () => {
  for (const [word, meant] of [
    ['fallbak', 'fallback'],
    ['falback', 'fallback'],
    ['profiel', 'profile'],
    ['devices', 'device'],
    ['enable', 'enabled'],
    ['proxies', null],
    ['colour', null],
    ['', null],
  ] as const) {
    assert.is(nearest(word, OPTIONS), meant, word);
  }
});

test('commands: statsu is status; config and start are nothing', () => {
  for (const [word, meant] of [
    ['statsu', 'status'],
    ['flow', 'flows'],
    ['whi', 'why'],
    ['config', null],
    ['start', null],
    ['stat', 'status'],
    ['list', null],
    ['info', null],
    ['x', null],
  ] as const) {
    assert.is(nearest(word, COMMAND_NAMES), meant, word);
  }
});

test.run();
