// A test whose promise never settles: a runner must not take silence for success.
import { test } from 'uvu';

test('waits for what never comes', () => new Promise(() => {}));

test.run();
