// One run of what the agent costs: phases of DNS answers, starts, reload and repair, memory and processor time, in one
// order, so that all runs of a boot are alike. Leaves the router without an agent.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../machine/lab.ts';
import type { Machine } from '../machine/machine.ts';
import { configText } from '../mode.ts';
import {
  CONFIGURATION,
  forgetStarts,
  HOST,
  PROGRAMS,
  processorTime,
  processTime,
  type Start,
  startAgent,
  status,
  stopAgent,
} from './agent.ts';
import { askPhase, type RampQueue, rampWith, rampWithout, settled } from './answers.ts';
import { beside, type Reading, reading } from './figures.ts';
import { CALM, fill } from './full.ts';
import { acceptingAll, byScript, fillingByDnsmasq, following } from './others.ts';
import { ask, RESOLVER } from './world.ts';

const MEGABYTE = 1048576;
const IDLE = 15;
/** Seconds: longer than what is measured with them, shorter than until the next run. */
const FLOWS_LAST = 600;
/** Names a second that are taught beside others' nft. */
const TAUGHT = 10;
const CHECK = 'nft -c -f /tmp/whp.nft';
const OTHER = '/tmp/other.nft';
const OTHER_TABLE = `table inet other
delete table inet other
table inet other {
  chain forward { counter; }
}
`;

export interface Run {
  /** What was measured but for the times of answers, which are in the captures. */
  readonly readings: readonly Reading[];
  readonly queues: readonly RampQueue[];
}

/** `run` is 1 to 9. Needs the world of world.ts and a router without an agent. */
export async function measureRun(lab: Lab, run: number, say: (line: string) => void): Promise<Run> {
  const { router } = lab;
  // A run that failed may have left another one.
  await router.put(CONFIGURATION, configText(true), 0o600);
  const phase = (name: Parameters<typeof askPhase>[2]) => (): Promise<void> =>
    askPhase(lab, run, name);
  await phase('forwarded, without')();
  await phase('through dnsmasq, without')();
  await rampWithout(lab, run);
  await fillingByDnsmasq(router, phase('nftset'));
  await following(router, phase('follower'));
  say(`run ${run}: answers without held ones`);
  await byScript(router, phase('script alone'));
  const { agent, readings: starts } = await measureStarts(router, {
    plain: phase('C accepts all'),
    teaching: phase('C teaches all'),
  });
  const idle = [await measureLoop(router), ...(await measureIdle(router))];
  say(`run ${run}: starts, idle`);
  await phase('forwarded, no match')();
  await phase('through dnsmasq, no match')();
  await phase('forwarded, match')();
  await phase('through dnsmasq, match')();
  await settled(router);
  say(`run ${run}: held answers`);
  const full = await measureFull(lab, run);
  const queues = await rampWith(lab, run);
  const teaching = await measureTeaching(lab, run);
  await settled(router);
  const changes = await measureChanges(router);
  await stopAgent(router, agent);
  say(`run ${run}: flows, ramp, reload, repair`);
  return { readings: [...starts, ...idle, ...full, ...teaching, ...changes], queues };
}

/** The first start after a boot, and later ones; the last of them runs. */
async function measureStarts(
  router: Machine,
  phases: Parameters<typeof acceptingAll>[2],
): Promise<{ agent: Start; readings: Reading[] }> {
  await forgetStarts(router);
  const first = await startAgent(router);
  await stopAgent(router, first);
  const later = await startAgent(router);
  await acceptingAll(router, later, phases);
  const agent = await startAgent(router);
  const seconds = (milliseconds: number): number => milliseconds / 1000;
  return {
    agent,
    readings: [
      reading('start to enforcing, first after boot', seconds(first.table), 's', { atMost: 1.5 }),
      reading('start to enforcing, later', seconds((later.table + agent.table) / 2), 's', {
        atMost: 0.8,
        beside: [beside('to answers held', seconds((later.queue + agent.queue) / 2), 's')],
      }),
    ],
  };
}

/** How fast the emulator was in this run. */
async function measureLoop(router: Machine): Promise<Reading> {
  const took: number[] = [];
  for (let times = 0; times < 3; times++) {
    took.push(Number(await router.must(`${HOST} ${PROGRAMS}/loop.mjs`)));
  }
  return reading('a million turns of an empty loop in the script', Math.min(...took), 'ms');
}

async function measureIdle(router: Machine): Promise<Reading[]> {
  await sleep(CALM * 1000);
  const before = await processorTime(router);
  const began = Date.now();
  await sleep(IDLE * 1000);
  const used = (await processorTime(router)) - before;
  const { memory_bytes: memory } = await status(router);
  const dnsmasq = await router.must('grep VmRSS /proc/$(cat /run/dnsmasq.pid)/status');
  const others = Number(/\d+/.exec(dnsmasq)?.[0]) / 1024;
  return [
    reading('processor time, idle', (100 * used) / ((Date.now() - began) / 1000), '%', {
      atMost: 0.8,
      question: 'time of the processor when nothing happens',
    }),
    reading('resident memory, idle', memory / MEGABYTE, 'MB', {
      atMost: 4,
      beside: [beside('dnsmasq', others, 'MB')],
      question: 'memory of the agent',
    }),
  ];
}

/** With many endpoints, what the phases have taught beside, and many open flows. */
async function measureFull(lab: Lab, run: number): Promise<Reading[]> {
  const { router } = lab;
  const { memory, text: note } = await fill(lab, `Y${run}`, FLOWS_LAST);
  const took = await processTime(router, 7, '/usr/bin/whp status');
  const nothing = await processTime(router, 7, '/bin/true');
  const list = await processTime(router, 3, 'conntrack -L');
  return [
    reading('resident memory, 2,000 endpoints and 2,000 flows', memory / MEGABYTE, 'MB', {
      atMost: 5.5,
      note,
    }),
    reading('`whp status`, 2,000 flows', took, 'ms', {
      atMost: 50,
      beside: [beside('`conntrack -L`', list, 'ms'), beside('`/bin/true`', nothing, 'ms')],
      note,
    }),
  ];
}

/** Others' nft beside an agent that teaches, and beside one that does not. */
async function measureTeaching({ world, router }: Lab, run: number): Promise<Reading[]> {
  await router.put(OTHER, OTHER_TABLE);
  const list = (): Promise<number> => processTime(router, 5, 'nft list ruleset');
  const load = (): Promise<number> => processTime(router, 5, `nft -f ${OTHER}`);
  const alone = { list: await list(), load: await load() };
  const asking = ask(world, RESOLVER, `Z${run}`, TAUGHT, TAUGHT * 25, 100);
  await sleep(500);
  const taught = { list: await list(), load: await load() };
  await asking;
  await router.must('nft delete table inet other');
  return (['list', 'load'] as const).map((what) => {
    const command = what === 'list' ? '`nft list ruleset`' : '`nft -f` of a small table';
    return reading(`${command} while ${TAUGHT} names a second are taught`, taught[what], 'ms', {
      beside: [beside('nobody teaches', alone[what], 'ms')],
    });
  });
}

async function measureChanges(router: Machine): Promise<Reading[]> {
  const line = `${HOST} ${PROGRAMS}/change.mjs ${CONFIGURATION}`;
  const measured = await router.run(line, { timeout: 1_200_000 });
  if (measured.status !== 0) {
    throw new Error(`${measured.stderr}\n${await router.must('tail -n 20 /tmp/whp.log')}`);
  }
  const { reload, repair } = JSON.parse(measured.stdout) as { reload: number; repair: number };
  await router.must('/usr/bin/whp ruleset >/tmp/whp.nft');
  const load = beside('`nft -c -f` of the table', await processTime(router, 3, CHECK), 'ms');
  return [
    reading('reload with a changed table', reload, 'ms', { atMost: 300, beside: [load] }),
    reading('repair of a deleted table', repair, 'ms', { atMost: 250, beside: [load] }),
  ];
}
