// The lab as its driver sees it: two machines joined by two virtual wires.
//
//   world (x86_64)                                  router (mipsel, mips or x86_64)
//     wire-lan  ======== LAN wire: lan.pcap ========  eth0 (br-lan 192.168.1.1)
//     wire-wan  ======== ISP wire: isp.pcap ========  eth1 (198.51.100.10)
//
// The captures are made by the router's emulator at its network cards: no machine can lose, hide
// or add a packet in them.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Image, image, type ProjectFile, projectLayer } from './image.ts';
import { bootMachine, type Machine } from './machine.ts';
import { projectRoot } from './paths.ts';
import type { Card, Hardware, Wire } from './qemu.ts';
import { type Role, type RouterKind, routerRole, worldRole } from './roles.ts';

export interface LabOptions {
  readonly router: Exclude<RouterKind, 'mips'>;
  /** Text of the router's /etc/config/whp; none when left out. */
  readonly config?: string;
  /** Where logs and captures land; out/lab by default. */
  readonly out?: string;
  /** The agent's bundle for /usr/bin/whp; out/whp by default, left out when missing. */
  readonly bundle?: string;
  /** false: a router without the agent, as before its package is installed. */
  readonly agent?: boolean;
  /** More files, by absolute path in the machine. */
  readonly routerFiles?: ReadonlyMap<string, ProjectFile>;
  readonly worldFiles?: ReadonlyMap<string, ProjectFile>;
  /** MiB; its kernel's (64 on MIPS) and 384 by default. */
  readonly routerMemory?: number;
  readonly worldMemory?: number;
  readonly card?: Card;
  /** false: no lan.pcap and isp.pcap. */
  readonly capture?: boolean;
  /** Progress, one line each; standard error by default. */
  readonly say?: (line: string) => void;
}

export interface Lab {
  readonly router: Machine;
  readonly world: Machine;
  /** Directory with router.log, world.log, lan.pcap, isp.pcap. */
  readonly out: string;
  /** Shuts both machines down and removes the lab's private directory. */
  stop(): Promise<void>;
}

const HOST_ARCHITECTURE = { mipsel: 'mipsel', x86_64: 'x86_64' };

const quietly = (line: string): void => void process.stderr.write(`lab: ${line}\n`);

/** Boots the router and the world together; rejects (and leaves nothing running) if one fails. */
export async function startLab(options: LabOptions): Promise<Lab> {
  const say = options.say ?? quietly;
  const root = projectRoot();
  const out = resolve(options.out ?? join(root, 'out/lab'));
  mkdirSync(out, { recursive: true });
  const files = ['router.log', 'world.log', 'lan.pcap', 'isp.pcap'].map((name) => join(out, name));
  for (const file of files) rmSync(file, { force: true });
  const role = routerRole(options.router);
  const routerImage = await image(role, say);
  const worldImage = await image(worldRole(), say);

  const directory = mkdtempSync(join(tmpdir(), 'whp-lab-'));
  const machines: Machine[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(machines.map((machine) => machine.stop()));
    rmSync(directory, { recursive: true, force: true });
  };
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  try {
    const hardware = await describe(options, role, routerImage, worldImage, directory, out);
    const [routerLog, worldLog] = [join(out, 'router.log'), join(out, 'world.log')];
    const boots = await Promise.allSettled([
      bootMachine({ name: 'router', hardware: hardware.router, directory, consoleLog: routerLog }),
      bootMachine({ name: 'world', hardware: hardware.world, directory, consoleLog: worldLog }),
    ]);
    for (const boot of boots) if (boot.status === 'fulfilled') machines.push(boot.value);
    for (const boot of boots) if (boot.status === 'rejected') throw boot.reason;
  } catch (error) {
    await stop();
    throw error;
  }
  const [router, world] = machines as [Machine, Machine];
  say(`router up in ${router.bootSeconds} s, world in ${world.bootSeconds} s`);
  return { router, world, out, stop };
}

/** The emulator translates code once for each address that it is mapped at: with random addresses that is once for
 * each process, which a processor does not do. */
const ONE_PLACE = 'norandmaps';

/** A busy host gives an emulated PC's timer too little time at its boot, and the kernel gives up on it. */
const PC_TIMER = ' no_timer_check';

/** Makes both project layers and describes the two machines' hardware. */
async function describe(
  options: LabOptions,
  role: Role,
  routerImage: Image,
  worldImage: Image,
  directory: string,
  out: string,
): Promise<{ router: Hardware; world: Hardware }> {
  const lab = join(projectRoot(), 'test/lab');
  const common = join(lab, 'image/root');
  const layers = { router: join(directory, 'router.img'), world: join(directory, 'world.img') };
  await projectLayer(layers.router, [common, join(lab, 'router/root')], agentFiles(options));
  await projectLayer(
    layers.world,
    [common, join(lab, 'image/world'), join(lab, 'world/root')],
    new Map([...hostFile('x86_64'), ...(options.worldFiles ?? [])]),
  );
  const wire = (name: string, machine: 1 | 2, last: number, pcap?: string): Wire => ({
    name,
    listens: machine === 1,
    mac: `02:00:00:00:0${machine}:0${last}`,
    ...(pcap === undefined || options.capture === false ? {} : { capture: join(out, pcap) }),
  });
  const card = options.card ?? 'virtio';
  return {
    router: {
      board: role.kernel.board,
      memory: options.routerMemory ?? role.kernel.memory,
      kernel: routerImage.kernel,
      initramfs: routerImage.initramfs,
      disks: [routerImage.base, layers.router],
      wires: [wire('lan', 1, 1, 'lan.pcap'), wire('wan', 1, 2, 'isp.pcap')],
      card,
      channels: 5,
      append: `loglevel=5 ${ONE_PLACE} lab.upper=16m${role.kernel.board === 'pc' ? PC_TIMER : ''}`,
    },
    world: {
      board: 'pc',
      memory: options.worldMemory ?? 384,
      // It plays five devices, their ISP, the proxy and the Internet: one emulated processor was not
      // enough for four calls. It shall not take time from the router that is measured.
      processors: 2,
      nice: 10,
      kernel: worldImage.kernel,
      initramfs: worldImage.initramfs,
      disks: [worldImage.base, layers.world],
      wires: [wire('lan', 2, 1), wire('wan', 2, 2)],
      card: 'virtio',
      channels: 17,
      append: `loglevel=5 lab.upper=128m${PC_TIMER}`,
    },
  };
}

/** The agent as its package lays it out, as far as it has been built. */
function agentFiles(options: LabOptions): Map<string, ProjectFile> {
  if (options.agent === false) return new Map(options.routerFiles);
  const root = projectRoot();
  const files = new Map<string, ProjectFile>(hostFile(HOST_ARCHITECTURE[options.router]));
  const add = (path: string, source: string, mode: number): void => {
    if (existsSync(source)) files.set(path, { bytes: readFileSync(source), mode });
  };
  add('/usr/bin/whp', options.bundle ?? join(root, 'out/whp'), 0o755);
  add('/usr/share/whp/profiles/skype.json', join(root, 'agent/profiles/skype.json'), 0o644);
  add('/usr/share/whp/doh.json', join(root, 'agent/data/doh.json'), 0o644);
  if (options.config !== undefined) {
    files.set('/etc/config/whp', { bytes: Buffer.from(options.config), mode: 0o600 });
  }
  for (const [path, file] of options.routerFiles ?? []) files.set(path, file);
  return files;
}

function hostFile(architecture: string): [string, ProjectFile][] {
  const path = join(projectRoot(), 'out/host', architecture, 'whp-host');
  if (!existsSync(path)) return [];
  return [['/usr/lib/whp/whp-host', { bytes: readFileSync(path), mode: 0o755 }]];
}
