// ruleset/elements, names, ranges and policy/marks: set keys in both directions, prefixes, marks, and
// overlapping ranges made disjoint.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  countSlots,
  foreignBits,
  isUsableMask,
  markOf,
  slotOf,
} from '../../../agent/src/policy/marks.ts';
import type { ProfileRange } from '../../../agent/src/profile/profile.ts';
import {
  addressElements,
  keptElements,
  rangeElements,
} from '../../../agent/src/ruleset/compile/ranges.ts';
import {
  addressKey,
  addressOf,
  deviceOf,
  macKey,
  naming,
  pairKey,
  pairOf,
  portKey,
  portOf,
} from '../../../agent/src/ruleset/elements.ts';
import { logPrefix, parsePrefix } from '../../../agent/src/ruleset/names.ts';
import { byteString } from '../../../agent/src/wire/hex.ts';
import { fromHex } from '../../fixtures/bytes.ts';

test('keys are in network byte order, each field padded to 4 bytes', () => {
  assert.equal(addressKey('192.0.2.1'), fromHex('c0000201'));
  assert.equal(pairKey('192.168.1.10', '192.0.2.1'), fromHex('c0a8010a c0000201'));
  assert.equal(portKey('192.168.1.10', 13021), fromHex('c0a8010a 32dd0000'));
  assert.is(pairKey('fd00::1', '2001:db8::2')?.length, 32);
  assert.is(portKey('fd00::1', 1)?.length, 20);
});

test('keys come back as they went', () => {
  assert.is(addressOf(addressKey('2001:db8::1')!), '2001:db8::1');
  assert.equal(pairOf(pairKey('fd00::1', '2001:db8::2')!), {
    device: 'fd00::1',
    peer: '2001:db8::2',
  });
  assert.equal(portOf(portKey('192.168.1.10', 65535)!), { device: '192.168.1.10', port: 65535 });
});

test('a device can be a MAC: eight bytes in front of another field', () => {
  const mac = '02:00:00:00:01:0a';
  assert.equal(macKey(mac), fromHex('02000000010a'));
  assert.equal(portKey(mac, 13021), fromHex('02000000 010a0000 32dd0000'));
  assert.equal(pairKey(mac, '192.0.2.1'), fromHex('02000000 010a0000 c0000201'));
  assert.equal(portOf(portKey(mac, 13021)!), { device: mac, port: 13021 });
  for (const peer of ['192.0.2.1', '2001:db8::2']) {
    assert.equal(pairOf(pairKey(mac, peer)!), { device: mac, peer });
  }
  const keys = [macKey(mac), portKey(mac, 1), pairKey(mac, '::1')];
  for (const key of keys) assert.is(deviceOf(key!), '02000000010a');
  for (const text of ['02:00:00:00:00', '02-00-00-00-00-0a', '0200.0000.000a', '192.0.2.1', 'x']) {
    assert.is(macKey(text), null);
  }
});

test('a key names its device and its peer, and nothing across their fields', () => {
  const mac = '02:00:00:00:01:0a';
  const names = (one: Uint8Array | null, key: Uint8Array | null) => {
    return naming(one!)(byteString(key!));
  };
  for (const peer of ['192.0.2.1', '2001:db8::2']) {
    assert.ok(names(macKey(mac), pairKey(mac, peer)));
    assert.ok(names(addressKey(peer), pairKey(mac, peer)));
    assert.not.ok(names(macKey('02:00:00:00:01:0b'), pairKey(mac, peer)));
  }
  // Neither the bytes of a MAC, nor padding, nor a port are read as an address.
  assert.not.ok(names(addressKey('2.0.0.0'), pairKey(mac, '192.0.2.1')));
  assert.not.ok(names(addressKey('1.10.0.0'), portKey(mac, 13021)));
});

test('what is no key is null', () => {
  assert.is(addressKey('example.net'), null);
  assert.is(pairKey('192.0.2.1', '2001:db8::2'), null);
  for (const port of [0, -1, 65536, 1.5]) assert.is(portKey('192.0.2.1', port), null);
  for (const length of [0, 3, 5, 9]) {
    assert.is(addressOf(new Uint8Array(length)), null);
    assert.is(pairOf(new Uint8Array(length)), null);
    assert.is(portOf(new Uint8Array(length)), null);
  }
});

test('log prefixes', () => {
  assert.equal(parsePrefix(logPrefix('late', 'skype')), { feed: 'late', app: 'skype' });
  assert.equal(parsePrefix('whp:query'), { feed: 'query' });
  assert.equal(parsePrefix('whp:answer'), { feed: 'answer' });
  for (const other of [
    '',
    'whp',
    'whp:range',
    'whp:range:',
    'whp:x:skype',
    'fw4:range:skype',
    'whp:range:a:b',
  ]) {
    assert.is(parsePrefix(other), null);
  }
});

test('marks', () => {
  assert.is(markOf(0x0f000000, 1), 0x01000000);
  assert.is(markOf(0xf0000000, 15), 0xf0000000);
  assert.is(slotOf(0x0f000000, 0xffffffff), 15);
  assert.is(slotOf(0xf0000000, 0xd0001234), 13);
  assert.is(foreignBits(0x0f000000), 0xf0ffffff);
  for (const mask of [0x0f000000, 0xf0000000]) {
    const marks = [1, 2, 2, 15].map((slot) => [(markOf(mask, slot) | 0x12) >>> 0, 3] as const);
    assert.equal(countSlots(mask, marks).slice(0, 4), [0, 3, 6, 0]);
    assert.is(countSlots(mask, marks)[15], 3);
  }
  assert.equal([0x0f000000, 0xf0000000, 0xf, 0x00780000].map(isUsableMask), [
    true,
    true,
    true,
    true,
  ]);
  assert.equal([0, 0xff, 0x7, 0x0f0f, 0x1f, -1].map(isUsableMask), [
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
});

const range = (addresses: string[], ports: ProfileRange['ports']): ProfileRange => ({
  addresses,
  ports,
  protocols: ['udp'],
  role: 'other',
  learn: [],
  source: '',
  evidence: 'capture',
  date: '2026-01-01',
  expires: '2030-01-01',
});
const udpOf = { use: 'range', family: 4 as const, protocols: () => ['udp'] as const };
const all = { ...udpOf, protocols: (one: ProfileRange) => one.protocols };

test('ranges on top of each other become disjoint', () => {
  const elements = rangeElements(
    [range(['10.0.0.0/24'], [[1, 10]]), range(['10.0.0.0/25'], [5, [10, 20]])],
    udpOf,
  );
  assert.equal(elements, [
    [
      ['10.0.0.0', '10.0.0.127'],
      [17, 17],
      [1, 20],
    ],
    [
      ['10.0.0.128', '10.0.0.255'],
      [17, 17],
      [1, 10],
    ],
  ]);
});

test('elements have the ports of every range at each address, and do not overlap', () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return Math.floor((seed / 2147483648) * below);
  };
  for (let round = 0; round < 200; round++) {
    const ranges = Array.from({ length: 1 + random(6) }, () => {
      const [from, port] = [random(32), 1 + random(4)];
      const to = from + random(round % 2 === 0 ? 2 : 12);
      return range([`10.0.0.${from}-10.0.0.${to}`], [[port, port + random(2)]]);
    });
    const elements = rangeElements(ranges, udpOf);
    const last = (text: unknown): number => Number(String(text).split('.')[3]);
    for (let at = 0; at < 50; at++) {
      const ports = (list: readonly (readonly [unknown, unknown])[]): number[] =>
        list.flatMap(([from, to]) => [from, to].map(Number)).sort((a, b) => a - b);
      const wanted = ranges.filter(({ addresses: [text] }) => {
        const [from, to] = text!.split('-').map(last);
        return from! <= at && at <= to!;
      });
      const has = elements.filter(([[from, to] = ['', '']]) => last(from) <= at && at <= last(to));
      const covered = (port: number): number =>
        has.filter(([, , [from, to] = [0, 0]]) => Number(from) <= port && port <= Number(to))
          .length;
      for (const port of ports(wanted.map((one) => one.ports[0] as [number, number]))) {
        assert.is(covered(port), 1, `round ${round}, ${at}:${port}`);
      }
      if (wanted.length === 0) assert.is(has.length, 0);
    }
  }
});

test('what did not change is not cut up again, what did is', () => {
  const ranges = [range(['10.0.0.0/24'], [7])];
  const first = rangeElements(ranges, all);
  assert.is(rangeElements([...ranges], all), first);
  const more = rangeElements([...ranges, range(['10.0.4.0/24'], [7])], all);
  assert.is(more.length, first.length + 1);
  assert.equal(rangeElements(ranges, all), first);
  const none = rangeElements(ranges, { ...all, protocols: () => [] });
  assert.equal(none, []);
});

test('the elements of a set of a fixed name are made again when its blocks change, not before', () => {
  const of = (...blocks: string[]) => keptElements('test4', blocks, 4);
  const first = of('10.0.0.0/8', '203.0.113.20');
  assert.is(of('10.0.0.0/8', '203.0.113.20'), first);
  assert.equal(of('10.0.0.0/8', '203.0.113.21'), [
    [['10.0.0.0', '10.255.255.255']],
    [['203.0.113.21', '203.0.113.21']],
  ]);
  assert.equal(of('10.0.0.0/8', '203.0.113.20'), first);
  assert.equal(keptElements('test6', ['10.0.0.0/8', '2001:db8::1'], 6), [
    [['2001:db8::1', '2001:db8::1']],
  ]);
});

test('a key names the addresses that are fields of it, and no other', () => {
  const pair = pairKey('192.168.1.11', '86.128.10.1')!;
  const names = (address: string): boolean => naming(addressKey(address)!)(byteString(pair));
  assert.equal(['192.168.1.11', '86.128.10.1', '168.1.11.86', '9.192.168.1'].map(names), [
    true,
    true,
    false,
    false,
  ]);
  const port = byteString(portKey('192.168.1.11', 443)!);
  assert.ok(naming(addressKey('192.168.1.11')!)(port));
  assert.not.ok(naming(addressKey('2001:db8::1')!)(port));
});

test('equal neighbours are joined, both families are told apart', () => {
  const ranges = [range(['10.0.1.0/24', '10.0.0.0/24', '2001:db8::/127'], [7, 8])];
  assert.equal(rangeElements(ranges, udpOf), [
    [
      ['10.0.0.0', '10.0.1.255'],
      [17, 17],
      [7, 8],
    ],
  ]);
  assert.equal(rangeElements(ranges, { ...udpOf, family: 6 }), [
    [
      ['2001:db8::', '2001:db8::1'],
      [17, 17],
      [7, 8],
    ],
  ]);
});

test('a block of one address is that address', () => {
  assert.equal(addressElements(['10.0.0.1/32', '10.0.0.7'], 4), [
    [['10.0.0.1', '10.0.0.1']],
    [['10.0.0.7', '10.0.0.7']],
  ]);
  assert.equal(addressElements(['2001:db8::/128'], 6), [[['2001:db8::', '2001:db8::']]]);
});

test('the whole address space is one element', () => {
  assert.equal(addressElements(['0.0.0.0/0', '10.0.0.0/8'], 4), [[['0.0.0.0', '255.255.255.255']]]);
  assert.equal(addressElements(['::/0'], 6), [[['::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']]]);
});

test.run();
