// answers/pause: a pause says what it does and until when, by the clock of the router.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pauseText } from '../../../agent/src/answers/pause.ts';
import { parseZone } from '../../../agent/src/syntax/timezone.ts';

const zone = parseZone('CET-1CEST,M3.5.0,M10.5.0/3');
const wall = Date.parse('2026-11-29T16:35:10Z');

test('until when, in local time', () => {
  assert.is(
    pauseText(['skype'], 60, wall, zone),
    "new skype connections now show your home's address until 18:35",
  );
  assert.is(
    pauseText(['skype', 'chat'], 1440, wall, zone),
    "new skype, chat connections now show your home's address until Mon 30 Nov 17:35 UTC+1",
  );
});

test('a pause without an end, and a clock that is not set', () => {
  assert.match(pauseText(['skype'], null, wall, zone), /address until whp resume, or a restart/);
  assert.match(pauseText(['skype'], 60, 4_000_000, zone), /address for 60 min$/);
});

test.run();
