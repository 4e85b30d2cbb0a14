// Command line of the machines alone, without sessions: scripts/lab.sh boot | speed | shell,
// probe (the big-endian machine), prepare, and fetch | fetch-source for other scripts that need Debian's packages.
// Its exit status is 0 only when everything asked for was seen to work.
import { readFileSync } from 'node:fs';
import { bootCheck } from './boot-check.ts';
import { image } from './image.ts';
import { startLab } from './lab.ts';
import { leave } from './leave.ts';
import { bootProbe } from './mips.ts';
import { labOptions, ROUTER } from './options.ts';
import { fetchPackages, fetchSource } from './packages.ts';
import { type RouterKind, routerRole, worldRole } from './roles.ts';
import { shell } from './shell.ts';
import { speedCheck } from './speed-check.ts';

const command = process.argv[2] ?? '';
const WORDS = ['probe', 'fetch', 'fetch-source'];
const { values, words } = labOptions(
  command,
  {
    // A probe runs on the big-endian machine unless told.
    router: {
      of: command === 'probe' ? (['mips', ...ROUTER.of] as const) : ROUTER.of,
      otherwise: command === 'probe' ? 'mips' : 'mipsel',
    },
    out: { text: 'out/lab' },
    card: { of: ['virtio', 'e1000'], otherwise: 'virtio' },
  },
  WORDS.includes(command) ? 'any' : [],
);

const say = (line: string): void => console.error(`lab: ${line}`);

async function main(): Promise<void> {
  const { router, out, card } = values;
  if (command === 'probe' && router === 'mips') return probe(words[0] ?? '', words.slice(1), out);
  if (router === 'mips') throw new Error('the big-endian machine has no wires: probe, big-endian');
  switch (command) {
    case 'prepare': {
      await image(routerRole(router), say);
      await image(worldRole(), say);
      return;
    }
    case 'boot':
      return bootCheck({ router, out });
    case 'probe':
      return probeRouter(router, words[0] ?? '', words.slice(1), out);
    case 'shell':
      return shell({ router, out, card });
    case 'speed':
      return speedCheck({ router, out, card });
    case 'fetch': {
      const [architecture = '', ...names] = words;
      if (architecture !== 'amd64' && architecture !== 'mipsel') {
        throw new Error(`fetch ${architecture}: known are amd64 and mipsel`);
      }
      console.log((await fetchPackages(architecture, names, say)).debs.join('\n'));
      return;
    }
    case 'fetch-source':
      console.log((await fetchSource(words[0] ?? '', say)).join('\n'));
      return;
    default:
      throw new Error(`unknown command ${command}: boot, speed, shell, probe, prepare`);
  }
}

/** Runs a bundle on the big-endian machine, shows what it printed, fails when it does. */
async function probe(bundle: string, rest: readonly string[], out: string): Promise<void> {
  const bytes = readFileSync(bundle);
  const result = await bootProbe({ bundle: bytes, arguments: rest, timeout: 300_000, out });
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
  if (result.status !== 0) throw new Error(`mips: ${bundle}: status ${result.status}`);
}

/** The same on a little-endian or x86_64 router, whose kernel has every module of the distribution. */
async function probeRouter(
  kind: Exclude<RouterKind, 'mips'>,
  bundle: string,
  rest: readonly string[],
  out: string,
): Promise<void> {
  const lab = await startLab({ router: kind, out, config: '' });
  try {
    await lab.router.put('/tmp/probe.mjs', readFileSync(bundle));
    const line = `/usr/lib/whp/whp-host /tmp/probe.mjs ${rest.join(' ')}`;
    const result = await lab.router.run(line, { timeout: 120_000 });
    process.stdout.write(result.stdout);
    process.stderr.write(result.stderr);
    if (result.status !== 0) throw new Error(`${kind}: ${bundle}: status ${result.status}`);
  } finally {
    await lab.stop();
  }
}

leave(main().then(() => true));
