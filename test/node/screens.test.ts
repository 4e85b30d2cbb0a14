// docs/screens against the pages of LuCI: each screenshot is there as it was taken, was taken of the pages as they are, is
// small, and stands in README.md or docs/luci.md, light and dark.
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  digest,
  FOLDER,
  SCHEMES,
  SCREENS,
  type Screen,
  STATED,
  type Stated,
  sourceOf,
} from '../../scripts/screens/sources.ts';

const MOST_BYTES = 60_000;
const MOST_BYTES_OF_ALL = 300_000;
const AGAIN = 'node scripts/screens.mjs, as root';

const stated: { readonly [screen in Screen]: Stated } = JSON.parse(readFileSync(STATED, 'utf8'));
const files = SCREENS.flatMap((screen) => SCHEMES.map((scheme) => `${screen}-${scheme}.webp`));
const pages = [
  ['README.md', 'docs/screens'],
  ['docs/luci.md', 'screens'],
].map(([page, folder]) => [readFileSync(page!, 'utf8'), folder!] as const);

test('the folder has the screenshots and what they were made from, and no other file', () => {
  assert.equal(readdirSync(FOLDER).sort(), [...files, 'sources.json'].sort());
  assert.equal(Object.keys(stated), SCREENS);
});

for (const screen of SCREENS) {
  test(`${screen}: was taken of the page as it is`, () => {
    assert.is(stated[screen].source, sourceOf(screen), `the page has changed: ${AGAIN}`);
  });

  for (const scheme of SCHEMES) {
    const content = readFileSync(`${FOLDER}/${screen}-${scheme}.webp`);

    test(`${screen}, ${scheme}: is the file that was written, and small`, () => {
      assert.is(digest(content), stated[screen][scheme], AGAIN);
      assert.is(content.subarray(8, 12).toString(), 'WEBP');
      assert.ok(content.length <= MOST_BYTES, `${content.length} bytes`);
    });
  }

  test(`${screen}: stands on a page, in both schemes`, () => {
    const isThere = pages.some(
      ([text, folder]) =>
        text.includes(`srcset="${folder}/${screen}-dark.webp"`) &&
        new RegExp(`<img src="${folder}/${screen}-light\\.webp" alt="[^"]{20,}"`).test(text),
    );
    assert.ok(isThere);
  });
}

test('light and dark differ', () => {
  for (const screen of SCREENS) assert.is.not(stated[screen].light, stated[screen].dark, screen);
});

test('all are small together', () => {
  const bytes = files.reduce((sum, file) => sum + readFileSync(`${FOLDER}/${file}`).length, 0);
  assert.ok(bytes <= MOST_BYTES_OF_ALL, `${bytes} bytes`);
});

test.run();
