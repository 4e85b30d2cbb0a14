// The dialog of why on flows of a device: what led to a connection, in the order of time.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NODE, P2P, PEER } from '../fixtures/netns-home.ts';
import { type Pages, startPages } from './browser.ts';

let pages: Pages;
test.before(async () => {
  pages = await startPages(`why${process.pid % 1000}`);
});
test.after(() => pages?.stop());

test('why tells what led to a connection, the oldest first', async () => {
  const talks = [pages.home.talk(P2P)];
  await new Promise((resolve) => setTimeout(resolve, 2500));
  talks.push(pages.home.talk(P2P, PEER));
  const { page, wrong, close } = await pages.open('connections');
  await page.fill('input', PEER);
  await page.click(`button[aria-label*="${PEER}"]`);
  await page.waitForSelector('#modal:not([hidden])');
  const lines = await page.locator('#modal ol li').allInnerTexts();
  assert.match(
    lines[0]!,
    /^[23] s before the connection began: .* used the same port 13021 towards/,
  );
  assert.match(lines[0]!, NODE);
  assert.match(lines[1]!, /ago: the connection began: udp port 13021 is the application's/);
  assert.equal([lines.length, wrong], [2, []]);
  for (const talk of talks) talk.stop();
  await close();
});

test.run();
