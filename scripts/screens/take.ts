// screens/take: opens the pages in Chromium, as test/luci does, and writes docs/screens. `--png FOLDER` writes PNG files there
// too, for programs that do not show WebP.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { servePages } from '../../test/luci/server.ts';
import { showHome } from './home.ts';
import {
  digest,
  FOLDER,
  SCHEMES,
  SCREENS,
  type Screen,
  STATED,
  type Stated,
  sourceOf,
  VIEWS,
} from './sources.ts';

const WIDTH = 800;
/** Between two shades of a colour; 255 is a multiple. */
const STEP = 17;
/** Until the graph has something to show. */
const WAIT_MS = 100_000;
const ADDRESS = /\b\d+\.\d+\.\d+\.\d+\b/g;
const OF_DOCUMENTS = /^(192\.0\.2|198\.51\.100|203\.0\.113|192\.168\.1|10\.\d+\.\d+)\./;
/** Milliseconds of a server in the next town; the namespaces answer at once. */
const ROUND_TRIP = { cloud: 23, spare: 38 };
/** What GRE adds to a packet. */
const WRAP = 42;

const LINES = `uci set whp.cloud=proxy
uci set whp.cloud.address='203.0.113.20'
uci set whp.cloud.key='5300'
uci set whp.cloud.local='10.213.0.1'
uci set whp.cloud.remote='10.213.0.2'`;

/** What is done on a page before it is shown. */
const STEPS: { readonly [screen in Screen]: (page: Page) => Promise<void> } = {
  overview: (page) => page.waitForTimeout(WAIT_MS),
  why: async (page) => {
    await page.click('tr:has-text("192.0.2.41") button:has-text("Why")');
    await page.waitForSelector('#modal:not([hidden])');
  },
  setup: async (page) => {
    await page.fill('textarea', LINES);
    await page.fill('#whp-names', 'calls.example.com');
    await page.locator('#whp-names').blur();
    await page.locator('textarea').evaluate((area) => area.scrollTo(0, 0));
  },
};

const [, , , png] = process.argv;
const name = `screens${process.pid % 1000}`;
const { home, file, stop } = await showHome(name);
const server = await servePages(home, file);
server.change = (said) => {
  const answer = JSON.parse(said);
  if ('proxies' in answer)
    for (const one of answer.proxies)
      if (one.rtt_ms !== null) one.rtt_ms = ROUND_TRIP[one.proxy as keyof typeof ROUND_TRIP];
  // The tunnels of the namespaces are no GRE devices.
  if ('problems' in answer)
    answer.problems = answer.problems.filter(
      ({ text }: Problem) => !text.startsWith('add link whp-'),
    );
  if ('up_ms' in answer) wrap(answer.rows ?? []);
  return JSON.stringify(answer);
};
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
mkdirSync(FOLDER, { recursive: true });
try {
  const taken = await Promise.all(
    SCREENS.flatMap((screen) => SCHEMES.map((scheme) => take(browser, screen, scheme))),
  );
  for (const one of readdirSync(FOLDER)) rmSync(`${FOLDER}/${one}`);
  const stated: { [screen in Screen]?: Stated } = {};
  for (const screen of SCREENS) {
    const digests = { source: sourceOf(screen), light: '', dark: '' };
    for (const { of, scheme, content } of taken) {
      if (of !== screen) continue;
      writeFileSync(`${FOLDER}/${screen}-${scheme}.webp`, content);
      digests[scheme] = digest(content);
    }
    stated[screen] = digests;
  }
  writeFileSync(STATED, `${JSON.stringify(stated, null, 2)}\n`);
} finally {
  await browser.close();
  server.stop();
  stop();
}

interface Problem {
  readonly text: string;
}

interface Counted {
  readonly proxy: string | null;
  [count: string]: number | string | null;
}

/** A GRE tunnel runs over the way out and is counted there too; the tunnels of the namespaces do not. */
function wrap(rows: Counted[]): void {
  const way = rows.find(({ proxy }) => proxy === null);
  if (way === undefined) return;
  const add = (name: string, count: number): void => {
    way[name] = Number(way[name]) + count;
  };
  for (const one of rows.filter(({ proxy }) => proxy !== null))
    for (const side of ['up', 'down']) {
      const packets = Number(one[`packets_${side}`]);
      add(`packets_${side}`, packets);
      add(`bytes_${side}`, Number(one[`bytes_${side}`]) + packets * WRAP);
    }
}

interface Taken {
  readonly of: Screen;
  readonly scheme: (typeof SCHEMES)[number];
  readonly content: Uint8Array;
}

async function take(
  browser: Browser,
  of: Screen,
  scheme: (typeof SCHEMES)[number],
): Promise<Taken> {
  const viewport = { width: WIDTH, height: 640 };
  const context = await browser.newContext({ viewport, colorScheme: scheme });
  const page = await context.newPage();
  // The flows of the home are there, and the agent has listed them.
  await page.waitForTimeout(of === 'overview' ? 0 : WAIT_MS);
  await page.goto(`${server.url}/page?view=view.whp.${VIEWS[of]}`);
  await page.waitForSelector('body[data-shown]');
  await page.waitForTimeout(1000);
  await STEPS[of](page);
  const text = await page.locator('body').innerText();
  const strange = (text.match(ADDRESS) ?? []).filter((one) => !OF_DOCUMENTS.test(one));
  if (strange.length > 0) throw new Error(`${of}: ${strange.join(', ')}: no address of documents`);
  const isDialog = await page.locator('#modal').isVisible();
  const image = await page.screenshot({ fullPage: !isDialog });
  if (png !== undefined) writeFileSync(`${png}/${of}-${scheme}.png`, image);
  const content = Buffer.from(await webp(page, image.toString('base64')), 'base64');
  await context.close();
  return { of, scheme, content };
}

/** Chromium itself writes WebP, and without loss at this quality; few colours make it small. */
function webp(page: Page, base64: string): Promise<string> {
  return page.evaluate(`(async () => {
    const image = new Image();
    image.src = 'data:image/png;base64,${base64}';
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.width, image.height];
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, image.width, image.height);
    for (let at = 0; at < pixels.data.length; at += 1)
      pixels.data[at] = Math.round(pixels.data[at] / ${STEP}) * ${STEP};
    context.putImageData(pixels, 0, 0);
    return canvas.toDataURL('image/webp', 1).split(',')[1];
  })()`);
}
