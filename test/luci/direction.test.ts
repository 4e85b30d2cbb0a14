// The pages in the width of a phone, from left to right and from right to left: nothing is cut off or lies beside the page.
import { mkdirSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { P2P } from '../fixtures/netns-home.ts';
import { PAGES, type Pages, startPages } from './browser.ts';

const PHONE = 390;
const SHOTS = 'out/luci-shots';
/** What is opened on a page, beside the page itself. */
const DIALOGS: { readonly [view: string]: string } = {
  overview: 'button[aria-label="Pause for an hour: skype"]',
  connections: 'button:has-text("Why")',
  applications: 'tr[data-sid="echo"] button:has-text("Edit")',
  proxies: 'tr[data-sid="a"] button:has-text("Edit")',
  rules: 'button:has-text("Edit")',
};

let pages: Pages;
test.before(async () => {
  pages = await startPages(`dir${process.pid % 1000}`);
  pages.home.talk(P2P);
  mkdirSync(SHOTS, { recursive: true });
});
test.after(() => pages?.stop());

/** What is wider than its page or dialog, or begins or ends outside of it. */
function overflowing(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const root = document.documentElement;
    const areas = [root, ...document.querySelectorAll('#modal:not([hidden])')];
    const wide = areas.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.tagName + one.id + ' ' + one.scrollWidth);
    const outside = Array.from(document.body.querySelectorAll('*')).filter((one) => {
      if (!one.checkVisibility() || one.closest('svg, option')) return false;
      const { left, right, width } = one.getBoundingClientRect();
      return width > 0 && (left < -1 || right > root.clientWidth + 1);
    });
    return [...wide, ...outside.map((one) => one.outerHTML.slice(0, 120))];
  })()`);
}

for (const dir of ['ltr', 'rtl'] as const)
  test(`${dir}: no page and no dialog scrolls sideways`, async () => {
    for (const view of [...PAGES, 'status']) {
      const { page, wrong, close } = await pages.open(view, { dir, width: PHONE });
      const shot = (what: string) =>
        page.screenshot({ path: `${SHOTS}/${view}${what}-${dir}.png`, fullPage: true });
      const dialog = DIALOGS[view];
      if (dialog !== undefined) await page.waitForSelector(dialog, { timeout: 30_000 });
      assert.equal(await overflowing(page), [], view);
      await shot('');
      if (dialog !== undefined) {
        await page.click(dialog);
        await page.waitForSelector('#modal:not([hidden])');
        assert.equal(await overflowing(page), [], `${view}, dialog`);
        await shot('-dialog');
      }
      assert.equal(wrong, []);
      await close();
    }
  });

test('rtl: numbers, units, addresses and commands in cells and lists stay in their order', async () => {
  for (const [view, least] of [
    ['overview', 6],
    ['connections', 2],
    ['attention', 1],
    ['why', 1],
  ] as const) {
    const { page, close } = await pages.open(view === 'why' ? 'connections' : view, { dir: 'rtl' });
    if (view !== 'attention')
      await page.waitForSelector(
        DIALOGS.connections!.replace('Why', view === 'overview' ? 'Pause' : 'Why'),
        { timeout: 30_000 },
      );
    if (view === 'why') {
      await page.click(DIALOGS.connections!);
      await page.waitForSelector('#modal li');
    }
    const [seen, turned] = await page.evaluate<[number, string[]]>(`(() => {
      const turned = [];
      let seen = 0;
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const { currentNode: node } = walker;
        const text = node.data.trimEnd();
        if (!node.parentElement.closest('${view === 'why' ? '#modal' : ''} :is(td, li, code)') || !/[0-9]/.test(text) || text.trim().length < 3) continue;
        const at = (index) => {
          const range = document.createRange();
          range.setStart(node, index);
          range.setEnd(node, index + 1);
          return range.getBoundingClientRect();
        };
        const [first, last] = [at(text.search(/\\S/)), at(text.length - 1)];
        if (first.top !== last.top) continue;
        seen += 1;
        if (first.left >= last.left) turned.push(text);
      }
      return [seen, turned];
    })()`);
    assert.equal(turned, [], view);
    assert.ok(seen >= least, `${view}: ${seen} texts`);
    await close();
  }
  const { page, close } = await pages.open('setup', { dir: 'rtl' });
  const sides = await page.evaluate(
    `Array.from(document.querySelectorAll('textarea, input[type="text"]'), (one) => getComputedStyle(one).direction)`,
  );
  assert.equal(sides, Array(6).fill('ltr'));
  await close();
});

test.run();
