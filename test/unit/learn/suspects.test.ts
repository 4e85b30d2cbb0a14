// learn/suspects: reports a supernode that keeps the window open, and a mapped port that behaves like a torrent
// client; never the app's own.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  createSuspects,
  forgetSuspects,
  noteSuspect,
  suspectLines,
} from '../../../agent/src/learn/suspects.ts';
import type { AppFeed } from '../../../agent/src/ruleset/names.ts';
import { decodePacket } from '../../../agent/src/wire/packet.ts';
import { natPmp, udp } from '../../fixtures/packets.ts';
import { rounds } from '../../lib/rounds.ts';

const PC = '192.168.1.50';
const MAC = '02:00:00:00:00:50';
const NODE = '111.221.74.20';
const HOUR = 3_600_000;

function taking() {
  const suspects = createSuspects();
  const take = (feed: AppFeed, bytes: Uint8Array, now: number): void => {
    const packet = decodePacket(bytes);
    if ('malformed' in packet) throw new Error(packet.malformed);
    noteSuspect(suspects, feed, 'skype', packet, MAC, now);
  };
  return { suspects, take, lines: (now: number) => suspectLines(suspects, now) };
}

const mapping = (port: number) =>
  udp({ src: PC, dst: '192.168.1.1', sport: 6000, dport: 5351 }, natPmp(1, port, 3600));
const flow = (port: number, dst: string) =>
  udp({ src: PC, dst, sport: port, dport: 6881 }, new Uint8Array(30));
const request = udp(
  { src: NODE, dst: '10.200.0.1', sport: 40001, dport: 13021 },
  new Uint8Array(300),
);

test('a torrent’s port: mapped, many peers, never a server of the operator', () => {
  const { suspects, take, lines } = taking();
  take('mapping', mapping(51413), 0);
  for (let i = 0; i < 200; i++) take('port', flow(51413, `93.184.${i}.1`), 1000 + i);
  assert.equal(lines(60_000), [], 'too soon to say');
  assert.is(lines(HOUR).length, 1);
  assert.match(lines(HOUR)[0]!, /udp port 51413 of 192\.168\.1\.50 .* whp forget 192\.168\.1\.50/);
  forgetSuspects(suspects, ['skype'], [MAC]);
  assert.equal(lines(HOUR), []);
});

test('the application’s own: it speaks to a supernode, whenever; or to few', () => {
  const { take, lines } = taking();
  take('mapping', mapping(13021), 0);
  take('mapping', mapping(13022), 0);
  for (let i = 0; i < 200; i++) take('port', flow(13021, `93.184.${i}.1`), 1000 + i);
  for (let i = 0; i < 20; i++) take('port', flow(13022, `93.184.${i}.1`), 1000 + i);
  take('range', flow(13021, NODE), HOUR);
  assert.equal(lines(HOUR), []);
});

test('a window that is held open by one supernode is told of for ten minutes', () => {
  const { take, lines } = taking();
  for (let i = 0; i < 30; i++) take('request', request, i * 2000);
  assert.equal(lines(60_000), []);
  for (let i = 0; i < 59; i++) take('request', request, 120_000 + i * 1000);
  assert.match(lines(180_000)[0] ?? '', `supernode ${NODE} has sent 5`);
  assert.equal(lines(180_000 + 600_000), []);
});

test('both stores are bounded', () => {
  const { suspects, take } = taking();
  for (let port = 1; port < rounds(600, 5000); port++) {
    take('mapping', mapping(port), port);
    const src = `111.221.${port >> 8}.${port & 255}`;
    take('request', udp({ src, dst: '10.200.0.1', sport: 1, dport: 1 }, new Uint8Array(300)), port);
  }
  assert.is(suspects.ports.size, 128);
  assert.is(suspects.requests.size, 64);
});

test.run();
