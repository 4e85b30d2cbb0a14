// A device that is taught a port and a peer, says nothing for a long time, and goes on as if it had not been
// away: packets from the same port to the same peer and to peers it never met, without another word to a
// supernode or a resolver.
// Usage: sleeper DEVICE DIRECTORY HOW NUMBER QUIET
//   HOW supernode  the port is taught by a supernode, then the peer is met
//       mapping    the port is taught by a mapping request after a name of the application; the mapping is
//                  renewed every quarter of QUIET (RFC 6886 section 3.3), the peer is met
//       incoming   nothing is taught: a peer calls, the first packets are STUN checks to it, a supernode hears
//                  of the port afterwards (an incoming call as browsers do it)
//   Of the peers: 86.128..., peerAddress(DEVICE, NUMBER, 'in') is the one that is met; 90.210.240.0/20,
//   lonePeer(NUMBER * 16 + n), are those it never met.
// With QUIET 0 it never sleeps. Prints "asleep", "awake" and after SIGTERM one line of JSON: {sent, heard}.
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { type Client, lookUp, sendMapping } from './client.ts';
import { sleep, waitFor } from './clock.ts';
import { openLogbook, say } from './logbook.ts';
import { openCaller } from './notices.ts';
import { type Endpoint, EVERY_DEVICE, lonePeer, peerAddress, SUPERNODES } from './plan.ts';
import { randomFrom, seedOf } from './random.ts';
import { openDatagrams } from './socket.ts';
import { encodeSpeech, VERB } from './speech.ts';

const [, device = '', directory = '/tmp', how = 'supernode', numberText = '0', quietText = '0'] =
  scriptArgs;
const [number, quiet] = [Number(numberText), Number(quietText)];
const PACE = 100;
/** A peer that was never met gets so many packets, then another one. */
const PACKETS = 5;
const LONE = 16;
/** Of an incoming call: checks before the socket speaks to a supernode. */
const CHECKS = 3;

const index = EVERY_DEVICE.findIndex((one) => one.name === device);
const client: Client = {
  log: openLogbook(`${directory}/sleeper-${device}-${number}.jsonl`),
  random: randomFrom(seedOf(`${number}/${device}/sleeper`)),
  device,
  index,
  session: `sleeper-${number}`,
  number: number & 0xff,
};
const who = { device: index, session: number & 0xff };
let [sent, heard] = [0, 0];
const socket = openDatagrams('application', undefined, () => {
  heard += 1;
});
const met: Endpoint = { address: peerAddress(index, number & 0xff, 'in'), port: 21_000 };
const node = client.random.pick(SUPERNODES);

async function insistOn(to: Endpoint, verb: number): Promise<void> {
  const before = heard;
  for (let tries = 0; tries < 20; tries += 1) {
    socket.send(to, encodeSpeech({ ...who, verb, size: 24 }, 30));
    if (await waitFor(() => heard > before, 500)) return;
  }
  throw new Error(`${to.address}:${to.port}: no answer`);
}

async function teach(): Promise<void> {
  if (how === 'incoming') return;
  if (how === 'supernode') await insistOn(node, VERB.ask);
  else {
    await lookUp(client, 'api.skype.com');
    await sleep(300);
    sendMapping(socket, socket.port);
    await sleep(250);
  }
  await insistOn(met, VERB.rendezvous);
}

/** The device's own system renews what the application has asked for. */
async function renew(until: number): Promise<void> {
  while (Date.now() < until) {
    await sleep(Math.min(quiet / 4, Math.max(1, until - Date.now())));
    if (how === 'mapping' && Date.now() < until) sendMapping(socket, socket.port);
  }
}

function speak(to: Endpoint): void {
  socket.send(to, encodeSpeech({ ...who, verb: VERB.media, size: 60 }, 80));
  sent += 1;
}

/** A STUN binding request (RFC 8489 section 5); nobody answers it. */
function check(to: Endpoint): void {
  socket.send(to, Uint8Array.of(0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, ...new Uint8Array(12)));
  sent += 1;
}

async function main(): Promise<void> {
  const caller = openCaller(`${directory}/sleeper-${device}-${number}.sock`);
  const { address, port } = met;
  await caller.call(`${directory}/internet.sock`, `open peer application ${address} ${port}`);
  await teach();
  say('asleep');
  await renew(Date.now() + quiet);
  say('awake');
  for (let turn = 0; ; turn += 1) {
    if (how === 'incoming' && turn === CHECKS) await insistOn(node, VERB.ask);
    if (how === 'incoming' && turn < CHECKS) check(met);
    else speak(met);
    if (how !== 'incoming') {
      const lone = Math.floor(turn / PACKETS) % LONE;
      speak({ address: lonePeer(number * LONE + lone), port: 22_000 });
    }
    await sleep(how === 'incoming' ? 20 : PACE);
  }
}

os.signal(os.SIGTERM, () => {
  say(JSON.stringify({ sent, heard }));
  std.exit(0);
});
main().catch((error: unknown) => {
  say(`sleeper ${device}: ${error instanceof Error ? error.message : error}`);
  std.exit(1);
});
