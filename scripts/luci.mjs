// Builds the pages of LuCI: openwrt-package/luci-app-whp/htdocs -> out/luci/www, each file minified, as LuCI's own build
// does, and with the rules of the configuration (scripts/luci/rules.ts). `--pot` writes the template of the texts;
// `--style` formats and lints the pages. With `--check` both change nothing, and fail where something would change.

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, transform } from 'esbuild';
import { readWords } from './lib/usage.mjs';
import { style } from './luci/style.mjs';
import { templateOf } from './luci/template.mjs';

// The flash that the package takes, unpacked; see docs/decisions.md, "The bundle has a budget".
const BUDGET_BYTES = 60 * 1024;
const APP = 'openwrt-package/luci-app-whp';
const POT = `${APP}/po/templates/whp.pot`;
const OUT = 'out/luci';

const words = readWords(import.meta.url, { options: ['--pot', '--style', '--check'] });
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort();

if (words.includes('--style')) {
  const pages = filesIn(`${APP}/htdocs`);
  const wrong = style(`${APP}/htdocs`, pages, words.includes('--check'));
  process.stderr.write(wrong);
  process.exit(wrong === '' ? 0 : 1);
}

if (words.includes('--pot')) {
  const sources = filesIn(APP).filter((name) => /^htdocs.*\.js$|menu\.d.*\.json$/.test(name));
  const text = templateOf(sources.map((name) => [name, readFileSync(join(APP, name), 'utf8')]));
  if (!words.includes('--check')) writeFileSync(POT, text);
  else if (readFileSync(POT, 'utf8') !== text) {
    console.error(`${POT} is not that of the pages; run scripts/luci.mjs --pot`);
    process.exit(1);
  }
  process.exit(0);
}

rmSync(OUT, { recursive: true, force: true });
const write = (name, content) => {
  const path = join(OUT, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return Buffer.byteLength(content);
};

/** LuCI evaluates a page as the body of a function: no module, with `return` at the end. */
async function minified(source) {
  const { code } = await transform(source, {
    loader: 'js',
    minify: true,
    target: 'es2020',
    charset: 'utf8',
  });
  return code;
}

let bytes = 0;
for (const name of filesIn(`${APP}/htdocs`))
  bytes += write(`www/${name}`, await minified(readFileSync(join(APP, 'htdocs', name), 'utf8')));
// Packed, since they are a third of all bytes and uhttpd packs nothing.
const { outputFiles } = await build({
  entryPoints: ['scripts/luci/rules.ts'],
  bundle: true,
  write: false,
  minify: true,
  format: 'iife',
  globalName: 'rules',
  target: 'es2020',
  charset: 'utf8',
  legalComments: 'none',
  footer: { js: 'return rules' },
});
bytes += write(
  'www/luci-static/resources/whp/rules.gz',
  gzipSync(outputFiles[0].contents, { level: 9 }),
);
for (const name of filesIn(`${APP}/root`)) {
  const text = JSON.stringify(JSON.parse(readFileSync(join(APP, 'root', name), 'utf8')));
  bytes += write(name, `${text}\n`);
}
console.log(`${OUT}: ${bytes} bytes`);
if (bytes > BUDGET_BYTES) {
  console.error(`the pages are over their budget of ${BUDGET_BYTES} bytes`);
  process.exit(1);
}
