// A test whose promise never settles: a runner must report it as a failure.
import { test } from 'uvu';

test('waits for what never comes', () => new Promise(() => {}));

test.run();
