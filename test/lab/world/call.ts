// One flow that goes on until it is told to stop, as a call does: numbered packets at a fixed pace,
// each answered by one, so that a lost packet and a silence have a number and a time. Runs in a
// device's namespace; the fault sessions start it, hurt the router, and read what it says at the end.
// Usage: call DEVICE DIRECTORY KIND ADDRESS PORT NUMBER MILLISECONDS [NAME]
//   KIND peer      P2P port taught by a supernode, rendezvous, then media from another port
//        supernode from the P2P port to the supernode at ADDRESS PORT
//        name      NAME is asked for, then packets to the ADDRESS PORT it stands for
//        unrelated to ADDRESS PORT, none of the application's business
//        plain     application packets to ADDRESS PORT, nothing said before
//        resolver  the packets are questions for NAME to the resolver at ADDRESS PORT
//        dns       the packets are questions for NAME (%d becomes the number) to the router
// Prints "started" at the first answer. After SIGTERM it sends no more, waits for the last answer (a second
// at most) and prints one line of JSON: sent and heard are milliseconds (world clock) by packet number,
// null where nothing was heard.
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { type Client, lookUp } from './client.ts';
import { sleep, waitFor } from './clock.ts';
import { decodeAnswer, encodeQuery, TYPE } from './dns-message.ts';
import { openLogbook, say } from './logbook.ts';
import { openCaller } from './notices.ts';
import { type Endpoint, EVERY_DEVICE, ROUTER_ADDRESS, SUPERNODES, type Tag } from './plan.ts';
import { randomFrom, seedOf } from './random.ts';
import { anyLike, type Datagrams, openDatagrams } from './socket.ts';
import { decodeSpeech, encodeSpeech, VERB } from './speech.ts';

const [
  ,
  device = '',
  directory = '/tmp',
  kind = 'peer',
  address = '',
  port = '0',
  number = '0',
  pace = '20',
  name = '',
] = scriptArgs;

const sent: number[] = [];
const heard: (number | null)[] = [];
/** A silent home must not make the log grow without end: an hour of a call at 20 ms. */
const MOST = 180_000;
const LENGTH = 100;
/** Milliseconds that the answer to the last packet may take. */
const GRACE = 1000;

let started = false;
let stopped = false;

function onAnswer(serial: number): void {
  if (heard[serial] !== null) return;
  heard[serial] = Date.now();
  if (!started) say('started');
  started = true;
}

/** Serial numbers are 16 bits on the wire: the latest that fits. */
function unwrap(serial: number): number {
  const last = sent.length - 1;
  return last - ((last - serial) & 0xffff);
}

async function keepSending(send: (serial: number) => void): Promise<void> {
  const first = Date.now();
  for (let serial = 0; serial < MOST; serial += 1) {
    if (stopped) return;
    sent.push(Date.now());
    heard.push(null);
    send(serial);
    await sleep(first + (serial + 1) * Number(pace) - Date.now());
  }
}

/** Sends `bytes` from `socket` until anything comes back from `to`. */
async function insistOn(
  to: Endpoint,
  socket: Datagrams,
  back: () => number,
  bytes: Uint8Array,
): Promise<void> {
  for (let tries = 0; tries < 20; tries += 1) {
    const before = back();
    socket.send(to, bytes);
    if (await waitFor(() => back() > before, 500)) return;
  }
  throw new Error(`${to.address}:${to.port}: no answer`);
}

function openMedia(tag: Tag, to: Endpoint): Datagrams {
  return openDatagrams(tag, anyLike(to.address), (bytes) => {
    const speech = decodeSpeech(bytes);
    if (speech) onAnswer(unwrap(speech.serial));
  });
}

function media(socket: Datagrams, to: Endpoint, index: number): Promise<void> {
  const who = { device: index, session: Number(number) & 0xff, verb: VERB.media, size: LENGTH };
  return keepSending((serial) =>
    socket.send(
      to,
      encodeSpeech({ ...who, serial: serial & 0xffff }, LENGTH, serial & 0xffff, 0x0d),
    ),
  );
}

/** The P2P port's first words, to a supernode and then to the peer. */
async function introduce(client: Client, to: Endpoint | null): Promise<void> {
  let answers = 0;
  const talker = openDatagrams('application', undefined, () => {
    answers += 1;
  });
  const who = { device: client.index, session: Number(number) & 0xff };
  const node = client.random.pick(SUPERNODES);
  const back = () => answers;
  await insistOn(node, talker, back, encodeSpeech({ ...who, verb: VERB.ask, size: 24 }, 30));
  if (to === null) return;
  await insistOn(to, talker, back, encodeSpeech({ ...who, verb: VERB.rendezvous, size: 34 }, 28));
}

async function main(): Promise<void> {
  const index = EVERY_DEVICE.findIndex((one) => one.name === device);
  const client: Client = {
    log: openLogbook(`${directory}/call-${device}-${number}.jsonl`),
    random: randomFrom(seedOf(`${number}/${device}`)),
    device,
    index,
    session: `${device}-${number}`,
    number: Number(number) & 0xff,
  };
  const to = { address, port: Number(port) };
  if (kind === 'dns' || kind === 'resolver') {
    const server = kind === 'dns' ? { address: ROUTER_ADDRESS, port: 53 } : to;
    const socket = openDatagrams('neutral', undefined, (bytes) => {
      const answer = decodeAnswer(bytes);
      if (answer) onAnswer(unwrap(answer.id));
    });
    return keepSending((serial) => {
      const asked = name.replace('%d', String(serial));
      socket.send(server, encodeQuery(serial & 0xffff, asked, TYPE.A));
    });
  }
  const tag = kind === 'unrelated' ? 'unrelated' : 'application';
  if (kind !== 'supernode') {
    const caller = openCaller(`${directory}/call-${device}-${number}.sock`);
    const { address: at, port: door } = to;
    await caller.call(`${directory}/internet.sock`, `open call ${tag} ${at} ${door}`);
    await caller.call(`${directory}/internet.sock`, `open call ${tag} ${at} ${door + 1}`);
  }
  if (kind === 'name') await lookUp(client, name);
  if (kind !== 'peer') return media(openMedia(tag, to), to, index);
  await introduce(client, to);
  return media(openMedia(tag, to), { ...to, port: to.port + 1 }, index);
}

os.signal(os.SIGTERM, () => {
  stopped = true;
  // An answer that is late is not lost.
  void waitFor(() => heard.at(-1) !== null, GRACE).then(() => {
    say(JSON.stringify({ sent, heard }));
    std.exit(0);
  });
});
main().catch((error: unknown) => {
  say(`call ${device}: ${error instanceof Error ? error.message : error}`);
  std.exit(1);
});
