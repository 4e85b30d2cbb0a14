// Command line of the machines alone, without sessions: scripts/lab.sh boot | speed | shell,
// probe (the big-endian machine), prepare, and fetch | fetch-source for other scripts that need Debian's packages.
// Its exit status is 0 only when everything asked for was seen to work.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { bootCheck } from './boot-check.ts';
import { image } from './image.ts';
import { startLab } from './lab.ts';
import { leave } from './leave.ts';
import { bootProbe } from './mips.ts';
import { fetchPackages, fetchSource } from './packages.ts';
import type { Card } from './qemu.ts';
import { type RouterKind, routerRole, worldRole } from './roles.ts';
import { shell } from './shell.ts';
import { speedCheck } from './speed-check.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    router: { type: 'string' },
    out: { type: 'string' },
    card: { type: 'string', default: 'virtio' },
  },
});

function routerKind(text: string): Exclude<RouterKind, 'mips'> {
  if (text === 'mipsel' || text === 'x86_64') return text;
  throw new Error(`--router ${text}: known are mipsel and x86_64`);
}

function cardModel(text: string): Card {
  if (text === 'virtio' || text === 'e1000') return text;
  throw new Error(`--card ${text}: known are virtio and e1000`);
}

const say = (line: string): void => console.error(`lab: ${line}`);

async function main(): Promise<void> {
  const router = routerKind(values.router ?? 'mipsel');
  const out = values.out === undefined ? {} : { out: values.out };
  switch (positionals[0]) {
    case 'prepare': {
      await image(routerRole(router), say);
      await image(worldRole(), say);
      return;
    }
    case 'boot':
      return bootCheck({ router, ...out });
    case 'probe':
      if (values.router !== undefined) {
        return probeRouter(router, positionals[1] ?? '', positionals.slice(2), out);
      }
      return probe(positionals[1] ?? '', positionals.slice(2), out);
    case 'shell':
      return shell({ router, ...out, card: cardModel(values.card) });
    case 'speed':
      return speedCheck({ router, ...out, card: cardModel(values.card) });
    case 'fetch': {
      const [, architecture = '', ...names] = positionals;
      if (architecture !== 'amd64' && architecture !== 'mipsel') {
        throw new Error(`fetch ${architecture}: known are amd64 and mipsel`);
      }
      console.log((await fetchPackages(architecture, names, say)).debs.join('\n'));
      return;
    }
    case 'fetch-source':
      console.log((await fetchSource(positionals[1] ?? '', say)).join('\n'));
      return;
    default:
      throw new Error(
        `unknown command ${positionals[0] ?? '(none)'}: boot, speed, shell, probe, prepare`,
      );
  }
}

/** Runs a bundle on the big-endian machine, shows what it printed, fails when it does. */
async function probe(bundle: string, rest: string[], out: { out?: string }): Promise<void> {
  const bytes = readFileSync(bundle);
  const result = await bootProbe({ bundle: bytes, arguments: rest, timeout: 300_000, ...out });
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
  if (result.status !== 0) throw new Error(`mips: ${bundle}: status ${result.status}`);
}

/** The same on a little-endian or x86_64 router, whose kernel has every module of the distribution. */
async function probeRouter(
  kind: Exclude<RouterKind, 'mips'>,
  bundle: string,
  rest: string[],
  out: { out?: string },
): Promise<void> {
  const lab = await startLab({ router: kind, ...out, config: '' });
  try {
    await lab.router.put('/tmp/probe.mjs', readFileSync(bundle));
    const command = `/usr/lib/whp/whp-host /tmp/probe.mjs ${rest.join(' ')}`;
    const result = await lab.router.run(command, { timeout: 120_000 });
    process.stdout.write(result.stdout);
    process.stderr.write(result.stderr);
    if (result.status !== 0) throw new Error(`${kind}: ${bundle}: status ${result.status}`);
  } finally {
    await lab.stop();
  }
}

leave(main().then(() => true));
