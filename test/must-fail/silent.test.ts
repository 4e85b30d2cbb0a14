// A test file without test.run(): a runner must report that its tests did not run.
import { test } from 'uvu';

test('never queued', () => {});
