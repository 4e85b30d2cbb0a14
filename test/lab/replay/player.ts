// Runs in the world of `lab.sh replay`: plays a prepared schedule on both wires by its own clock, as
// raw frames, and is the provider's resolver, which gives the home's dnsmasq the answers of the
// capture. Usage: player SCHEDULE ANSWERS RESOLVER-ADDRESS
//   SCHEDULE: a line "MICROSECONDS IFINDEX FRAME" a packet, in order
//   ANSWERS:  a line "QUESTION MESSAGE" an answer: name and type, lower case, and the DNS message
// Prints "ready", plays when a line comes in, then prints "played COUNT LATEST-MILLISECONDS".
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import * as net from 'whp:socket';
import { fromHex } from '../../fixtures/bytes.ts';
import { linkAddress, little } from '../../lib/frames.ts';

const [, schedulePath = '', answersPath = '', resolver = ''] = scriptArgs;
/** Packets that are due go out together, this many at most before the loop comes round. */
const BURST = 32;
/** Never longer without a look at the resolver's socket and the clock, in milliseconds. */
const LONGEST_SLEEP = 50;

function linesOf(path: string): string[][] {
  const text = std.loadFile(path);
  if (text === null) throw new Error(`read ${path}: no such file`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '));
}

function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

function check(result: number, operation: string): number {
  if (result < 0) throw new Error(`${operation}: errno ${-result}`);
  return result;
}

/** Name and type of the question, as the schedule's maker writes it; null when there is none. */
function questionOf(message: Uint8Array): string | null {
  let end = 12;
  while (end < message.length && message[end] !== 0) end += message[end]! + 1;
  if (end + 3 > message.length) return null;
  const question = message.slice(12, end + 3);
  return hexOf(question.map((byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte)));
}

/** Answers in the capture's order; who asks again hears the last one again. */
function serveAnswers(): void {
  const answers = new Map<string, Uint8Array[]>();
  for (const [question = '', message = ''] of linesOf(answersPath)) {
    answers.set(question, [...(answers.get(question) ?? []), fromHex(message)]);
  }
  const fd = check(net.socket(net.AF_INET, net.SOCK_DGRAM, 0), 'socket');
  const local = new Uint8Array(16);
  new DataView(local.buffer).setUint16(0, net.AF_INET, little);
  local.set([0, 53, ...resolver.split('.').map(Number)], 2);
  check(net.bind(fd, local.buffer), `bind ${resolver}:53`);
  const input = new ArrayBuffer(2048);
  const from = new ArrayBuffer(16);
  os.setReadHandler(fd, () => {
    const count = net.recvfrom(fd, input, 0, input.byteLength, 0, from);
    if (count < 12) return;
    const query = new Uint8Array(input, 0, count);
    const queue = answers.get(questionOf(query) ?? '');
    if (queue === undefined) return;
    const answer = (queue.length > 1 ? queue.shift() : queue[0])!.slice();
    answer.set(query.subarray(0, 2));
    net.sendto(fd, answer.buffer, 0, answer.length, 0, from);
  });
}

interface Due {
  readonly micros: number;
  readonly to: ArrayBuffer;
  readonly frame: Uint8Array;
}

function play(schedule: readonly Due[]): void {
  const fd = check(net.socket(net.AF_PACKET, net.SOCK_RAW, 0), 'socket packet');
  const start = net.monotonic();
  let next = 0;
  let latest = 0;
  const round = (): void => {
    const now = (net.monotonic() - start) * 1000;
    for (let sent = 0; sent < BURST && next < schedule.length; sent++, next++) {
      const { micros, to, frame } = schedule[next]!;
      if (micros > now) break;
      latest = Math.max(latest, now - micros);
      check(
        net.sendto(fd, frame.buffer as ArrayBuffer, 0, frame.length, 0, to),
        `frame ${next + 1}`,
      );
    }
    const following = schedule[next];
    if (following !== undefined) {
      const wait = Math.floor((following.micros - now) / 1000);
      os.setTimeout(round, Math.min(LONGEST_SLEEP, Math.max(0, wait)));
    } else tell(`played ${schedule.length} ${(latest / 1000).toFixed(1)}`);
  };
  round();
}

function tell(line: string): void {
  std.out.puts(`${line}\n`);
  std.out.flush();
}

const schedule = linesOf(schedulePath).map(([micros, index, frame = '']) => ({
  micros: Number(micros),
  to: linkAddress(Number(index)),
  frame: fromHex(frame),
}));
serveAnswers();
os.setReadHandler(0, () => {
  os.setReadHandler(0, null);
  play(schedule);
});
tell('ready');
