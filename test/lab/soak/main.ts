// The soak: six hours of a home in ten minutes. Five devices play one session after the other while
// their unrelated traffic goes on; a second stands for a minute: what the profile keeps (ports,
// peers, endpoints) is kept for a sixtieth of its time, so that everything that is learned in six
// hours is learned, renewed and forgotten here. Judged by the wires like any other run, and by the
// agent's resident memory.
//
//   scripts/lab.sh soak [--router mipsel|x86_64] [--sessions N] [--out DIRECTORY]
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startLab } from '../machine/lab.ts';
import { leave } from '../machine/leave.ts';
import type { Machine } from '../machine/machine.ts';
import { labOptions, ROUTER } from '../machine/options.ts';
import { startAgent } from '../mode.ts';
import { fasterProfile } from '../profiles.ts';
import { runSessions } from '../session/run.ts';
import { DEVICES } from '../world/plan.ts';
import { type Sample, steadiness } from './memory.ts';

const { values } = labOptions('soak', {
  router: ROUTER,
  sessions: { above: 0, otherwise: 76 },
  seed: { above: 0, otherwise: 6 },
  out: { text: 'out/soak' },
});

/** Simulated seconds in one of the lab's. */
const SPEED = 60;
const HOURS = 6;
const SAMPLE_SECONDS = 10;
const PROFILE = '/usr/share/whp/profiles/skype.json';
const say = (line: string): void => console.error(`soak: ${line}`);

/** One line a sample: seconds since boot, the agent's resident and the router's available KB. */
const SAMPLER = `for one in /proc/[0-9]*; do
  case $(tr '\\0' ' ' 2>/dev/null <$one/cmdline) in
    "/usr/lib/whp/whp-host /usr/bin/whp daemon "*) pid=\${one#/proc/} ;;
  esac
done
while :; do
  read -r up rest </proc/uptime
  set -- $(grep VmRSS /proc/$pid/status) $(grep MemAvailable /proc/meminfo)
  echo "$up $2 $5"
  sleep ${SAMPLE_SECONDS}
done`;

async function watchMemory(router: Machine): Promise<{ samples: Sample[]; stop(): Promise<void> }> {
  const samples: Sample[] = [];
  const sampling = await router.spawn(SAMPLER, (line) => {
    const [at = 0, resident = 0, available = 0] = line.split(' ').map(Number);
    samples.push({ at, resident, available });
  });
  return { samples, stop: () => sampling.kill('TERM') };
}

async function main(): Promise<boolean> {
  const out = resolve(values.out);
  const { router: kind } = values;
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const lab = await startLab({ router: kind, out, say });
  try {
    await lab.router.put(PROFILE, fasterProfile(SPEED));
    const agent = await startAgent(lab.router, 'hold', say);
    const memory = await watchMemory(lab.router);
    let log = '';
    const { result, text, ok } = await runSessions(
      { world: lab.world, out, routerKind: kind, capturesOutside: true, say },
      {
        seed: values.seed,
        sessionsPerDevice: values.sessions,
        noise: true,
        adversary: false,
        agentStatus: agent.status,
        closeCaptures: async () => {
          await memory.stop();
          log = (await lab.router.run('cat /tmp/whp.log')).stdout;
          await lab.stop();
        },
      },
    );
    writeFileSync(join(out, 'memory.json'), JSON.stringify(memory.samples));
    writeFileSync(join(out, 'whp.log'), log);
    console.log(text);
    const { totals, timings } = result;
    const hours = (timings.seconds * SPEED) / 3600;
    const { first, last, most, growth, free } = steadiness(memory.samples);
    const starts = log.split('\n').filter((line) => line.startsWith('whp: enforcing')).length;
    const wrong = [
      ...(hours >= HOURS ? [] : [`only ${hours.toFixed(1)} h`]),
      ...(growth <= 256 ? [] : [`grown by ${growth} KB since the first quarter`]),
      ...(starts === 1 ? [] : [`the agent started ${starts} times`]),
      ...(ok ? [] : ['the verdict of the wires']),
    ];
    console.log(
      `soak: ${hours.toFixed(1)} simulated hours in ${timings.seconds.toFixed(0)} s: ${totals.sessions} sessions of ${DEVICES.length} devices, ${totals.leaked} leaked, ${totals.unrelatedProxied} unrelated proxied, ${totals.sessionsOk} fine; agent ${first} KB at first, ${most} KB at most, ${last} KB at last (${growth} KB more than after the first quarter), router ${free} KB available at least`,
    );
    if (wrong.length > 0) console.log(`soak: WRONG: ${wrong.join('; ')}`);
    console.log(`soak: ${wrong.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed'}`);
    return wrong.length === 0;
  } finally {
    await lab.stop();
  }
}

leave(main());
