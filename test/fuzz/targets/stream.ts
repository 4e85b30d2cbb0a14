// wire/dns-stream: the input is a script of TCP segments. Memory stays within its limits, and a stream that is
// cut, repeated and out of order gives the same messages as in order.
import {
  createStreams,
  feedStream,
  restoreStream,
  saveStream,
} from '../../../agent/src/wire/dns-stream.ts';
import { concat } from '../../fixtures/bytes.ts';
import { withLength } from '../../fixtures/dns.ts';
import { DNS_SEEDS } from '../../fixtures/dns-seeds.ts';
import type { Random } from '../random.ts';
import { must, type Target } from '../target.ts';

const LIMITS = { flows: 4, bytes: 2048, total: 4096, pieces: 8, idleMilliseconds: 1000 };

/** Each step is four bytes (flow, flags, sequence, length) and then that many bytes. */
function hostile(input: Uint8Array): string {
  const streams = createStreams(LIMITS);
  let messages = 0;
  for (let at = 0; at + 4 <= input.length; ) {
    const flags = input[at + 1]!;
    const end = Math.min(input.length, at + 4 + input[at + 3]!);
    const segment = {
      sequence: (input[at + 2]! << 26) >>> 0,
      flags,
      bytes: input,
      offset: at + 4,
      end,
    };
    const key = `flow ${input[at]! & 7}`;
    const saved = saveStream(streams, key);
    const got = feedStream(streams, key, segment, at);
    if ((input[at]! & 64) !== 0) {
      restoreStream(streams, key, saved);
      const again = feedStream(streams, key, segment, at);
      must(again.join('|') === got.join('|'), 'what was not let through is not read again');
    }
    messages += got.length;
    must(streams.flows.size <= LIMITS.flows, 'more flows than the limit');
    let total = 0;
    for (const flow of streams.flows.values()) {
      must(flow.ahead.length <= LIMITS.pieces, 'more pieces than the limit');
      const kept = flow.ahead.reduce((sum, piece) => sum + piece.bytes.length + 64, 0);
      must(kept + flow.ready.length <= LIMITS.bytes, 'more bytes than the limit');
      total += kept + flow.ready.length;
    }
    must(total <= LIMITS.total, 'more bytes of all flows than the limit');
    at = end;
  }
  const { evicted, overflowed } = streams.dropped;
  return `${Math.min(messages, 4)} ${evicted > 0} ${overflowed > 0}`;
}

/** The input as bytes of valid messages, cut and shuffled after a SYN. */
function honest(input: Uint8Array, random: Random): string {
  const stream = concat(withLength(input.subarray(0, 700)), withLength(input.subarray(0, 60)));
  const limits = { flows: 1, bytes: 98304, total: 98304, pieces: 64, idleMilliseconds: 1000 };
  const streams = createStreams(limits);
  const start = (0xffffff00 + random.below(512)) >>> 0;
  const got: string[] = [];
  const give = (from: number, to: number, flags: number) => {
    const sequence = flags === 2 ? start : (start + 1 + from) >>> 0;
    const segment = { sequence, flags, bytes: stream, offset: from, end: to };
    for (const message of feedStream(streams, 'one', segment, 0)) got.push(message.join());
  };
  give(0, 0, 2);
  const cuts: [number, number][] = [];
  for (let from = 0; from < stream.length; ) {
    const to = Math.min(stream.length, from + 1 + random.below(200));
    cuts.push([Math.max(0, from - random.below(20)), to]);
    from = to;
  }
  for (let i = cuts.length - 1; i > 0; i--) {
    const j = random.once(2) ? i : random.below(i + 1);
    [cuts[i], cuts[j]] = [cuts[j]!, cuts[i]!];
  }
  for (const [from, to] of cuts) give(from, to, 16);
  const whole = [input.subarray(0, 700), input.subarray(0, 60)].map((one) => one.join());
  must(got.join('|') === whole.join('|'), `${got.length} messages of a stream of two`);
  return `whole ${cuts.length > 3}`;
}

export const stream: Target = {
  name: 'dns-stream',
  weight: 3,
  seeds: [
    ...DNS_SEEDS.slice(0, 3),
    Uint8Array.of(1, 2, 0, 0, 1, 16, 0, 40, 0, 38, ...new Array(38).fill(7), 1, 1, 10, 2, 9, 9),
  ],
  run: (input, random) => `${hostile(input)} ${random.once(8) ? honest(input, random) : ''}`,
};
