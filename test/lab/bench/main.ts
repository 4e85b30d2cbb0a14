// `npm run bench`: boots the lab's router, measures what docs/benchmarks.md promises, prints one
// table. Two boots: one with captures for the DNS answers, one without for forwarding, which
// captures would slow down. Every comparison is made within one boot.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { keepFigures } from '../keep.ts';
import { type Lab, startLab } from '../machine/lab.ts';
import { leave } from '../machine/leave.ts';
import { labOptions, ROUTER } from '../machine/options.ts';
import { configText } from '../mode.ts';
import { loadModules, routerPrograms } from './agent.ts';
import { measureAnswers } from './answers.ts';
import { type Figure, forwardingFigure, kept, tableText } from './figures.ts';
import { measureForwarding } from './forward.ts';
import { watchHost } from './host.ts';
import { measureRouter } from './router.ts';
import { startWorld, worldPrograms } from './world.ts';

const PARTS = ['answers', 'router', 'forwarding'];
const { values } = labOptions('', {
  router: ROUTER,
  out: { text: 'out/bench' },
  only: { list: PARTS },
  rounds: { above: 0, otherwise: 5 },
  strict: false,
  // For the documents: docs/figures/bench.json.
  keep: false,
});

const say = (line: string): void => console.error(`bench: ${line}`);

const { router } = values;
const out = resolve(values.out);
const parts = new Set(values.only);

async function inLab<T>(capture: boolean, run: (lab: Lab) => Promise<T>): Promise<T> {
  const lab = await startLab({
    router,
    out,
    capture,
    say,
    config: configText(true),
    routerFiles: await routerPrograms(),
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

async function main(): Promise<boolean> {
  mkdirSync(out, { recursive: true });
  const began = Date.now();
  const others = watchHost();
  const figures: Figure[] = [];
  const details: Record<string, unknown> = {};
  let whole = true;
  // The results of one part are printed even if another part fails.
  const part = async (
    name: string,
    run: () => Promise<{ figures: Figure[]; details: unknown }>,
  ) => {
    if (!parts.has(name)) return;
    try {
      const measured = await run();
      figures.push(...measured.figures);
      details[name] = measured.details;
    } catch (error) {
      whole = false;
      say(`${name}: not measured: ${(error as Error).message}`);
    }
  };
  if (parts.has('answers') || parts.has('router')) {
    await inLab(true, async (lab) => {
      await part('answers', () => measureAnswers(lab, say));
      await part('router', () => measureRouter(lab.router, say));
    });
  }
  if (parts.has('forwarding')) {
    await inLab(false, (lab) =>
      part('forwarding', async () => {
        const { world, router: machine } = lab;
        const found = await measureForwarding(world, machine, values.rounds, say);
        return { figures: found.map(forwardingFigure), details: found };
      }),
    );
  }
  const seconds = Math.round((Date.now() - began) / 1000);
  const shown = figures.map((one) => ({ ...one, kept: kept(one) }));
  const disturbed = others();
  const result = {
    router,
    disturbed,
    date: new Date().toISOString(),
    seconds,
    figures: shown,
    details,
  };
  writeFileSync(join(out, 'result.json'), `${JSON.stringify(result, null, 1)}\n`);
  // The documents quote the figures of one run.
  if (values.keep && whole && parts.size === PARTS.length) {
    keepFigures('bench', 'npm run bench', { router, disturbed, figures: shown });
  }
  console.log(tableText(figures));
  const over = figures.filter((one) => kept(one) === false).length;
  console.log(
    `\n${router}, ${seconds} s; ${over === 0 ? 'every budget kept' : `${over} over budget`}`,
  );
  return whole && (over === 0 || !values.strict);
}

leave(main(), 'bench');
