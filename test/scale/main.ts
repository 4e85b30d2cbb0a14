// `npm run scale`: what grows with the size of a home, and how: the agent in a namespace at the largest home and at its
// quarter and half in each dimension, and the kernel's new and established flows with and without the table. In a mount
// and a process namespace of its own (scripts/scale.sh).
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { kernelTable, scaleTable } from '../../scripts/lib/scale.mjs';
import { merge, type Reading } from '../lab/bench/figures.ts';
import { watchHost } from '../lab/bench/host.ts';
import { keepFigures } from '../lab/keep.ts';
import { Refusal, readOptions } from '../lab/machine/options.ts';
import { startAsking } from './ask.ts';
import { DIMENSIONS, type Dimension, FULL, type Size, smaller } from './home.ts';
import { KERNEL_CASES, measureKernel } from './kernel.ts';
import { measureHome, warmUp } from './measure.ts';
import { figuresOf, type Measured } from './result.ts';
import { layWorld } from './world.ts';

const PARTS = ['agent', 'kernel'];
const LEAST_RUNS = 3;
const RULES = {
  only: { list: PARTS },
  runs: { above: 0, otherwise: LEAST_RUNS },
  // To try the program itself: an eighth of the largest home.
  small: false,
  keep: false,
} as const;
/** Processors that other programs may use. */
const QUIET = 0.1;

const shipped = readFileSync('agent/profiles/skype.json', 'utf8');

const say = (line: string): void => console.error(`scale: ${line}`);

function options() {
  try {
    return readOptions(RULES, [], process.argv.slice(2)).values;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(`scale: ${error.message} (scripts/scale.sh --help)`);
    process.exit(2);
  }
}

const values = options();
if (process.env.WHP_SCALE_CHECK !== undefined) process.exit(0);

const full: Size = values.small
  ? { apps: FULL.apps, devices: 32, elements: FULL.elements >> 3, flows: FULL.flows >> 3 }
  : FULL;

/** The sizes of a run: in each dimension a quarter and the half, the others full; and the full home. */
function sizes(): { readonly dimension: Dimension | null; readonly size: Size }[] {
  const parts = DIMENSIONS.flatMap((dimension) =>
    smaller(full[dimension]).map((count) => ({ dimension, size: { ...full, [dimension]: count } })),
  );
  return [...parts, { dimension: null, size: full }];
}

async function measureAgents(folder: string, packets: string): Promise<Measured[]> {
  const world = layWorld(`whp-scale-${process.pid}`);
  const asking = startAsking(world);
  const measured: Measured[] = [];
  const tools = { world, folder, packets, asking, shipped };
  try {
    await warmUp(tools);
    for (let run = 1; run <= values.runs; run += 1) {
      for (const { dimension, size } of sizes()) {
        const began = performance.now();
        const readings = await measureHome(tools, size);
        const took = ((performance.now() - began) / 1000).toFixed(0);
        say(
          `run ${run}: ${Object.entries(size)
            .map((one) => one.reverse().join(' '))
            .join(', ')}: ${took} s`,
        );
        measured.push({ dimension, size, readings });
      }
    }
  } finally {
    asking.child.kill();
    world.stop();
  }
  return measured;
}

async function main(): Promise<boolean> {
  const folder = `${process.cwd()}/out/scale`;
  const packets = `${folder}/packets`;
  mkdirSync(folder, { recursive: true });
  const began = Date.now();
  const before = watchHost();
  await sleep(2000);
  const idle = before();
  say(
    `other programs use ${idle.toFixed(2)} processors${idle > QUIET ? ': wait until they end' : ''}`,
  );
  const parts = new Set(values.only);
  // Packets cost time that counts for no process, so the kernel's part is not watched.
  const others = watchHost();
  const agents = parts.has('agent') ? await measureAgents(`${folder}/home`, packets) : [];
  const disturbed = agents.length > 0 ? Math.max(idle, others()) : idle;
  const kernel: Reading[][] = [];
  for (let run = 1; parts.has('kernel') && run <= values.runs; run += 1) {
    kernel.push(await measureKernel(`${folder}/home`, packets, full, shipped));
    say(`run ${run}: the kernel, ${KERNEL_CASES.length} cases by turns`);
  }
  const [first] = cpus();
  const result = {
    machine: `x86_64, ${cpus().length} x ${first?.model ?? '?'}`,
    runs: values.runs,
    disturbed,
    seconds: Math.round((Date.now() - began) / 1000),
    full,
    figures: figuresOf(agents),
    kernel: merge(kernel),
  };
  writeFileSync(`${folder}/result.json`, `${JSON.stringify(result, null, 1)}\n`);
  if (result.figures.length > 0) console.log(`${scaleTable(result)}\n`);
  if (result.kernel.length > 0) console.log(`${kernelTable(result)}\n`);
  console.log(`${result.seconds} s; other programs used ${disturbed.toFixed(2)} processors`);
  const isWhole = parts.size === PARTS.length && values.runs >= LEAST_RUNS && !values.small;
  if (values.keep && isWhole) keepFigures('scale', 'npm run scale', result);
  if (values.keep && !isWhole)
    say(`not kept: needs both parts, ${LEAST_RUNS} runs, and not --small`);
  return disturbed <= QUIET || !values.keep;
}

main().then(
  (isGood) => process.exit(isGood ? 0 : 1),
  (error: unknown) => {
    console.error(
      `scale: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    process.exit(1);
  },
);
