// wire/pcap: captures that are cut, joined or invented. Frames lie inside the file, and reading ends.
import { captureFrames } from '../../../agent/src/wire/pcap.ts';
import { concat, u32be } from '../../fixtures/bytes.ts';
import { DNS_SEEDS } from '../../fixtures/dns-seeds.ts';
import { DEVICE, ROUTER, udp4 } from '../../fixtures/plain-packets.ts';
import { kindOf, must, type Target } from '../target.ts';

const packet = udp4(ROUTER, 53, DEVICE, 40000, DNS_SEEDS[0]!);
const ethernet = concat([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0], packet);
const record = concat(u32be(1), u32be(2), u32be(ethernet.length), u32be(ethernet.length), ethernet);
const classic = concat(
  [...u32be(0xa1b2c3d4), 0, 2, 0, 4, ...u32be(0), ...u32be(0), ...u32be(65535), ...u32be(1)],
  record,
  record,
);

function block(type: number, body: Uint8Array): Uint8Array {
  const padded = concat(body, new Uint8Array(-body.length & 3));
  const length = u32be(padded.length + 12);
  return concat(u32be(type), length, padded, length);
}

const section = block(
  0x0a0d0d0a,
  concat(u32be(0x1a2b3c4d), [0, 1, 0, 0], new Uint8Array(8).fill(255)),
);
const device = block(1, concat([0, 1, 0, 0], u32be(0), [0, 9, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0]));
const head = concat(u32be(0), u32be(1), u32be(2), u32be(ethernet.length), u32be(ethernet.length));
const next = concat(
  section,
  device,
  block(6, concat(head, ethernet)),
  block(3, concat(u32be(98), ethernet)),
);

export const pcap: Target = {
  name: 'pcap',
  weight: 6,
  seeds: [classic, next],
  run(input) {
    let frames = 0;
    let reason = '';
    for (const frame of captureFrames(input)) {
      must(reason === '', 'something behind the reason');
      if ('malformed' in frame) {
        reason = kindOf(frame.malformed);
        continue;
      }
      frames++;
      must(frames <= input.length, 'more frames than bytes');
      must(frame.bytes === input || frame.bytes.length <= input.length, 'a frame of other bytes');
      must(frame.offset >= 0 && frame.offset <= frame.end, 'a frame that runs backwards');
      must(frame.end <= frame.bytes.length, 'a frame outside the file');
    }
    return `${Math.min(frames, 5)} ${reason}`;
  },
};
