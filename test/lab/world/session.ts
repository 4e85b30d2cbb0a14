// One application session: draws its peers and supernodes, runs the steps in the order of the real
// captures, notes what worked. The order differs by kind:
// normal   supernodes first (cached one by TCP, then probes): the P2P port is learned from them
// mapped   a fresh P2P port that only the port mapping tells: a peer is called before any supernode
import * as os from 'qjs:os';
import { type Client, openTalker } from './client.ts';
import { sleep } from './clock.ts';
import type { Caller } from './notices.ts';
import {
  type DeviceProfile,
  type Endpoint,
  peerAddress,
  SUPERNODES,
  strangerAddress,
} from './plan.ts';
import * as steps from './steps.ts';

export type SessionKind = 'normal' | 'mapped';

export interface Cast {
  readonly client: Client;
  readonly profile: DeviceProfile;
  readonly caller: Caller;
  readonly internet: string;
  readonly noise: string | undefined;
}

interface StepResult {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly why?: string;
}

/** The application's local port: unprivileged, outside what the kernel hands out, not the ports of
 * the torrent client, the game and the port mapping protocol. */
export function drawPort(client: Client): number {
  return client.random.between(10_000, 32_000);
}

function cast(scenery: Cast, port: number, count: number): steps.Scene {
  const { client } = scenery;
  const draw = (): number => client.random.between(20_000, 32_000);
  const out = { address: peerAddress(client.index, client.number, 'out'), port: draw() };
  const incoming = { address: peerAddress(client.index, client.number, 'in'), port: draw() };
  const stranger = { address: strangerAddress(client.index, client.number), port: draw() };
  return {
    client,
    talker: openTalker(client, 'application', port),
    caller: scenery.caller,
    internet: scenery.internet,
    noise: scenery.noise,
    supernodes: client.random.sample(SUPERNODES, count),
    callee: out,
    calleeMedia: { ...out, port: out.port + 1 },
    callerPeer: incoming,
    callerMedia: { ...incoming, port: incoming.port + 1 },
    stranger,
    askedAt: 0,
  };
}

function remotes(scene: steps.Scene): [role: string, endpoint: Endpoint][] {
  return [
    ['peer', scene.callee],
    ['peer', scene.calleeMedia],
    ['peer', scene.callerPeer],
    ['peer', scene.callerMedia],
    ['stranger', scene.stranger],
  ];
}

type Run = (name: string, step: (scene: steps.Scene) => Promise<void>) => Promise<void>;

async function normal(scene: steps.Scene, profile: DeviceProfile, run: Run): Promise<void> {
  const { random } = scene.client;
  const names = steps.startNames(scene, true);
  const burst = run('dns', (s) => steps.dnsBurst(s, names));
  await run('cached', steps.cachedSupernode);
  await burst;
  const mapped = profile.maps
    ? sleep(random.between(100, 1500)).then(() => run('mapping', steps.mapping))
    : Promise.resolve();
  await run('probes', steps.probes);
  await run('register', steps.register);
  await run('login', steps.login);
  await run('hello443', steps.hello443);
  await talks(scene, profile, run);
  await mapped;
}

async function mappedOnly(scene: steps.Scene, profile: DeviceProfile, run: Run): Promise<void> {
  const { random } = scene.client;
  const names = steps.startNames(scene, false);
  await run('dns', (s) => steps.dnsBurst(s, names));
  await sleep(random.between(50, 600));
  const mapped = run('mapping', steps.mapping);
  await sleep(150);
  await run('call-out', steps.callOut);
  await mapped;
  await run('chat', steps.chat);
  if (profile.files) await run('file', steps.file);
  await run('cached', steps.cachedSupernode);
  await run('probes', steps.probes);
  await run('register', steps.register);
  await run('login', steps.login);
  await run('call-in', steps.callIn);
  await run('stranger', steps.strangersRequest);
}

async function talks(scene: steps.Scene, profile: DeviceProfile, run: Run): Promise<void> {
  const parts: (() => Promise<void>)[] = [
    () => run('call-in', steps.callIn),
    () => run('stranger', steps.strangersRequest),
  ];
  const first = async (): Promise<void> => {
    await run('call-out', steps.callOut);
    await run('chat', steps.chat);
    if (profile.files) await run('file', steps.file);
  };
  parts.splice(scene.client.random.between(0, 2), 0, first);
  for (const part of parts) await part();
}

/** Plays session `number`; resolves to whether every step worked. */
export async function playSession(
  scenery: Cast,
  kind: SessionKind,
  port: number,
): Promise<boolean> {
  const { client, profile, caller, internet, noise } = scenery;
  const scene = cast(scenery, port, client.random.between(17, 21));
  const results: StepResult[] = [];
  const run: Run = async (name, step) => {
    const started = Date.now();
    client.log.note({ event: 'step', session: client.session, step: name });
    try {
      await step(scene);
      results.push({ name, ok: true, ms: Date.now() - started });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      results.push({ name, ok: false, ms: Date.now() - started, why });
    }
  };
  const start = Date.now();
  const { device, session } = client;
  client.log.note({ event: 'begin', device, session, number: client.number, kind, port });
  for (const [role, { address, port: at }] of remotes(scene)) {
    await caller.call(internet, `open ${role} application ${address} ${at}`);
  }
  await (kind === 'normal' ? normal : mappedOnly)(scene, profile, run);
  // Between the application's last DNS request and the torrent client's mapping: over 4 s.
  if (noise !== undefined) {
    await sleep(scene.askedAt + 4500 - Date.now());
    await caller.call(noise, 'map');
  }
  client.log.note({
    event: 'end',
    device,
    session,
    number: client.number,
    kind,
    port,
    start,
    steps: results,
  });
  os.setTimeout(() => {
    scene.talker.socket.close();
    for (const [, { address, port: at }] of remotes(scene)) {
      caller.call(internet, `close ${address} ${at}`).catch(() => {});
    }
  }, 150);
  await sleep(250);
  return results.every((result) => result.ok);
}
