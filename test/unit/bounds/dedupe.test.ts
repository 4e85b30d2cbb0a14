// bounds/dedupe: recognises announcements of the same flow within a second.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createRepeats, isRepeat } from '../../../agent/src/bounds/dedupe.ts';
import { concat } from '../../fixtures/bytes.ts';
import { udp } from '../../fixtures/packets.ts';
import { rounds } from '../../lib/rounds.ts';

const packet = (sport: number, dst = '93.184.216.34', src = '192.168.1.10'): Uint8Array =>
  udp({ src, dst, sport, dport: 443 });

test('the same flow within a second, and after it', () => {
  const repeats = createRepeats();
  const ask = (bytes: Uint8Array, now: number, prefix = 'whp:peer:skype') =>
    isRepeat(repeats, prefix, bytes, 0, bytes.length, now);
  assert.is(ask(packet(1), 0), false);
  assert.is(ask(packet(1), 20), true);
  assert.is(ask(packet(2), 20), false);
  assert.is(ask(packet(1, '93.184.216.35'), 20), false);
  assert.is(ask(packet(1), 30, 'whp:port:skype'), false);
  assert.is(ask(packet(1), 999), true);
  assert.is(ask(packet(1), 1000), false);
});

test('IPv6, and what is too short to say', () => {
  const repeats = createRepeats();
  const six = packet(1, '2600:1406:3a::34', 'fd00:1::10');
  assert.is(isRepeat(repeats, 'p', six, 0, six.length, 0), false);
  assert.is(isRepeat(repeats, 'p', six, 0, six.length, 1), true);
  const short = packet(1).subarray(0, 20);
  for (let i = 0; i < 2; i++) assert.is(isRepeat(repeats, 'p', short, 0, short.length, 0), false);
  assert.is(isRepeat(repeats, 'p', new Uint8Array(0), 0, 0, 0), false);
});

test('flows that differ in their ports alone differ behind options and extension headers too', () => {
  const options = Uint8Array.of(0x94, 4, 0, 0);
  const authentication = Uint8Array.of(17, 4, ...new Uint8Array(22));
  const forms: Record<string, (sport: number) => Uint8Array> = {
    'IPv4 options': (sport) =>
      udp({ src: '192.168.1.10', dst: '93.184.216.34', sport, dport: 443, options }),
    'a hop-by-hop header': (sport) =>
      udp({ src: 'fd00:1::10', dst: '2600:1406:3a::34', sport, dport: 443, hopByHop: 1 }),
    'an authentication header': (sport) => {
      const plain = udp({ src: 'fd00:1::10', dst: '2600:1406:3a::34', sport, dport: 443 });
      const bytes = concat(plain.subarray(0, 40), authentication, plain.subarray(40));
      bytes[6] = 51;
      bytes[5] = bytes[5]! + authentication.length;
      return bytes;
    },
  };
  for (const [what, form] of Object.entries(forms)) {
    const repeats = createRepeats();
    const ask = (bytes: Uint8Array) => isRepeat(repeats, 'p', bytes, 0, bytes.length, 0);
    assert.is(ask(form(1)), false, what);
    assert.is(ask(form(2)), false, what);
    assert.is(ask(form(1)), true, what);
  }
});

test('a later fragment has no ports, so it repeats nothing', () => {
  const repeats = createRepeats();
  for (let i = 0; i < 2; i++) {
    const bytes = packet(1);
    bytes[7] = 5;
    assert.is(isRepeat(repeats, 'p', bytes, 0, bytes.length, 0), false);
  }
});

test('a flood of flows is not remembered without end', () => {
  const repeats = createRepeats();
  for (let port = 1; port < rounds(1500, 5000); port++) {
    const bytes = packet(port);
    isRepeat(repeats, 'p', bytes, 0, bytes.length, 0);
    assert.ok(repeats.seen.size <= 512);
  }
});

test.run();
