// wire/pcap: both file formats in both byte orders, the link types of homes and routers, and malformed files.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { captureFrames, createPassedOver, type Frame } from '../../../agent/src/wire/pcap.ts';
import type { Malformed } from '../../../agent/src/wire/reader.ts';
import { concat, fromHex } from '../../fixtures/bytes.ts';
import { mutate, seeded } from '../../fixtures/seeded.ts';

const IP = fromHex('4500001c 00000000 4011 0000 c0a80101 c0a80122 0035 c000 0008 0000');
const MACS = fromHex('020000000001 020000000002');

function word(value: number, little: boolean): number[] {
  const bytes = [(value >>> 24) & 255, (value >> 16) & 255, (value >> 8) & 255, value & 255];
  return little ? bytes.reverse() : bytes;
}

function half(value: number, little: boolean): number[] {
  return little ? [value & 255, value >> 8] : [value >> 8, value & 255];
}

function pcap(link: number, frames: Uint8Array[], little = true, magic = 0xa1b2c3d4): Uint8Array {
  const w = (value: number) => word(value, little);
  const head = [
    ...w(magic),
    ...half(2, little),
    ...half(4, little),
    ...w(0),
    ...w(0),
    ...w(65535),
    ...w(link),
  ];
  const records = frames.map((frame, i) =>
    concat([...w(1000 + i), ...w(500), ...w(frame.length), ...w(frame.length)], frame),
  );
  return concat(head, ...records);
}

function block(type: number, body: Uint8Array, little: boolean): Uint8Array {
  const padded = concat(body, new Uint8Array((4 - (body.length % 4)) % 4));
  const length = word(padded.length + 12, little);
  return concat(word(type, little), length, padded, length);
}

function pcapng(frames: Uint8Array[], little: boolean): Uint8Array {
  const w = (value: number) => word(value, little);
  const section = concat(
    w(0x1a2b3c4d),
    half(1, little),
    half(0, little),
    w(0xffffffff),
    w(0xffffffff),
  );
  const options = concat(half(9, little), half(1, little), [9, 0, 0, 0], w(0));
  const format = concat(half(1, little), half(0, little), w(0), options);
  const packets = frames.map((frame) =>
    block(6, concat(w(0), w(1), w(2), w(frame.length), w(frame.length), frame), little),
  );
  return concat(block(0x0a0d0d0a, section, little), block(1, format, little), ...packets);
}

function read(bytes: Uint8Array): (Frame | Malformed)[] {
  return [...captureFrames(bytes)];
}

function packets(bytes: Uint8Array): Uint8Array[] {
  return read(bytes).map((frame) => {
    if ('malformed' in frame) throw new Error(frame.malformed);
    return frame.bytes.slice(frame.offset, frame.end);
  });
}

const ETHERNET = concat(MACS, [8, 0], IP);

test('pcap in both byte orders and resolutions', () => {
  for (const little of [true, false]) {
    assert.equal(packets(pcap(1, [ETHERNET, ETHERNET], little)), [IP, IP]);
    const [micro] = read(pcap(1, [ETHERNET], little)) as Frame[];
    assert.ok(Math.abs(micro!.time - 1000.0005) < 1e-9);
    const [nano] = read(pcap(1, [ETHERNET], little, 0xa1b23c4d)) as Frame[];
    assert.ok(Math.abs(nano!.time - 1000.0000005) < 1e-9);
  }
});

test('pcapng in both byte orders, with its clock', () => {
  for (const little of [true, false]) {
    const file = pcapng([ETHERNET, ETHERNET], little);
    assert.equal(packets(file), [IP, IP]);
    const [first] = read(file) as Frame[];
    assert.ok(Math.abs(first!.time - (4294967296 + 2) / 1e9) < 1e-9);
  }
});

test('link types', () => {
  const cases: [number, Uint8Array][] = [
    [1, concat(MACS, fromHex('8100 0005 0800'), IP)],
    [1, concat(MACS, fromHex('88a8 0005 8100 0006 0800'), IP)],
    [1, concat(MACS, fromHex('8864 1100 0001 001e 0021'), IP)],
    [0, concat(fromHex('02000000'), IP)],
    [108, concat(fromHex('00000002'), IP)],
    [101, IP],
    [12, IP],
    [228, IP],
    [113, concat(fromHex('0000 0001 0006 020000000001 0000 0800'), IP)],
    [276, concat(fromHex('0800 0000 00000001 0001 00 06 0200000000010000'), IP)],
  ];
  for (const [link, frame] of cases) assert.equal(packets(pcap(link, [frame])), [IP], String(link));
});

test('other frames are passed over and keep their numbers', () => {
  const arp = concat(MACS, fromHex('0806 0001'));
  const short = MACS.slice(0, 8);
  const frames = read(pcap(1, [arp, short, ETHERNET])) as Frame[];
  assert.equal(
    frames.map(({ number }) => number),
    [3],
  );
});

/** Two sections with an Ethernet interface and one of link type 201 each, a frame of each on both. */
function mixed(little: boolean): Uint8Array {
  const w = (value: number) => word(value, little);
  const format = (link: number): Uint8Array =>
    block(1, concat(half(link, little), half(0, little), w(64)), little);
  const packet = (id: number, frame: Uint8Array, missing = 0): Uint8Array =>
    block(6, concat(w(id), w(1), w(2), w(frame.length), w(frame.length + missing), frame), little);
  const section = pcapng([], little).slice(0, 28);
  const whole = concat(
    section,
    format(201),
    format(1),
    packet(0, ETHERNET),
    packet(1, ETHERNET),
    packet(1, ETHERNET, 100),
    packet(0, ETHERNET),
  );
  return concat(whole, whole);
}

test('an interface of an unknown link type is counted, and the others are read', () => {
  for (const little of [true, false]) {
    const passed = createPassedOver();
    const frames = Array.from(captureFrames(mixed(little), passed)) as Frame[];
    assert.equal(
      frames.map(({ number, cut }) => [number, cut]),
      [
        [2, 0],
        [3, 100],
        [6, 0],
        [7, 100],
      ],
    );
    assert.equal(Array.from(passed.unknown), [
      [0, { link: 201, frames: 2 }],
      [2, { link: 201, frames: 2 }],
    ]);
  }
});

test('frames that are no IP, and bytes that were cut, are counted', () => {
  const passed = createPassedOver();
  const arp = concat(MACS, fromHex('0806 0001'));
  assert.is(Array.from(captureFrames(pcap(1, [arp, ETHERNET, arp]), passed)).length, 1);
  assert.equal([passed.others, passed.unknown.size], [2, 0]);
  const cut = pcap(1, [ETHERNET]);
  cut[24 + 12] = ETHERNET.length + 9;
  assert.is((read(cut)[0] as Frame).cut, 9);
});

test('files that lie give a reason with the offset, after what was whole', () => {
  const last = (bytes: Uint8Array) => read(bytes).at(-1) as Malformed;
  assert.is(
    last(fromHex('0102')).malformed,
    'offset 0: shorter than the magic number of a capture',
  );
  assert.is(last(new Uint8Array(40)).malformed, 'offset 0: neither pcap nor pcapng');
  assert.is(last(fromHex('d4c3b2a1 00')).malformed, 'offset 0: file header cut off');
  const whole = pcap(1, [ETHERNET, ETHERNET]);
  assert.is(read(whole.slice(0, -1)).length, 2);
  assert.is(
    last(whole.slice(0, -1)).malformed,
    `offset ${24 + 16 + ETHERNET.length}: packet 2 cut off`,
  );
  assert.is(last(pcap(147, [IP])).malformed, 'offset 20: link type 147 is not known here');
  const ng = pcapng([ETHERNET], true);
  assert.ok(last(ng.slice(0, -2)).malformed.endsWith('block cut off'));
  const zero = ng.slice();
  zero.set([0, 0, 0, 0], 4);
  assert.is(last(zero).malformed, 'offset 4: block of 0');
});

test('mutated files neither throw nor hang', () => {
  const random = seeded(6);
  const seeds = [
    pcap(1, [ETHERNET, ETHERNET]),
    pcapng([ETHERNET], true),
    pcapng([ETHERNET], false),
  ];
  for (let i = 0; i < 3000; i++) {
    for (const frame of captureFrames(mutate(seeds[i % 3]!, random))) {
      if ('malformed' in frame) continue;
      assert.ok(frame.offset >= 0 && frame.offset < frame.end && frame.end <= frame.bytes.length);
    }
  }
});

test.run();
