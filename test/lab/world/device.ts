// One home device with the application on it, in its own namespace: plays its sessions one after
// the other, seeded. Its P2P port is drawn at "installation" and stays, until a session of kind
// `mapped` reinstalls it.
// Usage: device NAME SEED SESSIONS DIRECTORY NOISE(0|1) [FIRST]
import * as std from 'qjs:std';
import type { Client } from './client.ts';
import { sleep } from './clock.ts';
import { openLogbook, say } from './logbook.ts';
import { openCaller } from './notices.ts';
import { EVERY_DEVICE } from './plan.ts';
import { randomFrom, seedOf } from './random.ts';
import { type Cast, drawPort, playSession, type SessionKind } from './session.ts';

const [, name = '', seed = '1', sessions = '1', directory = '/tmp', noise = '0', first = '1'] =
  scriptArgs;

async function main(): Promise<void> {
  const index = EVERY_DEVICE.findIndex((device) => device.name === name);
  const profile = EVERY_DEVICE[index];
  if (!profile) throw new Error(`device ${name}: not in plan.ts`);
  const client: Client = {
    log: openLogbook(`${directory}/device-${name}.jsonl`),
    random: randomFrom(seedOf(`${seed}/${name}`)),
    device: name,
    index,
    session: '',
    number: 0,
  };
  const cast: Cast = {
    client,
    profile,
    caller: openCaller(`${directory}/device-${name}.sock`),
    internet: `${directory}/internet.sock`,
    noise: noise === '1' ? `${directory}/noise-${name}.sock` : undefined,
  };
  let port = drawPort(client);
  // Spread, so that the devices' 3 MB files do not all come at once.
  await sleep(index * 700 + client.random.between(0, 500));
  for (let number = Number(first); number < Number(first) + Number(sessions); number += 1) {
    client.number = number;
    client.session = `${name}-${String(number).padStart(2, '0')}`;
    const mapped = profile.maps && (number % 10 === 3 || client.random.fraction() < 0.1);
    const kind: SessionKind = mapped ? 'mapped' : 'normal';
    if (mapped) port = drawPort(client);
    const started = Date.now();
    const ok = await playSession(cast, kind, port);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    say(`session ${client.session} ${kind} ${ok ? 'ok' : 'FAILED'} ${seconds} s`);
    await sleep(client.random.between(100, 600));
  }
  std.exit(0);
}

main().catch((error: unknown) => {
  say(`device ${name}: ${error instanceof Error ? `${error.message}\n${error.stack}` : error}`);
  std.exit(1);
});
