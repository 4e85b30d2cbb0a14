// One TCP connection to a server of the emulated Internet: recognises how the client opens
// (HTTP, the application's hello, login, chat, file) and answers accordingly.
import { sleep } from './clock.ts';
import {
  ANSWER,
  answerPrefix,
  decodeOpening,
  decodeSpeech,
  encodeSpeech,
  type Heard,
  type Opening,
  SPEECH_LENGTH,
  VERB,
} from './speech.ts';
import type { Stream } from './stream.ts';

function joined(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}

/** `GET /DEVICE/SESSION/BYTES HTTP/1.1`: a page of BYTES bytes. */
function decodeGet(text: string): Heard | undefined {
  const [, device, session, size] = /^GET \/(\d+)\/(\d+)\/(\d+) /.exec(text) ?? [];
  if (device === undefined) return undefined;
  const blank = decodeSpeech(new Uint8Array(SPEECH_LENGTH))!;
  return { ...blank, device: Number(device), session: Number(session), quantity: Number(size) };
}

const page = new Uint8Array(65536).fill(0x77);

async function sendPage(stream: Stream, size: number): Promise<void> {
  const head = `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\nConnection: close\r\n\r\n`;
  await stream.write(Uint8Array.from(head, (c) => c.charCodeAt(0)));
  for (let left = size; left > 0; left -= page.length) {
    await stream.write(page.subarray(0, Math.min(left, page.length)));
  }
}

/** Takes the `quantity` bytes of a file that follow the first message. */
async function takeFile(stream: Stream, quantity: number, already: number): Promise<number> {
  let taken = already;
  while (taken < quantity) {
    const bytes = await stream.read(20_000);
    if (bytes.length === 0) break;
    taken += bytes.length;
  }
  return taken;
}

async function answer(stream: Stream, opening: Opening, heard: Heard, rest: number): Promise<void> {
  const taken = heard.verb === VERB.file ? await takeFile(stream, heard.quantity, rest) : 0;
  if (heard.verb === VERB.file && taken !== heard.quantity) return;
  await sleep(heard.delay);
  const bytes = encodeSpeech({ ...heard, verb: heard.verb | ANSWER }, heard.size);
  bytes.set(answerPrefix(opening));
  await stream.write(bytes);
}

/** Serves messages until the client closes; `see` is told of every one. */
export async function serveStream(stream: Stream, see: (heard: Heard) => void): Promise<void> {
  let bytes = new Uint8Array(0) as Uint8Array;
  try {
    for (;;) {
      const more = await stream.read(30_000);
      if (more.length === 0) return;
      bytes = joined(bytes, more);
      if (bytes[0] === 0x47) {
        const text = String.fromCharCode(...bytes);
        if (!text.includes('\r\n\r\n')) continue;
        const get = decodeGet(text);
        if (!get) return;
        see(get);
        await sendPage(stream, get.quantity);
        return;
      }
      const message = decodeOpening(bytes);
      if (!message) continue;
      see(message.heard);
      const rest = bytes.length - message.used;
      await answer(stream, message.opening, message.heard, rest);
      if (message.heard.verb === VERB.leave) return;
      bytes = message.heard.verb === VERB.file ? new Uint8Array(0) : bytes.slice(message.used);
    }
  } finally {
    stream.close();
  }
}
