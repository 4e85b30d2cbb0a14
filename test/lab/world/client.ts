// The network functions of the device programs: resolve, UDP and TCP exchanges, pages. Each flow is logged
// before its first packet.
import * as os from 'qjs:os';
import { monotonic } from 'whp:socket';
import { sleep } from './clock.ts';
import { type DnsAnswer, decodeAnswer, encodeQuery, TYPE } from './dns-message.ts';
import type { Logbook } from './logbook.ts';
import { type Endpoint, ROUTER_ADDRESS, type Tag } from './plan.ts';
import type { Random } from './random.ts';
import { anyLike, type Datagrams, openDatagrams } from './socket.ts';
import {
  ANSWER,
  decodeSpeech,
  encodeOpening,
  encodeSpeech,
  type Heard,
  type Opening,
  type Speech,
} from './speech.ts';
import { connectStream, type Stream } from './stream.ts';

export interface Client {
  readonly log: Logbook;
  readonly random: Random;
  /** Name and index of the device in EVERY_DEVICE. */
  readonly device: string;
  readonly index: number;
  /** Name of the running session ("iphone-03") and its number on the wire. */
  session: string;
  number: number;
}

/** Notes a flow; the verdict finds its packets by protocol, ports and remote. */
export function noteFlow(
  client: Client,
  step: string,
  proto: 'udp' | 'tcp',
  port: number,
  remote: Endpoint,
  tag: Tag,
): void {
  client.log.note({
    event: 'flow',
    session: client.session,
    step,
    proto,
    port,
    remote: remote.address,
    remotePort: remote.port,
    tag,
  });
}

/** Asks for a name over UDP, twice if need be; rejects without an answer. The flow is neutral. */
export async function lookUp(
  client: Client,
  name: string,
  options: { type?: number; server?: string; udpSize?: number; tries?: number } = {},
): Promise<DnsAnswer> {
  const server = { address: options.server ?? ROUTER_ADDRESS, port: 53 };
  const id = client.random.between(1, 65535);
  let done: ((answer: DnsAnswer) => void) | undefined;
  const socket = openDatagrams('neutral', anyLike(server.address), (bytes) => {
    const answer = decodeAnswer(bytes);
    if (answer?.id === id) done?.(answer);
  });
  client.log.note({ event: 'query', session: client.session, name, port: socket.port });
  try {
    for (let attempt = 0; attempt < (options.tries ?? 3); attempt += 1) {
      const answered = new Promise<DnsAnswer | undefined>((resolve) => {
        const timer = os.setTimeout(() => resolve(undefined), 2000);
        done = (answer) => {
          os.clearTimeout(timer);
          resolve(answer);
        };
      });
      socket.send(server, encodeQuery(id, name, options.type ?? TYPE.A, options.udpSize));
      const answer = await answered;
      if (answer) return answer;
    }
  } finally {
    socket.close();
  }
  throw new Error(`DNS ${name}: no answer from ${server.address}`);
}

/** Asks over TCP (RFC 7766). */
export async function lookUpTcp(
  client: Client,
  name: string,
  address = ROUTER_ADDRESS,
): Promise<DnsAnswer> {
  const query = encodeQuery(client.random.between(1, 65535), name, TYPE.A);
  const stream = await connectStream({ address, port: 53 }, 'neutral', () => {});
  try {
    await stream.write(Uint8Array.from([0, query.length, ...query]));
    let bytes: number[] = [];
    while (bytes.length < 2 || bytes.length < 2 + ((bytes[0]! << 8) | bytes[1]!)) {
      const more = await stream.read(6000);
      if (more.length === 0)
        throw new Error(`DNS ${name} over TCP: closed after ${bytes.length} bytes`);
      bytes = [...bytes, ...more];
    }
    const answer = decodeAnswer(Uint8Array.from(bytes.slice(2)));
    if (!answer) throw new Error(`DNS ${name} over TCP: not an answer`);
    return answer;
  } finally {
    stream.close();
  }
}

/** A UDP socket that matches answers to what was asked by remote address and serial number. */
export interface Talker {
  readonly socket: Datagrams;
  /** Sends; resolves with the answer, or undefined after `ms`. */
  ask(to: Endpoint, speech: Speech, length: number, ms: number): Promise<Heard | undefined>;
  /** Called for every message that is not an expected answer. */
  onOther: (heard: Heard, from: Endpoint, length: number) => void;
  /** The router has answered a mapping request. */
  mapped: boolean;
}

export function openTalker(client: Client, tag: Tag, port: number, kind = 0x02): Talker {
  const waiting = new Map<string, (heard: Heard) => void>();
  let serial = 0;
  const talker: Talker = {
    socket: openDatagrams(tag, { address: '0.0.0.0', port }, (bytes, from) => {
      if (from.port === 5351) talker.mapped = true;
      const heard = decodeSpeech(bytes);
      if (!heard) return;
      const key = `${from.address}:${from.port}/${heard.serial}`;
      const expected = heard.verb & ANSWER ? waiting.get(key) : undefined;
      if (!expected) return talker.onOther(heard, from, bytes.length);
      waiting.delete(key);
      expected(heard);
    }),
    onOther: () => {},
    mapped: false,
    ask: (to, speech, length, ms) => {
      serial = (serial + 1) & 0xffff;
      const key = `${to.address}:${to.port}/${serial}`;
      const id = client.random.between(0, 65535);
      const bytes = encodeSpeech({ ...speech, serial }, length, id, kind);
      return new Promise((resolve) => {
        const timer = os.setTimeout(() => {
          waiting.delete(key);
          resolve(undefined);
        }, ms);
        waiting.set(key, (heard) => {
          os.clearTimeout(timer);
          resolve(heard);
        });
        talker.socket.send(to, bytes);
      });
    },
  };
  return talker;
}

/** Like ask, again every `again` ms until an answer comes: what a client does about a lost packet. */
export async function insist(
  talker: Talker,
  to: Endpoint,
  speech: Speech,
  length: number,
  tries = 5,
  again = 700,
): Promise<Heard> {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const heard = await talker.ask(to, speech, length, again);
    if (heard) return heard;
  }
  throw new Error(`${to.address}:${to.port}: no answer to ${tries} packets`);
}

/** A round trip longer than this leaves too little of the 200 ms for the contact that follows. */
const PROMPT = 110;

/** Has a supernode send a stranger's request, until one came at once. The window begins when the
 * router sees the request; how long ago that was, the device cannot know, only that it was less
 * than the round trip. Emulated machines stall at times; a real device does not for that long. */
export async function strangersRequest(
  talker: Talker,
  supernode: Endpoint,
  speech: Speech,
): Promise<void> {
  let took = 0;
  for (let attempt = 0; attempt < 12; attempt += 1) {
    const sent = monotonic();
    const heard = await talker.ask(supernode, speech, 33, 1500);
    took = monotonic() - sent;
    if (heard && took <= PROMPT) return;
    await sleep(300);
  }
  throw new Error(
    `machine too slow: a round trip took ${took.toFixed(0)} ms in the last of 12 tries`,
  );
}

/** Says one thing on a connection that is under way and reads the `speech.size` bytes of the answer. */
export async function converse(
  connecting: Promise<Stream>,
  opening: Opening,
  speech: Speech,
): Promise<Stream> {
  const stream = await connecting;
  try {
    await stream.write(encodeOpening(opening, speech));
    await readExactly(stream, speech.size ?? 0);
    return stream;
  } catch (error) {
    stream.close();
    throw error;
  }
}

/** Opens a TCP connection, says one thing and reads the answer; the caller closes. */
export async function exchange(
  client: Client,
  step: string,
  to: Endpoint,
  opening: Opening,
  speech: Speech,
): Promise<Stream> {
  const note = (port: number): void => noteFlow(client, step, 'tcp', port, to, 'application');
  return converse(connectStream(to, 'application', note), opening, speech);
}

export async function readExactly(stream: Stream, count: number, ms = 10_000): Promise<void> {
  for (let left = count; left > 0; ) {
    const bytes = await stream.read(ms);
    if (bytes.length === 0)
      throw new Error(`${stream.remote.address}: closed, ${left} bytes missing`);
    left -= bytes.length;
  }
}

/** A page of `size` bytes over plain HTTP, unrelated to the application. */
export async function fetchPage(client: Client, to: Endpoint, size: number): Promise<void> {
  const stream = await connectStream(to, 'unrelated', (port) =>
    noteFlow(client, 'web', 'tcp', port, to, 'unrelated'),
  );
  try {
    const text = `GET /${client.index}/${client.number}/${size} HTTP/1.1\r\nHost: x\r\n\r\n`;
    await stream.write(Uint8Array.from(text, (c) => c.charCodeAt(0)));
    let count = 0;
    for (;;) {
      const bytes = await stream.read(15_000);
      if (bytes.length === 0) break;
      count += bytes.length;
    }
    if (count < size) throw new Error(`page of ${to.address}: ${count} of ${size} bytes`);
  } finally {
    stream.close();
  }
}

/** NAT-PMP request (RFC 6886 section 3.3), from `socket` to the router. `op` 1 is UDP, 2 TCP. */
export function sendMapping(socket: Datagrams, port: number, op: 1 | 2 = 1, lifetime = 3600): void {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  bytes[1] = op;
  view.setUint16(4, port);
  view.setUint16(6, port);
  view.setUint32(8, lifetime);
  socket.send({ address: ROUTER_ADDRESS, port: 5351 }, bytes);
}

/** The application's mapping: four tries as in the captures, until the router answers. */
export async function mapPort(talker: Talker): Promise<void> {
  let elapsed = 0;
  for (const at of [0, 260, 800, 1830]) {
    await sleep(at - elapsed);
    elapsed = at;
    if (talker.mapped) return;
    sendMapping(talker.socket, talker.socket.port);
  }
}
