// A test file that throws while it is loaded, before any test has run.
import { test } from 'uvu';

test('never reached', () => {});

throw new Error('at load');
