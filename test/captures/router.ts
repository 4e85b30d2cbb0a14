// A router in a namespace with the built agent on it, and the far ends of its wires in another:
//
//     far: lan0 ---- br-lan     192.168.1.1/24
//          wan0 ---- wan        203.0.113.2/24, default route
//          tun0 ---- whp-cloud  stands in for the GRE device where the kernel has none
//
// Packets go in at the far end by the clock; tcpdump on the same wires says where they came out.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { HOST, WHP } from '../lib/bare.ts';
import { HOST_BUNDLE } from '../lib/host-bundle.ts';
import { layWires, run } from '../lib/wires.ts';

export const INNER = '10.254.1.2';
const MACS = '020000000001020000000002';
const WIRES = {
  out: ['lan0', 'br-lan'],
  in: ['wan0', 'wan'],
  tunnel: ['tun0', 'whp-cloud'],
} as const;
/** The wire on which a packet enters; `own`: the router itself sends it. */
export type Entrance = keyof typeof WIRES | 'own';

export const CONFIG = `
config globals 'globals'
	list lan 'br-lan'
	option hold '0'
config proxy 'cloud'
	option address '203.0.113.10'
	option local '${INNER}'
	option remote '10.254.1.1'
config app 'skype'
	option profile 'skype'
	list proxy 'cloud'
`;

export interface AgentRouter {
  readonly send: (entrance: Entrance, packet: Uint8Array) => void;
  /** Captures of the packets that left the router on each wire. */
  readonly stop: () => Promise<{ readonly [wire in keyof typeof WIRES]: Uint8Array }>;
  /** Runs `whp` against the agent. */
  readonly ask: (...words: string[]) => string;
}

export async function startRouter(name: string): Promise<AgentRouter> {
  const [home, far] = [`${name}-r`, `${name}-f`];
  const folder = `out/captures/${name}`;
  mkdirSync(folder, { recursive: true });
  for (const space of [home, far]) run('ip', ['netns', 'add', space]);
  wire(home, far);
  const started: ChildProcess[] = [];
  const start = (space: string, words: readonly string[], input: 'pipe' | 'ignore' = 'ignore') => {
    const inside = ['netns', 'exec', space, ...words];
    const child = spawn('ip', inside, { stdio: [input, 'ignore', 'pipe'] });
    started.push(child);
    return child;
  };
  for (const [device] of Object.values(WIRES)) start(far, dump(folder, device));
  const inHome = ['netns', 'exec', home];
  await startAgent(folder, (words) => start(home, words), inHome);
  const injector = await bundleInjector(folder);
  const outside = start(far, [...HOST, injector], 'pipe').stdin!;
  const inside = start(home, [...HOST, injector], 'pipe').stdin!;
  const indexes = indexesOf(far);
  return {
    send: (entrance, packet) => {
      const hex = Buffer.from(packet).toString('hex');
      if (entrance === 'own') inside.write(`0 ${hex}\n`);
      else outside.write(`${indexes.get(entrance)} ${MACS}0800${hex}\n`);
    },
    ask: (...words) => run('ip', [...inHome, ...WHP, ...words, `--socket=${folder}/sock`]),
    stop: async () => {
      await sleep(500);
      for (const child of started) child.kill('SIGTERM');
      await sleep(500);
      for (const space of [home, far]) spawnSync('ip', ['netns', 'del', space]);
      const seen = (device: string) => new Uint8Array(readFileSync(`${folder}/${device}.pcap`));
      return { out: seen('lan0'), in: seen('wan0'), tunnel: seen('tun0') };
    },
  };
}

/** Without --immediate-mode the kernel buffers the last second. */
function dump(folder: string, device: string): string[] {
  const file = `${folder}/${device}.pcap`;
  return ['tcpdump', '--immediate-mode', '-U', '-Q', 'in', '-i', device, '-w', file, 'ip'];
}

function indexesOf(space: string): Map<Entrance, number> {
  return new Map(
    Object.entries(WIRES).map(([side, [device]]) => {
      const [link] = JSON.parse(run('ip', ['-n', space, '-j', 'link', 'show', device]));
      return [side as Entrance, link.ifindex as number];
    }),
  );
}

/** Starts the agent and waits for its table. */
async function startAgent(
  folder: string,
  start: (words: readonly string[]) => ChildProcess,
  inHome: readonly string[],
): Promise<void> {
  writeFileSync(`${folder}/config`, CONFIG);
  const socket = `--socket=${folder}/sock`;
  const files = [`--config=${folder}/config`, '--profiles=agent/profiles', socket];
  const child = start([...WHP, 'daemon', ...files]);
  let log = '';
  child.stderr!.on('data', (text: Buffer) => {
    log += text;
  });
  for (let tries = 0; tries < 50; tries++) {
    const listed = spawnSync('ip', [...inHome, 'nft', 'list', 'table', 'inet', 'whp']);
    if (listed.status === 0) return;
    await sleep(200);
  }
  throw new Error(`the agent did not load its table: ${log}`);
}

async function bundleInjector(folder: string): Promise<string> {
  const outfile = `${folder}/inject.mjs`;
  await build({
    ...HOST_BUNDLE,
    absWorkingDir: process.cwd(),
    entryPoints: ['test/captures/inject.ts'],
    outfile,
  });
  return outfile;
}

function wire(home: string, far: string): void {
  layWires(home, far, Object.values(WIRES));
  const devices = ['all', 'default', 'br-lan', 'wan', 'whp-cloud'];
  const filters = devices.map((device) => `net.ipv4.conf.${device}.rp_filter=0`);
  run('ip', ['netns', 'exec', home, 'sysctl', '-q', 'net.ipv4.ip_forward=1', ...filters]);
}
