// A test file that forgets test.run(): its tests must not vanish without a word.
import { test } from 'uvu';

test('never queued', () => {});
