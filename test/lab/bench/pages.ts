// What an open page of LuCI costs the router: its calls at its own pace, made as rpcd makes them (test/bench/calls.c), in a home
// where nothing happens and in a full one. rpcd and uhttpd themselves are not there: Debian has neither.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../machine/lab.ts';
import type { Machine } from '../machine/machine.ts';
import { configText } from '../mode.ts';
import { CONFIGURATION, PLUGIN, PROGRAMS, processTime, startAgent, stopAgent } from './agent.ts';
import { beside, type Reading, reading } from './figures.ts';
import { CALM, fillFlows } from './full.ts';

export interface Poll {
  readonly method: string;
  /** Seconds between two calls. */
  readonly every: number;
  readonly input: object;
}

/** The views that ask again and again, by their path below view/; a test reads the same from their sources. */
export const PAGES: { readonly [view: string]: readonly Poll[] } = {
  'whp/overview': [
    { method: 'status', every: 5, input: {} },
    { method: 'traffic', every: 5, input: {} },
    { method: 'counters', every: 15, input: {} },
  ],
  'whp/connections': [
    {
      method: 'flows',
      every: 10,
      input: { limit: 50, offset: 0, app: '', search: '', sort: 'bytes', descending: true },
    },
  ],
  'whp/attention': [{ method: 'status', every: 10, input: {} }],
  // LuCI's status page asks all its boxes at its own pace, 5 s unless its owner has changed it.
  'status/include/70_whp': [{ method: 'status', every: 5, input: {} }],
};

/** Of the figures. */
const TITLES: { readonly [view: string]: string } = {
  'whp/overview': 'overview',
  'whp/connections': 'connections',
  'whp/attention': 'needs attention',
  'status/include/70_whp': "box on LuCI's status page",
};

/** uhttpd adds it to the arguments of each call, and rpcd passes it on. */
const SESSION = { ubus_rpc_session: '0123456789abcdef0123456789abcdef' };
/** Twice with the page and twice without it, by turns (A B B A), since the agent's own work changes meanwhile. A multiple of
 * each interval. */
const SECONDS = 30;
const MOST_PERCENT = 5;
const MOST_KIB = 32;
/** Seconds that a flow of one packet lasts: longer than all pages take. */
const FLOWS_LAST = 1800;

interface Looked {
  /** Percent of the processor's time that was not idle, as the router counts it. */
  readonly busy: number;
  /** The same of the host's time for the emulator: other programs of the host do not change it. */
  readonly emulated: number;
  readonly calls: readonly {
    readonly method: string;
    readonly count: number;
    readonly bytes: number;
    readonly ms: number;
  }[];
}

/** Needs the world of world.ts and a router without an agent, and leaves it so. */
export async function measurePages(
  lab: Lab,
  run: number,
  say: (line: string) => void,
): Promise<Reading[]> {
  const { router } = lab;
  await router.put(CONFIGURATION, configText(true), 0o600);
  const agent = await startAgent(router);
  await sleep(CALM * 1000);
  const idle = await lookAt(router, 'idle home', say);
  say(`run ${run}: pages, idle home`);
  const { text } = await fillFlows(lab, FLOWS_LAST);
  await sleep(CALM * 1000);
  const full = await lookAt(router, '2,000 flows', say, text);
  say(`run ${run}: pages, 2,000 flows`);
  await stopAgent(router, agent);
  await router.must('conntrack -F');
  return [...idle, ...full];
}

async function lookAt(
  router: Machine,
  home: string,
  say: (line: string) => void,
  note = '',
): Promise<Reading[]> {
  const nothing = await processTime(router, 7, '/bin/true');
  const looked: { view: string; page: Looked; without: Looked }[] = [];
  for (const [view, polls] of Object.entries(PAGES)) {
    const [first, second, third, fourth] = [
      await look(router, []),
      await look(router, polls),
      await look(router, polls),
      await look(router, []),
    ];
    const [page, without] = [both(second!, third!), both(first!, fourth!)];
    looked.push({ view, page, without });
    say(`${TITLES[view]}, ${home}: ${page.busy} % busy, without it ${without.busy} %`);
  }
  const answers = looked.flatMap(({ page }) => page.calls);
  const largest = answers.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  return [
    ...looked.map(({ view, page, without }) =>
      reading(`page ${TITLES[view]}, ${home}`, page.busy - without.busy, '%', {
        atMost: MOST_PERCENT,
        beside: [
          beside('by the time of the emulator', page.emulated - without.emulated, '%'),
          beside('the router without a page', without.busy, '%'),
          beside('its calls, from start to end', partOf(page.calls), '%'),
          beside('`/bin/true`', nothing, 'ms'),
          ...page.calls.map(({ method, ms }) => beside(`a call of \`${method}\``, ms, 'ms')),
        ],
        note,
      }),
    ),
    reading(`largest answer that a page asks for again, ${home}`, largest.bytes / 1024, 'KiB', {
      atMost: MOST_KIB,
      note: `\`${largest.method}\``,
    }),
  ];
}

/** Two times of the same length and with the same calls. */
function both(one: Looked, other: Looked): Looked {
  return {
    busy: (one.busy + other.busy) / 2,
    emulated: (one.emulated + other.emulated) / 2,
    calls: one.calls.map((call, at) => ({
      method: call.method,
      count: call.count,
      bytes: Math.max(call.bytes, other.calls[at]!.bytes),
      ms: (call.ms + other.calls[at]!.ms) / 2,
    })),
  };
}

/** Percent of the time in which a call was under way: the most that the calls can have used, were nothing else to do. */
function partOf(calls: Looked['calls']): number {
  return calls.reduce((sum, { count, ms }) => sum + count * ms, 0) / (SECONDS * 10);
}

async function look(router: Machine, polls: readonly Poll[]): Promise<Looked> {
  const words = polls.flatMap(({ method, every, input }) => [
    method,
    String(every),
    `'${JSON.stringify({ ...input, ...SESSION })}'`,
  ]);
  const line = `${PROGRAMS}/calls ${SECONDS} ${PLUGIN} ${words.join(' ')}`;
  const used = router.emulatorSeconds();
  const said = await router.must(line, { timeout: (SECONDS + 120) * 1000 });
  const emulated = ((router.emulatorSeconds() - used) * 100) / SECONDS;
  return { ...(JSON.parse(said) as Omit<Looked, 'emulated'>), emulated };
}
