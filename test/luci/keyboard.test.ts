// The pages without a mouse: Tab reaches every control and shows where it is; what is pressed keeps or gets back the focus; the
// week and the dialogs work by keys.
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { P2P } from '../fixtures/netns-home.ts';
import { PAGES, type Pages, startPages } from './browser.ts';

let pages: Pages;
test.before(async () => {
  pages = await startPages(`keys${process.pid % 1000}`);
  pages.home.talk(P2P);
});
test.after(() => pages?.stop());

/** Names a control, for the expressions below: a page that redraws itself makes new elements. */
const NAME_OF = `(one) => [one.tagName, one.id, one.getAttribute('aria-label') ?? one.textContent.trim(),
  one.closest('[data-sid]')?.dataset.sid ?? '', one.closest('[data-name]')?.dataset.name ?? ''].join(' ').trim()`;

/** The names of all controls that can be pressed or typed into; a cell of the week is one of a grid, which is one stop. */
function controlsOf(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const nameOf = ${NAME_OF};
    const all = Array.from(document.querySelectorAll('a, button, input, select, textarea, [tabindex]'))
      .concat(window.LUCI.pressed());
    return Array.from(new Set(all.filter((one) => one.checkVisibility() && !one.disabled
      && one.id !== 'modal' && (one.getAttribute('role') !== 'gridcell' || one.tabIndex === 0)).map(nameOf)));
  })()`);
}

/** Presses Tab as often as there are controls and some more; returns what had the focus, and what showed nothing of it. */
async function walk(page: Page, most: number): Promise<{ reached: Set<string>; unseen: string[] }> {
  const reached = new Set<string>();
  const unseen: string[] = [];
  for (let step = 0; step < most; step++) {
    await page.keyboard.press('Tab');
    const [name, isSeen] = await page.evaluate<[string, boolean]>(`(() => {
      const one = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(one);
      return [(${NAME_OF})(one), outlineStyle !== 'none' && parseFloat(outlineWidth) > 0];
    })()`);
    if (!name.startsWith('BODY') && !isSeen) unseen.push(name);
    reached.add(name);
  }
  return { reached, unseen };
}

async function look(page: Page, view: string): Promise<void> {
  const controls = await controlsOf(page);
  const { reached, unseen } = await walk(page, controls.length + 4);
  const missed = controls.filter((one) => !reached.has(one));
  assert.equal([missed, unseen], [[], []], view);
}

const focused = (page: Page): Promise<string> =>
  page.evaluate(`(${NAME_OF})(document.activeElement)`);

test('Tab reaches every control of every page, and shows where it is', async () => {
  for (const view of [...PAGES, 'status']) {
    const { page, wrong, close } = await pages.open(view);
    await look(page, view);
    assert.equal(wrong, []);
    await close();
  }
});

/** Presses Tab until the control of this name has the focus. */
async function tabTo(page: Page, wanted: RegExp): Promise<void> {
  for (let step = 0; step < 80; step++) {
    await page.keyboard.press('Tab');
    if (wanted.test(await focused(page))) return;
  }
  assert.unreachable(`no Tab leads to ${wanted}`);
}

test('why: opened by Enter; the dialog keeps the focus, and gives it back to the same connection', async () => {
  const { page, wrong, close } = await pages.open('connections');
  await page.waitForSelector('button:has-text("Why")', { timeout: 30_000 });
  await tabTo(page, /^BUTTON +Why udp/);
  const from = await focused(page);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#modal:not([hidden])');
  assert.match(await focused(page), /^BUTTON +Close/);
  const inside = await controlsOf(page).then((all) => all.length);
  for (const key of ['Tab', 'Shift+Tab'])
    for (let step = 0; step < inside + 2; step++) {
      await page.keyboard.press(key);
      assert.ok(await page.evaluate(`document.activeElement.closest('#modal') !== null`), key);
    }
  const before = readFileSync(pages.file, 'utf8');
  // Also where the dialog itself has the focus, as after a click into it.
  for (const where of ['button', '']) {
    if (where === '') {
      await page.keyboard.press('Enter');
      await page.waitForSelector('#modal:not([hidden])');
      await page.focus('#modal');
    }
    await page.keyboard.press('Escape');
    await page.waitForSelector('#modal', { state: 'hidden' });
    assert.is(await focused(page), from);
  }
  await page.waitForTimeout(500);
  assert.is(readFileSync(pages.file, 'utf8'), before, 'Escape changes nothing');
  await page.keyboard.press('Space');
  await page.waitForSelector('#modal:not([hidden])');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#modal', { state: 'hidden' });
  assert.is(await focused(page), from);
  assert.equal(wrong, []);
  await close();
});

test('a column is sorted by Enter, and keeps the focus', async () => {
  const { page, close } = await pages.open('connections');
  await page.waitForSelector('button:has-text("Why")', { timeout: 30_000 });
  await tabTo(page, /^A +Device/);
  await page.keyboard.press('Enter');
  await page.waitForSelector('th[aria-sort="ascending"]');
  await page.waitForTimeout(200);
  assert.match(await focused(page), /^A +Device ▴/);
  await close();
});

test('pause and resume by keys: the button that follows in the same place has no focus of its own accord', async () => {
  const { page, wrong, close } = await pages.open('overview');
  await tabTo(page, /^BUTTON +Pause for an hour: skype/);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#modal:not([hidden])');
  assert.match(await focused(page), /^BUTTON +Cancel/);
  await page.keyboard.press('Escape');
  assert.match(await focused(page), /^BUTTON +Pause for an hour: skype/);
  assert.is(pages.home.status().apps[0]!.new_connections.cause, null, 'Escape pauses nothing');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#modal:not([hidden])');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await page.waitForSelector('button[aria-label="Resume: skype"]');
  await tabTo(page, /^BUTTON +Resume: skype/);
  await page.keyboard.press('Space');
  await page.waitForSelector('button[aria-label="Pause for an hour: skype"]');
  assert.equal(wrong, []);
  await close();
});

test('a button that asked something has the focus again', async () => {
  const { page, close } = await pages.open('attention');
  await tabTo(page, /^BUTTON +Look at everything/);
  await page.keyboard.press('Enter');
  await page.waitForFunction(`!document.querySelector('button:disabled')`);
  await page.waitForTimeout(200);
  assert.match(await focused(page), /^BUTTON +Look at everything/);
  await close();
});

test('the hours of the week: one stop, arrows between the cells, Space and Enter turn one', async () => {
  const { page, wrong, close } = await pages.open('applications');
  await tabTo(page, /^BUTTON +Edit echo/);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#modal:not([hidden])');
  await tabTo(page, /^TD .*Monday 00:00/);
  await page.keyboard.press('ArrowUp');
  assert.match(await focused(page), /Sunday 00:00/);
  await page.keyboard.press('Space');
  for (const key of ['ArrowLeft', 'ArrowDown']) await page.keyboard.press(key);
  assert.match(await focused(page), /Monday 23:00/);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  assert.not.match(await focused(page), /gridcell|day \d\d:/);
  await page.keyboard.press('Shift+Tab');
  assert.match(await focused(page), /Monday 23:00/);
  await tabTo(page, /^BUTTON +Save$/);
  await page.keyboard.press('Enter');
  await tabTo(page, /^BUTTON +Save & Apply/);
  await page.keyboard.press('Enter');
  await page.waitForTimeout(500);
  assert.equal(readFileSync(pages.file, 'utf8').match(/list schedule '.*'/g), [
    "list schedule 'mon-fri 16:00-20:00'",
    "list schedule 'mon 23:00-24:00'",
    "list schedule 'sun 00:00-01:00'",
  ]);
  assert.equal(wrong, []);
  await close();
});

test.run();
