// Format and lint of LuCI's pages, by Biome: it reads no file that returns at its top, as LuCI's do, so it is given copies
// in which `export default` stands in the place of that `return`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** LuCI's own directives say what a page requires, strictness among them. */
const SETTINGS = { suspicious: { noRedundantUseStrict: 'off', noShadowRestrictedNames: 'off' } };

/** Checks the files `names` of `folder`, and writes them in their format unless `isCheck`. Returns what is wrong. */
export function style(folder, names, isCheck) {
  const copies = mkdtempSync(join(tmpdir(), 'whp-style-'));
  const config = JSON.parse(readFileSync('biome.json', 'utf8'));
  const { linter, formatter, javascript } = config;
  Object.assign(linter.rules, {
    suspicious: { ...linter.rules.suspicious, ...SETTINGS.suspicious },
  });
  writeFileSync(join(copies, 'biome.json'), JSON.stringify({ linter, formatter, javascript }));
  for (const name of names) {
    mkdirSync(join(copies, dirname(name)), { recursive: true });
    const text = readFileSync(join(folder, name), 'utf8');
    writeFileSync(join(copies, name), text.replace(/^return /m, 'export default '));
  }
  const biome = resolve('node_modules/.bin/biome');
  const words = ['check', ...(isCheck ? [] : ['--write']), '--error-on-warnings', ...names];
  const { status, stdout, stderr } = spawnSync(biome, words, { cwd: copies, encoding: 'utf8' });
  if (!isCheck)
    for (const name of names) {
      const text = readFileSync(join(copies, name), 'utf8');
      writeFileSync(join(folder, name), text.replace(/^export default /m, 'return '));
    }
  rmSync(copies, { recursive: true });
  return status === 0 ? '' : stdout + stderr;
}
