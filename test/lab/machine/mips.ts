// The big-endian machine: one 64 MB MIPS 24Kf with the kernel and busybox of
// scripts/kernel-mips.sh, no packages (no distribution has any), and the files its caller brings.
// It is where the agent's own netlink code meets a real big-endian kernel.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { command } from './command.ts';
import { type CpioEntry, cpio } from './cpio.ts';
import { initramfs, type ProjectFile } from './image.ts';
import { bootMachine, type Machine, type RunResult } from './machine.ts';
import { projectRoot } from './paths.ts';
import { kernelLine } from './roles.ts';

export interface MipsOptions {
  /** Files of the machine, by absolute path. */
  readonly files?: ReadonlyMap<string, ProjectFile>;
  /** Where mips.log lands; out/lab by default. */
  readonly out?: string;
  readonly say?: (line: string) => void;
}

export interface ProbeOptions extends MipsOptions {
  /** Text of the bundle that the host runs. */
  readonly bundle: string | Uint8Array;
  /** Host program; out/host/mips/whp-host by default. */
  readonly host?: string;
  readonly arguments?: readonly string[];
  /** Milliseconds for the bundle's run; 60,000 by default. */
  readonly timeout?: number;
}

/**
 * Boots the big-endian machine. Its kernel is built first when it is not in the cache, which takes
 * ten minutes and shows in `say`.
 */
export async function startMips(options: MipsOptions = {}): Promise<Machine> {
  const say = options.say ?? ((line) => void process.stderr.write(`lab: ${line}\n`));
  const root = projectRoot();
  const out = resolve(options.out ?? join(root, 'out/lab'));
  mkdirSync(out, { recursive: true });
  const made = await kernelDirectory(say);
  const directory = mkdtempSync(join(tmpdir(), 'whp-lab-'));
  const clean = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', clean);
  const archive = join(directory, 'initramfs');
  const consoleLog = join(out, 'mips.log');
  rmSync(consoleLog, { force: true });
  try {
    writeFileSync(archive, cpio(contents(made, options.files ?? new Map())));
    const machine = await bootMachine({
      name: 'mips',
      directory,
      consoleLog,
      hardware: {
        board: 'malta-be',
        memory: 64,
        kernel: join(made, 'kernel'),
        initramfs: archive,
        disks: [],
        wires: [],
        card: 'virtio',
        channels: 4,
        append: 'loglevel=5',
      },
    });
    const stop = machine.stop.bind(machine);
    return { ...machine, stop: () => stop().finally(clean) };
  } catch (error) {
    clean();
    throw error;
  }
}

/** Boots the machine, runs `bundle` in the big-endian host and answers with what it printed. */
export async function bootProbe(options: ProbeOptions): Promise<RunResult> {
  const host = options.host ?? join(projectRoot(), 'out/host/mips/whp-host');
  if (!existsSync(host)) throw new Error(`${host} is missing: run scripts/host.sh mips`);
  const files = new Map<string, ProjectFile>([
    ['/usr/lib/whp/whp-host', { bytes: readFileSync(host), mode: 0o755 }],
    ['/root/probe.mjs', { bytes: Buffer.from(options.bundle), mode: 0o644 }],
    ...(options.files ?? []),
  ]);
  const machine = await startMips({ ...options, files });
  try {
    const line = ['/usr/lib/whp/whp-host', '/root/probe.mjs', ...(options.arguments ?? [])];
    return await machine.run(line.join(' '), { timeout: options.timeout ?? 60_000 });
  } finally {
    await machine.stop();
  }
}

/** Directory that holds `kernel` and `busybox`, built when it is missing. */
async function kernelDirectory(say: (line: string) => void): Promise<string> {
  say('big-endian kernel: from the cache, or ten minutes to build');
  const script = join(projectRoot(), 'scripts/kernel-mips.sh');
  const printed = await command(script, [kernelLine()], { timeout: 3_600_000 });
  return printed.trim().split('\n').at(-1) ?? '';
}

function contents(made: string, files: ReadonlyMap<string, ProjectFile>): CpioEntry[] {
  const lab = join(projectRoot(), 'test/lab/image');
  const all = new Map<string, ProjectFile>([
    [
      '/usr/lib/lab/control',
      { bytes: readFileSync(join(lab, 'root/usr/lib/lab/control')), mode: 0o755 },
    ],
    ...files,
  ]);
  const base = initramfs(
    readFileSync(join(made, 'busybox')),
    readFileSync(join(lab, 'init-mips.sh')),
  );
  const seen = new Set(base.map((entry) => entry.path));
  const entries = [...base];
  for (const [path, file] of all) {
    for (const parent of parents(path.slice(1))) {
      if (!seen.has(parent)) entries.push({ path: parent, kind: 'directory' });
      seen.add(parent);
    }
    const bytes = Buffer.from(file.bytes);
    entries.push({ path: path.slice(1), kind: 'file', mode: file.mode, bytes });
  }
  return entries;
}

/** "a", "a/b" for "a/b/c". */
function parents(path: string): string[] {
  const above = dirname(path);
  return above === '.' ? [] : [...parents(above), above];
}
