// Sessions that try to get around the method: one case a function, each in a session of its own,
// with the same log as an ordinary session. Application flows are tagged application and have to
// arrive through the tunnel; what must not be taught is tagged unrelated and has to go direct.
// Usage: adversary NAME SEED DIRECTORY FIRST-NUMBER CASE...
import * as std from 'qjs:std';
import { attacks } from './adversary-cases.ts';
import type { Attack } from './attack.ts';
import type { Client } from './client.ts';
import { sleep } from './clock.ts';
import { openLogbook, say } from './logbook.ts';
import { openCaller } from './notices.ts';
import { EVERY_DEVICE } from './plan.ts';
import { randomFrom, seedOf } from './random.ts';

const [, name = '', seed = '1', directory = '/tmp', first = '200', ...cases] = scriptArgs;

async function main(): Promise<void> {
  const index = EVERY_DEVICE.findIndex((device) => device.name === name);
  const log = openLogbook(`${directory}/adversary-${name}.jsonl`);
  const caller = openCaller(`${directory}/adversary-${name}.sock`);
  const client: Client = {
    log,
    random: randomFrom(seedOf(`${seed}/${name}/adversary`)),
    device: name,
    index,
    session: '',
    number: Number(first),
  };
  const scene = { client, caller, internet: `${directory}/internet.sock` };
  const played = cases.length > 0 ? cases : Object.keys(attacks);
  for (const one of played) {
    client.session = `adversary-${one}`;
    const ok = await attempt(scene, one, attacks[one]);
    say(`adversary ${one} (${name}) ${ok ? 'ok' : 'FAILED'}`);
    client.number += 1;
  }
  std.exit(0);
}

async function attempt(
  scene: Parameters<Attack>[0],
  one: string,
  attack: Attack | undefined,
): Promise<boolean> {
  const { client } = scene;
  const { device, session, number } = client;
  // Cases that follow each other at once could not be told apart in a capture.
  await sleep(200);
  const start = Date.now();
  client.log.note({ event: 'begin', device, session, number, kind: 'adversary', port: 0 });
  let why: string | undefined;
  try {
    if (!attack) throw new Error(`no such case: ${one}`);
    await attack(scene);
  } catch (error) {
    why = error instanceof Error ? error.message : String(error);
  }
  const ms = Date.now() - start;
  const step = why === undefined ? { name: one, ok: true, ms } : { name: one, ok: false, ms, why };
  const steps = [step];
  client.log.note({
    event: 'end',
    device,
    session,
    number,
    kind: 'adversary',
    port: 0,
    start,
    steps,
  });
  return why === undefined;
}

main().catch((error: unknown) => {
  say(`adversary ${name}: ${error instanceof Error ? `${error.message}\n${error.stack}` : error}`);
  std.exit(1);
});
