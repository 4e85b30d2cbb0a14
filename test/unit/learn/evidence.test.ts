// learn/evidence and learn/observe-portmap: the reason in words for a logged packet.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLearned, learnEndpoints } from '../../../agent/src/learn/endpoints.ts';
import {
  createEvidence,
  expireEvidence,
  findEvidence,
  recordEvidence,
} from '../../../agent/src/learn/evidence.ts';
import { observePortmap } from '../../../agent/src/learn/observe-portmap.ts';
import { ownRange } from '../../../agent/src/policy/build-rules.ts';
import { flowText } from '../../../agent/src/wire/flow-text.ts';
import { decodePacket } from '../../../agent/src/wire/packet.ts';
import { concat, fromHex } from '../../fixtures/bytes.ts';
import { udp4 } from '../../fixtures/plain-packets.ts';
import { profile, profileJson } from '../../fixtures/profile.ts';

const [supernode] = profileJson.ranges;
const PROFILE = {
  ...profile,
  ranges: [{ ...supernode!, addresses: ['157.55.130.0/24'] }],
  ports: { leaseSeconds: 100 },
  peers: { enabled: true, leaseSeconds: 200 },
};

function udp(destination: string, port: number, payload: Uint8Array = new Uint8Array(0)) {
  const bytes = udp4([192, 168, 1, 34], 13021, destination.split('.').map(Number), port, payload);
  const packet = decodePacket(bytes);
  if ('malformed' in packet) throw new Error(packet.malformed);
  return packet;
}

test('each kind of evidence says which range, name, port or peer', () => {
  const store = createEvidence();
  const learned = createLearned();
  const pairs = createLearned(true);
  const pins = ownRange(['198.51.100.77'], ['tcp', 'udp'], [[0, 65535]], 'pinned by the owner');
  const sources = { app: { profile: PROFILE, pins }, learned, pairs, holder: '192.168.1.34' };
  const at = 1000;
  const addresses = [{ address: '203.0.113.7', ttlSeconds: 60 }];
  const name = 'ui.skype.com';
  const origin = { app: 'skype', name, root: name, entry: '.skype.com', device: '192.168.1.9' };
  learnEndpoints(learned, { ...origin, at, addresses, targets: [], refused: [] }, 10);
  const say = (kind: Parameters<typeof recordEvidence>[1], to: string, port: number) => {
    const { detail, until } = recordEvidence(store, kind, 'skype', udp(to, port), sources, at);
    return [detail, until];
  };
  assert.equal(say('range', '157.55.130.9', 40012), [
    'supernode range 157.55.130.0/24, port 40012',
    Date.parse('2030-01-01T23:59:59Z'),
  ]);
  assert.match(String(say('range', '157.55.130.9', 9)[0]), /earlier policy/);
  assert.match(String(say('range', '198.51.100.77', 9)[0]), /pinned by the owner/);
  assert.equal(say('addr', '203.0.113.7', 443), [
    'ui.skype.com is 203.0.113.7, asked by 192.168.1.9',
    311000,
  ]);
  assert.equal(say('port', '203.0.113.8', 9), [
    "udp port 13021 is the application's on 192.168.1.34",
    101000,
  ]);
  assert.equal(say('peer', '203.0.113.8', 10), ['203.0.113.8 is a peer of 192.168.1.34', 201000]);
  assert.is(say('window', '203.0.113.9', 10)[1], 1200);
  assert.is(findEvidence(store, '203.0.113.8').length, 2);
  assert.is(findEvidence(store, '192.168.1.34').length, 7);
  const text = 'udp 192.168.1.34:13021 203.0.113.7:443';
  assert.equal(
    findEvidence(store, text).map(({ kind }) => kind),
    ['addr'],
  );
  assert.is(flowText(findEvidence(store, text)[0]!.flow), text);
});

test('the store is bounded, renewed and aged', () => {
  const store = createEvidence(2);
  const sources = {
    app: { profile: PROFILE },
    learned: createLearned(),
    pairs: createLearned(true),
    holder: '',
  };
  for (const [port, now] of [
    [1, 10],
    [2, 20],
    [1, 30],
    [3, 40],
  ] as const) {
    recordEvidence(store, 'port', 'skype', udp('203.0.113.1', port), sources, now);
  }
  const kept = [...store.flows.values()].map(({ flow, first, last }) => [
    flow.destinationPort,
    first,
    last,
  ]);
  assert.equal(kept, [
    [1, 10, 30],
    [3, 40, 40],
  ]);
  assert.is(store.evicted, 1);
  assert.is(store.counts.get('skype port'), 4);
  assert.is(expireEvidence(store, 40), 1);
  assert.is(store.flows.size, 1);
});

const NATPMP = fromHex('0001 0000 32dd 32dd 00000e10');

test('a mapping request gives its port; deletions and quotes give none', () => {
  assert.equal(observePortmap(udp('192.168.1.1', 5351, NATPMP)), {
    device: '192.168.1.34',
    protocol: 'nat-pmp',
    transports: ['udp'],
    port: 13021,
    lifetimeSeconds: 3600,
  });
  assert.is(observePortmap(udp('192.168.1.1', 5350, NATPMP)), null);
  const removal = fromHex('0001 0000 32dd 0000 00000000');
  assert.is(observePortmap(udp('192.168.1.1', 5351, removal)), null);
  assert.ok(observePortmap(udp('192.168.1.1', 5351, NATPMP.slice(0, 8))));
  const request = udp('192.168.1.1', 5351, NATPMP).bytes;
  const error = concat(
    fromHex('45000044 00000000 4001 0000 c0a80101 c0a80122 0303 0000 00000000'),
    request,
  );
  const packet = decodePacket(error);
  assert.is('malformed' in packet ? 'malformed' : observePortmap(packet), null);
});

test.run();
