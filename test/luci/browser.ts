// The pages in Chromium, on an agent in a namespace: what the suites of test/luci start from.
import { type Browser, chromium, type Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { config, type Home, startHome } from '../fixtures/netns-home.ts';
import { type Server, servePages } from './server.ts';

export const PAGES = [
  'overview',
  'connections',
  'attention',
  'statistics',
  'setup',
  'applications',
].concat(['proxies', 'devices', 'rules', 'resolvers', 'advanced']);

/** Every kind of section. */
export const FULL = `${config({})}
config app 'echo'
  list proxy 'a'
  list device 'kids'
  list schedule 'mon-fri 16:00-20:00'
config device 'tablet'
  list mac '02:00:00:00:01:10'
config group 'kids'
  list device 'tablet'
config rule
  option action 'proxy'
  option app 'echo'
  list name 'echo.example.com'
`;

export interface Shown {
  readonly page: Page;
  /** Each error of the browser. */
  readonly wrong: string[];
  close(): Promise<void>;
}

export interface Opening {
  readonly user?: string;
  readonly dir?: 'ltr' | 'rtl';
  readonly width?: number;
}

export interface Pages {
  readonly home: Home;
  readonly server: Server;
  /** The agent's configuration. */
  readonly file: string;
  open(view: string, opening?: Opening): Promise<Shown>;
  stop(): Promise<void>;
}

/** Starts an agent with FULL, and a browser. */
export async function startPages(name: string): Promise<Pages> {
  const home = await startHome(name);
  const file = `out/netns/${name}/whp`;
  const server = await servePages(home, file);
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  });
  const pages: Pages = {
    home,
    server,
    file,
    open: (view, opening = {}) => open(browser, server.url, view, opening),
    stop: async () => {
      await browser.close();
      server.stop();
      home.stop();
    },
  };
  await home.startAgent(FULL);
  for (let tries = 0; home.status().proxies.some(({ state }) => state !== 'up'); tries++) {
    if (tries < 50) await new Promise((resolve) => setTimeout(resolve, 100));
    else {
      await pages.stop();
      assert.unreachable('no proxy is up');
    }
  }
  return pages;
}

async function open(
  browser: Browser,
  url: string,
  view: string,
  { user = 'root', dir = 'ltr', width = 1280 }: Opening,
): Promise<Shown> {
  const context = await browser.newContext({ viewport: { width, height: 800 } });
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on('console', (one) => {
    if (['error', 'warning'].includes(one.type())) wrong.push(`${view}: ${one.text()}`);
  });
  page.on('pageerror', (error) => wrong.push(`${view}: ${error.stack ?? error.message}`));
  page.on('requestfailed', (one) => wrong.push(`${view}: ${one.url()}`));
  const name = view === 'status' ? 'view.status.include.70_whp' : `view.whp.${view}`;
  await page.goto(`${url}/page?view=${name}&user=${user}&dir=${dir}`);
  await page.waitForSelector('body[data-shown]', { timeout: 10_000 }).catch(() => {
    wrong.push(`${view}: not shown: ${wrong.length}`);
  });
  await page.waitForTimeout(300);
  return { page, wrong, close: () => context.close() };
}
