// Imports between test files: a suite's folder is imported by itself alone; what several suites start from is in
// test/fixtures, what runs them in test/lib. Folders of unit tests are suites of their own.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/** Engines and programs with entries of their own, which other suites run or import. */
const SHARED = [
  'fixtures',
  'lib',
  'fake',
  'scenario',
  'fuzz',
  'trace',
  'netlink',
  'mutations',
  'captures',
  'lab',
  'scale',
];

const suiteOf = (file: string): string =>
  file.startsWith('unit/') ? dirname(file) : file.split('/')[0]!;

function refused(file: string, text: string): string[] {
  return Array.from(text.matchAll(/^(?:import|export|\}) ?.*from '(\.[^']+\.ts)';$/gm))
    .map(([, path]) => join(dirname(file), path!))
    .filter((path) => !path.startsWith('..'))
    .filter((path) => suiteOf(path) !== suiteOf(file) && !SHARED.includes(suiteOf(path)))
    .map((path) => `${file} -> ${path}`);
}

test('no suite imports from another', () => {
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  assert.ok(files.length > 250);
  const found = files.flatMap((file) => refused(file, readFileSync(join('test', file), 'utf8')));
  assert.equal(found, []);
});

test('an import that crosses is found, whatever its form', () => {
  for (const line of [
    "import { a } from '../wire/x.ts';",
    "import type { A } from '../wire/x.ts';",
    "import {\n  a,\n} from '../wire/x.ts';",
    "export * from '../../golden/x.ts';",
  ])
    assert.is(refused('unit/step/a.test.ts', `${line}\n`).length, 1, line);
  const own = "import { a } from './x.ts';\nimport { b } from '../../fixtures/y.ts';\n";
  assert.equal(refused('unit/step/a.test.ts', own), []);
  assert.equal(
    refused('unit/step/a.test.ts', "import { b } from '../../../agent/src/x.ts';\n"),
    [],
  );
});

test.run();
