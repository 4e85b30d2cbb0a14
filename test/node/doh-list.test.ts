// The shipped list of DoH services: it parses, and no address also serves something else in a home.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseDoh } from '../../agent/src/profile/doh.ts';
import { isRoutableText } from '../../agent/src/wire/address.ts';

test('agent/data/doh.json is read, and names public addresses of both families', () => {
  const read = parseDoh(readFileSync('agent/data/doh.json', 'utf8'), 'doh.json');
  assert.ok(read.ok, JSON.stringify(read));
  const alone = read.value.map((text) => text.replace(/\/\d+$/, ''));
  assert.equal(
    alone.filter((text) => !isRoutableText(text)),
    [],
  );
  assert.ok(alone.some((text) => text.includes(':')) && alone.length > 100);
});

test.run();
