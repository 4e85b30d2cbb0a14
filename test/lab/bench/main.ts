// `npm run bench`: boots the lab's router, measures what docs/benchmarks.md promises, prints one
// table. Two boots: one with captures for the DNS answers, one without for forwarding, which
// captures would slow down. Every comparison is made within one boot.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Lab, startLab } from '../machine/lab.ts';
import { leave } from '../machine/leave.ts';
import { configText } from '../mode.ts';
import { loadModules, routerPrograms } from './agent.ts';
import { measureAnswers } from './answers.ts';
import { type Figure, forwardingFigure, kept, tableText } from './figures.ts';
import { measureForwarding } from './forward.ts';
import { watchHost } from './host.ts';
import { measureRouter } from './router.ts';
import { startWorld, worldPrograms } from './world.ts';

const { values } = parseArgs({
  options: {
    router: { type: 'string', default: 'mipsel' },
    out: { type: 'string', default: 'out/bench' },
    only: { type: 'string', default: 'answers,router,forwarding' },
    rounds: { type: 'string', default: '5' },
    strict: { type: 'boolean', default: false },
  },
});

const say = (line: string): void => console.error(`bench: ${line}`);

function routerKind(text: string): 'mipsel' | 'x86_64' {
  if (text === 'mipsel' || text === 'x86_64') return text;
  throw new Error(`--router ${text}: known are mipsel and x86_64`);
}

const router = routerKind(values.router);
const out = resolve(values.out);
const parts = new Set(values.only.split(','));

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
  if (parts.has('answers') || parts.has('router')) {
    const measured = await inLab(true, async (lab) => {
      const answers = parts.has('answers') ? await measureAnswers(lab, say) : null;
      const own = parts.has('router') ? await measureRouter(lab.router, say) : null;
      return { answers, own };
    });
    figures.push(...(measured.answers?.figures ?? []), ...(measured.own?.figures ?? []));
    details.answers = measured.answers?.details;
    details.router = measured.own?.details;
  }
  if (parts.has('forwarding')) {
    const forwarding = await inLab(false, (lab) =>
      measureForwarding(lab.world, lab.router, Number(values.rounds), say),
    );
    figures.push(...forwarding.map(forwardingFigure));
    details.forwarding = forwarding;
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
  console.log(tableText(figures));
  const over = figures.filter((one) => kept(one) === false).length;
  console.log(
    `\n${router}, ${seconds} s; ${over === 0 ? 'every budget kept' : `${over} over budget`}`,
  );
  return over === 0 || !values.strict;
}

leave(main(), 'bench');
