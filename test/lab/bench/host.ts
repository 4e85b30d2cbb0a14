// The host of the emulators, for the kept figures, and its load by other programs: processor time that neither this program nor its emulators used. Two
// emulators need both processors, so a disturbed run is reported.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

interface Reading {
  /** Busy ticks (1/100 s) of the host's processors, and those of this process tree. */
  readonly host: number;
  readonly own: number;
  readonly at: number;
}

function ticksOfHost(): number {
  const [, ...fields] = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.trim().split(/\s+/);
  const [user = 0, nice = 0, system = 0, , , interrupt = 0, soft = 0] = fields.map(Number);
  return user + nice + system + interrupt + soft;
}

/** Parent, and ticks of the process with its ended children. */
function processes(): Map<number, { parent: number; ticks: number }> {
  const found = new Map<number, { parent: number; ticks: number }>();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = text
        .slice(text.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + (fields[at] ?? 0), 0);
      found.set(Number(name), { parent: fields[1] ?? 0, ticks });
    } catch {
      // The process has ended meanwhile.
    }
  }
  return found;
}

function ticksOfOwn(): number {
  const all = processes();
  const mine = new Set([process.pid]);
  for (let before = 0; before !== mine.size; ) {
    before = mine.size;
    for (const [pid, { parent }] of all) if (mine.has(parent)) mine.add(pid);
  }
  return Array.from(mine, (pid) => all.get(pid)?.ticks ?? 0).reduce((sum, one) => sum + one, 0);
}

function read(): Reading {
  return { host: ticksOfHost(), own: ticksOfOwn(), at: Date.now() };
}

/** Starts the measurement; the returned function gives the other programs' share, in processors. */
export function watchHost(): () => number {
  const before = read();
  return () => {
    const after = read();
    const others = after.host - before.host - (after.own - before.own);
    return Math.max(0, (others * 10) / Math.max(1, after.at - before.at));
  };
}

/** The emulated router, and the host that emulates it. */
export function machineText(router: string): string {
  const version = spawnSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' }).stdout ?? '';
  const emulator = /version (\d+\.\d+)/.exec(version)?.[1] ?? '?';
  const processor = router === 'mipsel' ? `, ${process.env.WHP_CPU ?? '34Kf'}` : '';
  const [first] = cpus();
  return `${router} router${processor}, QEMU ${emulator} on ${cpus().length} x ${first?.model ?? '?'}`;
}
