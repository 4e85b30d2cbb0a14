// The pages of LuCI in a browser, on the shipped plugin and a running agent: full, empty, without an agent, for who may
// only read, and with hostile names. No error on the console, no failed promise, nothing that axe finds.
import { readFileSync, writeFileSync } from 'node:fs';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Home } from '../fixtures/netns-home.ts';
import { PAGES, type Pages, type Shown, startPages } from './browser.ts';
import type { Server } from './server.ts';

const NAME = `luci${process.pid % 1000}`;
const FILE = `out/netns/${NAME}/whp`;
const FLOWS = 2000;
const MOST_BYTES = 32 * 1024;
/** What a login that may only read is shown in the menu. */
const READ_ONLY = ['overview', 'connections', 'attention', 'statistics'];
const HOSTILE = '<img src=x onerror="window.hostile=1">';
let home: Home;
let server: Server;
let pages: Pages;
let open: (view: string, user?: string) => Promise<Shown>;

async function violations(page: Page, view: string): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations: found } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run(),
  );
  return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${view}: ${id}: ${html}`));
}

/** Opens each view, and returns what is wrong with any of them. */
async function lookAt(views: readonly string[], user = 'root'): Promise<string[]> {
  const all: string[] = [];
  for (const view of views) {
    const { page, wrong, close } = await open(view, user);
    all.push(...wrong, ...(await violations(page, view)));
    await close();
  }
  return all;
}

function addFlows(count: number): void {
  const loop = `i=0; while [ $i -lt ${count} ]; do
    to=198.51.$((i >> 8)).$((i & 255))
    conntrack -I -p udp -s 192.168.1.$((10 + i % 40)) -d $to --sport 13021 --dport 443 -r $to -q 10.200.0.1 \\
      --reply-port-src 443 --reply-port-dst 13021 --timeout 6000 -m 16777216
    i=$((i + 1)); done >/dev/null`;
  home.run('router', 'sh', '-ec', loop);
}

test.before(async () => {
  pages = await startPages(NAME);
  ({ home, server } = pages);
  open = (view, user = 'root') => pages.open(view, { user });
});

test('every page is shown without an error, and axe finds nothing', async () => {
  assert.equal(await lookAt([...PAGES, 'status']), []);
});

test('names from the wire are text', async () => {
  const safe = /"(state|app|subject|evidence|cause|range|proxy|kind)":/;
  server.change = (said) =>
    said.replace(/"(\w+)":"((?:[^"\\]|\\.)*)"/g, (all, key: string, value: string) =>
      safe.test(`"${key}":`) ? all : `"${key}":${JSON.stringify(HOSTILE + value)}`,
    );
  try {
    for (const view of [...PAGES, 'status']) {
      const { page, wrong, close } = await open(view);
      const ran = await page.evaluate("'hostile' in window");
      const images = await page.locator('img').count();
      const text = await page.locator('body').innerText();
      assert.equal([ran, images, wrong], [false, 0, []], view);
      if (['overview', 'attention'].includes(view)) assert.match(text, HOSTILE);
      await close();
    }
  } finally {
    server.change = null;
  }
});

test('who may only read sees the pages of reading, and no button that changes anything', async () => {
  assert.equal(await lookAt([...READ_ONLY, 'status'], 'viewer'), []);
  for (const view of READ_ONLY) {
    const { page, close } = await open(view, 'viewer');
    const labels = await page.locator('button').allInnerTexts();
    const harmless = ['Why', 'Look at everything', 'Download as CSV', '« Back', 'Further »'];
    assert.equal(
      labels.filter((one) => !harmless.includes(one)),
      [],
      view,
    );
    await close();
  }
  const refused = server.calls.filter(({ status }) => status !== 0);
  assert.equal(refused, []);
});

test('two thousand connections: a page at a time, found, sorted, and explained in two clicks', async () => {
  addFlows(FLOWS);
  // The agent lists connections every ten seconds, and less often on a busy machine.
  for (let tries = 0; ; tries++) {
    const { total } = JSON.parse(home.rpc('flows', { limit: 1 }));
    if (total >= FLOWS) break;
    assert.ok(tries < 240, `the ledger has ${total} flows`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const { page, wrong, close } = await open('connections');
  const rows = (): Promise<number> => page.locator('#view .tr:not(.table-titles)').count();
  await page.waitForSelector('text=2000 connections');
  assert.is(await rows(), 50);
  const began = Date.now();
  await page.click('a:has-text("Other end")');
  await page.waitForSelector('td:has-text("198.51.0.0 port 443")');
  assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`);
  assert.is(await page.locator('th[aria-sort="ascending"]').innerText(), 'Other end ▴');
  await page.click('button:has-text("Further")');
  await page.waitForSelector('text=51 to 100 of 2000');
  await page.fill('input', '198.51.7.207');
  await page.waitForSelector('text=One connection');
  assert.is(await rows(), 1);
  await page.click('button:has-text("Why")');
  await page.waitForSelector('#modal:not([hidden])');
  assert.match(
    await page.locator('#modal').innerText(),
    'a flow of skype that is open now, by proxy a',
  );
  assert.equal(await violations(page, 'why'), []);
  await page.click('button:has-text("Always by the proxy")');
  await page.waitForSelector('text=/198.51.7.207 is skype.s until/');
  await page.click('button:has-text("Why")');
  await page.click('button:has-text("Keep it direct")');
  await page.waitForSelector('text=Written: a rule that keeps 198.51.7.207 direct for skype');
  assert.match(
    readFileSync(FILE, 'utf8'),
    /config rule\n(\t.*\n)*\tlist address '198\.51\.7\.207'/,
  );
  assert.equal(wrong, []);
  await close();
});

test('no answer to a page that asks again and again is larger than 32 KiB', () => {
  const asked = ['status', 'flows', 'traffic', 'counters', 'log'];
  const largest = Math.max(
    ...server.calls.filter(({ method }) => asked.includes(method)).map(({ bytes }) => bytes),
  );
  assert.ok(largest > 1000 && largest <= MOST_BYTES, `${largest} bytes`);
});

test('a page that is not seen asks nothing, and asks at once when it is seen again', async () => {
  const { page, close } = await open('overview');
  const hide = (hidden: boolean): Promise<void> =>
    page.evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} });
      document.dispatchEvent(new Event('visibilitychange'))`);
  await hide(true);
  await page.waitForTimeout(1000);
  const before = server.calls.length;
  await page.waitForTimeout(6500);
  assert.is(server.calls.length, before);
  await hide(false);
  await page.waitForTimeout(700);
  assert.ok(server.calls.length > before);
  await close();
});

test('a setting is refused as it is typed, in the words of whp check', async () => {
  const { page, wrong, close } = await open('proxies');
  await page.click('tr[data-sid="a"] button:has-text("Edit")');
  const before = readFileSync(FILE, 'utf8');
  const fieldOf = (name: string) => page.locator(`#modal [data-name="${name}"] input`);
  for (const [name, good, bad] of [
    ['address', '203.0.113.20', 'example.com'],
    ['key', '7', 'seven'],
    ['local', '10.200.0.1', '10.999.0.1'],
    ['remote', '10.200.0.2', '10.200.0.1'],
    ['mtu', '1400', '100'],
  ] as const) {
    await fieldOf(name).fill(bad);
    const said = await fieldOf(name).getAttribute('data-tooltip');
    const wrong = before.replace(`option ${name} '${good}'`, `option ${name} '${bad}'`);
    assert.equal([said], checkOf(wrong), name);
    await fieldOf(name).fill(good);
    assert.is(await fieldOf(name).getAttribute('data-tooltip'), null, name);
  }
  const field = fieldOf('local');
  await field.fill('10.999.0.1');
  await page.click('#modal button:has-text("Save")');
  assert.match(await page.locator('#modal [role="alert"]').innerText(), 'is no IP address');
  await field.fill('10.200.0.1');
  await page.locator('#modal [data-name="mtu"] input').fill('1300');
  await page.click('#modal button:has-text("Save")');
  await page.click('.cbi-page-actions button:has-text("Save & Apply")');
  await page.waitForTimeout(500);
  assert.match(readFileSync(FILE, 'utf8'), "option mtu '1300'");
  assert.equal(wrong, []);
  await close();
});

/** The problems that `whp check` has with a configuration. */
function checkOf(text: string): string[] {
  const file = `${process.cwd()}/${FILE}.tried`;
  writeFileSync(file, text);
  const { problems } = JSON.parse(home.tell('check', file, '--json').out) as {
    problems: readonly { text: string; fix?: string }[];
  };
  return problems.map((one) => [one.text, ...(one.fix === undefined ? [] : [one.fix])].join('; '));
}

test('the proxies of an application are put in order by dragging, and the first that is up is taken', async () => {
  const proxyNow = (): string | null | undefined =>
    home.status().apps.find(({ app }) => app === 'skype')?.new_connections.proxy;
  assert.is(proxyNow(), 'a');
  const { page, wrong, close } = await open('applications');
  await page.click('tr[data-sid="skype"] button:has-text("Edit")');
  const items = page.locator('#modal [data-name="proxy"] .item');
  assert.equal(await items.evaluateAll((all) => all.map((one) => one.firstChild?.textContent)), [
    'a',
    'b',
  ]);
  await items.nth(1).dragTo(items.nth(0));
  await page.click('#modal button:has-text("Save")');
  await page.click('.cbi-page-actions button:has-text("Save & Apply")');
  await page.waitForTimeout(500);
  assert.match(
    readFileSync(FILE, 'utf8'),
    /config app 'skype'\n(\toption .*\n)*\tlist proxy 'b'\n\tlist proxy 'a'\n/,
  );
  // The agent goes back to a better proxy only after it was up for a while.
  for (let tries = 0; proxyNow() !== 'b'; tries++) {
    assert.ok(tries < 450, `${proxyNow()}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.equal(wrong, []);
  await close();
});

test('a device that was just added is offered for a group', async () => {
  const { page, wrong, close } = await open('devices');
  const [devices, groups] = [0, 1].map((at) => page.locator('.cbi-section').nth(at));
  await devices!.locator('input[aria-label="Name"]').fill('console');
  await devices!.locator('button:text-is("Add")').click();
  await page.locator('#modal [data-name="mac"] input').fill('02:00:00:00:01:55');
  await page.click('#modal button:has-text("Save")');
  await groups!.locator('input[aria-label="Name"]').fill('games');
  await groups!.locator('button:text-is("Add")').click();
  await page.click('#modal [data-name="device"] [data-value="console"]');
  await page.click('#modal button:has-text("Save")');
  await page.click('.cbi-page-actions button:has-text("Save & Apply")');
  await page.waitForTimeout(500);
  const [, written] = readFileSync(FILE, 'utf8').split("config group 'games'\n");
  assert.match(written!, /^\tlist device 'console'$/m);
  assert.equal(wrong, []);
  await close();
});

test('the hours of a week are marked with mouse and keys', async () => {
  const { page, wrong, close } = await open('applications');
  await page.click('tr[data-sid="echo"] button:has-text("Edit")');
  assert.equal(await violations(page, 'applications, dialog'), []);
  await page.click('[aria-label="Sunday 06:00"]');
  await page.press('[aria-label="Monday 00:00"]', 'ArrowRight');
  await page.keyboard.press('Space');
  await page.click('#modal button:has-text("Save")');
  await page.click('.cbi-page-actions button:has-text("Save & Apply")');
  await page.waitForTimeout(500);
  const lines = readFileSync(FILE, 'utf8').match(/list schedule '.*'/g);
  assert.equal(lines, [
    "list schedule 'mon 01:00-02:00'",
    "list schedule 'mon-fri 16:00-20:00'",
    "list schedule 'sun 06:00-07:00'",
  ]);
  assert.equal(wrong, []);
  await close();
});

test('from nothing to a protected application with one page: the lines of the server, a name, a click', async () => {
  await home.stopAgent();
  await home.startAgent("config globals 'globals'\n\toption hold '0'\n");
  assert.equal(await lookAt([...PAGES, 'status']), []);
  const { page, wrong, close } = await open('setup');
  const lines = [
    'uci set whp.cloud=proxy',
    "uci set whp.cloud.address='203.0.113.20'",
    "uci set whp.cloud.key='7'",
    "uci set whp.cloud.local='10.200.0.1'",
    "uci set whp.cloud.remote='10.200.0.2'",
    "uci set whp.cloud.mtu='1400'",
  ];
  await page.fill('textarea', lines.join('\n'));
  assert.match(await page.locator('[role="alert"]').innerText(), 'choose an application');
  await page.fill('#whp-names', 'calls.example.com');
  await page.click('button:has-text("Save, apply and test")');
  await page.waitForSelector('text=call own', { timeout: 40_000 });
  const written = readFileSync(FILE, 'utf8');
  for (const line of ["option mtu '1400'", "config app 'own'", "list name 'calls.example.com'"])
    assert.match(written, line);
  assert.match(await page.locator('#view').innerText(), 'runs, whp');
  assert.equal(wrong, []);
  await close();
});

test('without an agent every page says so', async () => {
  await home.stopAgent();
  assert.equal(await lookAt([...PAGES, 'status']), []);
  for (const view of ['overview', 'connections', 'attention', 'statistics', 'setup']) {
    const { page, close } = await open(view);
    assert.match(await page.locator('#view').innerText(), 'is not running', view);
    await close();
  }
});

test.after(() => pages?.stop());

test.run();
