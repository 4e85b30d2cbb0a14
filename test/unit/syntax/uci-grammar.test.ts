// syntax/uci against the grammar of docs/uci.md: generated files with the sections and values that they
// contain.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import { seeded } from '../../fixtures/seeded.ts';
import { rounds } from '../../lib/rounds.ts';
import { writeFile } from './uci-written.ts';

test('written files give the verdict and the values that were written', () => {
  const random = seeded(20);
  const count = rounds(600, 3200);
  let refused = 0;
  for (let i = 0; i < count; i++) {
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
  assert.ok(refused > count / 4 && refused < (count * 3) / 4, `${refused} of ${count} refused`);
});

test.run();
