// syntax/uci against the grammar of docs/uci.md: thousands of files whose writer knows what they say.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import { seeded } from '../../fixtures/seeded.ts';
import { writeFile } from './uci-written.ts';

test('3,200 written files give the verdict and the values that were written', () => {
  const random = seeded(20);
  let refused = 0;
  for (let i = 0; i < 3200; i++) {
    const { text, sections, lines } = writeFile(random);
    const told = JSON.stringify(text);
    const read = parseUci(text, 'file');
    if (sections === null) {
      refused += 1;
      assert.not.ok(read.ok, `taken: ${told}`);
      if (read.ok) continue;
      const [first, last] = lines;
      const named = read.problems.map(({ where }) => Number(where.slice('file:'.length)));
      assert.ok(
        named.every((line) => line >= first && line <= last),
        `lines ${named.join(', ')} instead of ${first} to ${last}: ${told}`,
      );
      continue;
    }
    assert.ok(read.ok, `refused: ${told}`);
    const got = read.value.sections.map(({ type, name, values }) => {
      return { type, name, values: values.map((one) => [one.keyword, one.name, one.value]) };
    });
    assert.equal(got, sections, told);
  }
  assert.ok(refused > 800 && refused < 2400, `${refused} of 3200 refused`);
});

test.run();
