// One question about the network, asked once from a device: prints one line of JSON and ends.
// Usage: probe tcp TAG ADDRESS PORT             connects: {ok, ms, errno}
//        probe udp TAG ADDRESS PORT             one datagram: {ok, ms, errno}, ok when one comes back
//        probe tls TAG ADDRESS PORT NAME [PAD]  connects, sends a ClientHello that names NAME behind
//                                               PAD bytes of other extensions: {ok, ms, said}, said
//                                               being what came of it: reset, closed, silence, data
//        probe now                              the time: {ok, now}, milliseconds since 1970
//        probe ask ADDRESS NAME TYPE            asks the resolver at ADDRESS: {ok, ms, addresses}
// A TAG is a word of plan.ts. Times are milliseconds, of the connect and of the whole.
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import * as sys from 'whp:socket';
import { sleep } from './clock.ts';
import { encodeQuery, TYPE } from './dns-message.ts';
import { say } from './logbook.ts';
import type { Tag } from './plan.ts';
import { anyLike, EAGAIN, openDatagrams, openInet, SOCK_DGRAM, sockaddr } from './socket.ts';
import { encodeSpeech, VERB } from './speech.ts';
import { connectStream, type Stream } from './stream.ts';

const [, kind = '', ...words] = scriptArgs;
const began = Date.now();
const pair = (value: number): number[] => [value >> 8, value & 0xff];

function extension(type: number, body: readonly number[]): number[] {
  return [...pair(type), ...pair(body.length), ...body];
}

/** RFC 8446 section 4.1.2, with the padding of RFC 7685 before the name. */
function clientHello(name: string, pad: number): Uint8Array {
  const text = Array.from(name, (letter) => letter.charCodeAt(0));
  const server = extension(0, [...pair(text.length + 3), 0, ...pair(text.length), ...text]);
  const padding = pad > 0 ? extension(21, Array<number>(pad).fill(0)) : [];
  const list = [...padding, ...server];
  const body = [3, 3, ...Array<number>(32).fill(7), 0, 0, 2, 0x13, 1, 1, 0];
  body.push(...pair(list.length), ...list);
  const message = [1, 0, ...pair(body.length), ...body];
  return Uint8Array.from([22, 3, 1, ...pair(message.length), ...message]);
}

function errnoOf(error: unknown): string {
  return /errno (\d+)/.exec(String(error))?.[1] ?? String(error);
}

async function tcp(tag: Tag, address: string, port: number): Promise<unknown> {
  try {
    const stream = await connectStream({ address, port }, tag, () => {}, 5000);
    const ms = Date.now() - began;
    stream.close();
    return { ok: true, ms };
  } catch (error) {
    return { ok: false, ms: Date.now() - began, errno: errnoOf(error) };
  }
}

/** A connected socket hears of the ICMP error that its datagram meets. */
async function udp(tag: Tag, address: string, port: number): Promise<unknown> {
  const fd = openInet(SOCK_DGRAM, tag, undefined);
  const who = { device: 0, session: 0, serial: 0, verb: VERB.ask, size: 24 };
  const bytes = encodeSpeech(who, 30);
  let result = sys.connect(fd, sockaddr({ address, port }));
  if (result >= 0) result = sys.send(fd, bytes.buffer as ArrayBuffer, 0, bytes.length, 0);
  const room = new ArrayBuffer(2048);
  while (result >= 0 && Date.now() - began < 3000) {
    const got = sys.recv(fd, room, 0, room.byteLength, 0);
    if (got !== EAGAIN) {
      os.close(fd);
      const ms = Date.now() - began;
      return got >= 0 ? { ok: true, ms } : { ok: false, ms, errno: String(-got) };
    }
    await sleep(2);
  }
  os.close(fd);
  return { ok: false, ms: Date.now() - began, errno: result < 0 ? String(-result) : 'silence' };
}

async function outcome(stream: Stream): Promise<string> {
  try {
    const bytes = await stream.read(2500);
    return bytes.length === 0 ? 'closed' : 'data';
  } catch (error) {
    return /nothing for/.test(String(error)) ? 'silence' : 'reset';
  }
}

async function tls(tag: Tag, address: string, port: number, name: string, pad: number) {
  try {
    const stream = await connectStream({ address, port }, tag, () => {}, 5000);
    const connected = Date.now() - began;
    await stream.write(clientHello(name, pad));
    const said = await outcome(stream);
    return { ok: true, connected, ms: Date.now() - began, said };
  } catch (error) {
    return { ok: false, ms: Date.now() - began, errno: errnoOf(error) };
  }
}

/** Addresses of both families in the answer section, by their length alone. */
function addressesIn(bytes: Uint8Array): string[] {
  const found: string[] = [];
  for (let at = 12; at + 10 < bytes.length; at += 1) {
    // Behind a compressed owner name: type, class IN, TTL, length.
    if (bytes[at] !== 0xc0 || bytes[at + 4] !== 0 || bytes[at + 5] !== 1) continue;
    const type = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    const length = (bytes[at + 10]! << 8) | bytes[at + 11]!;
    const value = bytes.subarray(at + 12, at + 12 + length);
    if (type === TYPE.A && length === 4) found.push(value.join('.'));
    if (type === TYPE.AAAA && length === 16) {
      found.push(Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join(''));
    }
  }
  return found;
}

async function ask(address: string, name: string, type: string): Promise<unknown> {
  let answer: Uint8Array | null = null;
  const socket = openDatagrams('neutral', anyLike(address), (bytes) => {
    answer = bytes;
  });
  const number = TYPE[type as keyof typeof TYPE] ?? TYPE.A;
  for (let tries = 0; tries < 3 && answer === null; tries += 1) {
    socket.send({ address, port: 53 }, encodeQuery(4711, name, number));
    for (let waited = 0; waited < 1000 && answer === null; waited += 5) await sleep(5);
  }
  const bytes = answer as Uint8Array | null;
  const ms = Date.now() - began;
  return bytes === null ? { ok: false, ms } : { ok: true, ms, addresses: addressesIn(bytes) };
}

async function main(): Promise<unknown> {
  const [first = '', second = '', third = '', fourth = '', fifth = '0'] = words;
  if (kind === 'now') return { ok: true, now: Date.now() };
  if (kind === 'tcp') return tcp(first as Tag, second, Number(third));
  if (kind === 'udp') return udp(first as Tag, second, Number(third));
  if (kind === 'tls') return tls(first as Tag, second, Number(third), fourth, Number(fifth));
  return ask(first, second, third);
}

main().then(
  (result) => {
    say(JSON.stringify(result));
    std.exit(0);
  },
  (error: unknown) => {
    say(JSON.stringify({ ok: false, error: String(error) }));
    std.exit(1);
  },
);
