// `npm run bench`: boots the lab's router, measures what docs/benchmarks.md promises, prints one
// table. Two boots: one with captures for the DNS answers, one without for forwarding, which
// captures would slow down, and for the pages. Every comparison is made within one boot.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { keepFigures } from '../keep.ts';
import { type Lab, startLab } from '../machine/lab.ts';
import { leave } from '../machine/leave.ts';
import { labOptions, ROUTER } from '../machine/options.ts';
import { configText } from '../mode.ts';
import { endAgents, loadModules, routerPrograms } from './agent.ts';
import { answerReadings } from './answers.ts';
import { merge, type Reading, tableText } from './figures.ts';
import { forwardingReadings, measureForwarding } from './forward.ts';
import { machineText, watchHost } from './host.ts';
import { packageReading } from './package.ts';
import { measurePages } from './pages.ts';
import { measureRouter } from './router.ts';
import { measureRun, type Run } from './run.ts';
import { passages } from './wires.ts';
import { startWorld, worldPrograms } from './world.ts';

const PARTS = ['answers', 'router', 'forwarding', 'pages', 'package'];
/** Fewer say nothing of the spread, and are not kept. Phases have one digit for the run. */
const LEAST_RUNS = 3;
const MOST_RUNS = 7;

const { values } = labOptions('', {
  router: ROUTER,
  out: { text: 'out/bench' },
  only: { list: PARTS },
  runs: { above: 0, otherwise: LEAST_RUNS },
  strict: false,
  // For the documents: docs/figures/bench.json.
  keep: false,
});

const say = (line: string): void => console.error(`bench: ${line}`);

const { router } = values;
const runs = Math.min(values.runs, MOST_RUNS);
const out = resolve(values.out);
const parts = new Set(values.only);

async function inLab<T>(capture: boolean, run: (lab: Lab) => Promise<T>): Promise<T> {
  const lab = await startLab({
    router,
    out,
    capture,
    say,
    config: configText(true),
    routerFiles: await routerPrograms(router),
    worldFiles: await worldPrograms(),
  });
  try {
    await startWorld(lab.world);
    await loadModules(lab.router);
    return await run(lab);
  } finally {
    await lab.stop();
  }
}

/** Runs that are done again in place of some that failed. */
const SPARE_RUNS = 2;

/** The readings of `runs` runs. A slow host ends a run now and then: what is measured is told of, and done again. */
async function measureAnswers(lab: Lab): Promise<Reading[][]> {
  const measured: { number: number; run: Run }[] = [];
  for (let number = 1; measured.length < runs; number += 1) {
    try {
      measured.push({ number, run: await measureRun(lab, number, say) });
    } catch (error) {
      say(`run ${number}: ${(error as Error).message}`);
      await endAgents(lab.router);
      if (number - measured.length > SPARE_RUNS)
        throw new Error(`${measured.length} of ${runs} runs`);
    }
  }
  const read = (name: string): Buffer => readFileSync(join(lab.out, name));
  const seen = passages(read('isp.pcap'), read('lan.pcap'));
  return measured.map(({ number, run }) => [
    ...answerReadings(seen, number, run.queues),
    ...run.readings,
  ]);
}

async function measurePrograms(lab: Lab): Promise<Reading[][]> {
  const measured: Reading[][] = [];
  for (let run = 1; run <= runs; run += 1) {
    measured.push(await measureRouter(lab.router));
    say(`programs on the router: run ${run}`);
  }
  return measured;
}

async function measureLooks(lab: Lab): Promise<Reading[][]> {
  const measured: Reading[][] = [];
  for (let run = 1; run <= runs; run += 1) measured.push(await measurePages(lab, run, say));
  return measured;
}

/** All parts asked for; one that fails does not hide the others. */
async function measureAll(): Promise<{ readings: Reading[][]; whole: boolean }> {
  const readings: Reading[][] = [];
  let whole = true;
  const part = async (name: string, run: () => Promise<Reading[][]>): Promise<void> => {
    if (!parts.has(name)) return;
    try {
      readings.push(...(await run()));
    } catch (error) {
      whole = false;
      say(`${name}: not measured: ${(error as Error).message}`);
    }
  };
  if (parts.has('answers') || parts.has('router')) {
    await inLab(true, async (lab) => {
      await part('answers', () => measureAnswers(lab));
      await endAgents(lab.router);
      await part('router', () => measurePrograms(lab));
    });
  }
  if (parts.has('forwarding') || parts.has('pages')) {
    await inLab(false, async (lab) => {
      await part('forwarding', async () =>
        forwardingReadings(await measureForwarding(lab.world, lab.router, runs, say)),
      );
      await endAgents(lab.router);
      await part('pages', () => measureLooks(lab));
    });
  }
  await part('package', async () => [[packageReading()]]);
  return { readings, whole };
}

async function main(): Promise<boolean> {
  mkdirSync(out, { recursive: true });
  const began = Date.now();
  const others = watchHost();
  const { readings, whole } = await measureAll();
  const figures = merge(readings);
  const seconds = Math.round((Date.now() - began) / 1000);
  const disturbed = others();
  const result = { machine: machineText(router), runs, router, disturbed, seconds, figures };
  const date = new Date().toISOString();
  const kept = JSON.stringify({ date, ...result, readings }, null, 1);
  writeFileSync(join(out, 'result.json'), `${kept}\n`);
  // The documents quote the figures of one whole run.
  const isWhole = whole && parts.size === PARTS.length && runs >= LEAST_RUNS;
  if (values.keep && isWhole) keepFigures('bench', 'npm run bench', result);
  if (values.keep && !isWhole) say(`not kept: needs every part and ${LEAST_RUNS} runs`);
  console.log(tableText(figures));
  const over = figures.filter((one) => one.kept === false).length;
  const verdict = over === 0 ? 'every budget kept' : `${over} over budget`;
  console.log(
    `\n${router}, ${seconds} s; ${verdict}; other programs used ${disturbed.toFixed(2)} processors`,
  );
  return whole && (over === 0 || !values.strict);
}

leave(main(), 'bench');
