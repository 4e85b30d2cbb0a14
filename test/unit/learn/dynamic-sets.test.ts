// learn/dynamic-sets and learn/snapshot: the agent's copy of what packets add to the sets, from announcements:
// bounded, aged, and restored from a reading of the table.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  beginReading,
  createTaught,
  endReading,
  expireTaught,
  noteAnnounced,
  noteTaught,
  retainTaught,
  takeRead,
  taughtElements,
} from '../../../agent/src/learn/dynamic-sets.ts';
import { createLearned, findEndpoint, learnEndpoints } from '../../../agent/src/learn/endpoints.ts';
import { adoptElements, heldElements, withDevices } from '../../../agent/src/learn/snapshot.ts';
import {
  addressKey,
  addressOf,
  pairKey,
  portKey,
  SLACK,
} from '../../../agent/src/ruleset/elements.ts';
import type { AppFeed } from '../../../agent/src/ruleset/names.ts';
import { byteString, bytesIn } from '../../../agent/src/wire/hex.ts';
import { decodePacket } from '../../../agent/src/wire/packet.ts';
import { app } from '../../fixtures/policies.ts';

/** A UDP packet from 192.168.1.34:13021 with the given payload. */
function packet(protocol: 6 | 17, to: readonly number[], port: number, payload: number[] = []) {
  const header = protocol === 17 ? 8 : 20;
  const length = 20 + header + payload.length;
  const ip = [0x45, 0, 0, length, 0, 0, 0, 0, 64, protocol, 0, 0, 192, 168, 1, 34, ...to];
  const ports = [13021 >> 8, 13021 & 255, port >> 8, port & 255];
  const rest =
    protocol === 17
      ? [0, 8 + payload.length, 0, 0]
      : [0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0];
  const decoded = decodePacket(Uint8Array.from([...ip, ...ports, ...rest, ...payload]));
  if ('malformed' in decoded) throw new Error(decoded.malformed);
  return decoded;
}

function sets(feed: AppFeed, one: ReturnType<typeof packet>, mac: string | null = null): string[] {
  const taught = createTaught();
  noteAnnounced(taught, app, feed, one, mac, 1000);
  return [...taught.keys()].sort();
}

const SUPERNODE = [111, 221, 74, 20];
const PEER = [86, 128, 10, 1];

test('each announcement is the elements that the ruleset has added for it', () => {
  assert.equal(sets('range', packet(17, SUPERNODE, 40012)), ['skype_udp4']);
  // The profile teaches ports from UDP only, and from supernodes only.
  assert.equal(sets('range', packet(6, SUPERNODE, 40012)), []);
  assert.equal(sets('range', packet(6, [91, 190, 216, 23], 12350)), []);
  assert.equal(sets('port', packet(17, PEER, 2000)), ['skype_peer4', 'skype_udp4']);
  assert.equal(sets('port', packet(6, PEER, 2000)), ['skype_peer4', 'skype_tcp4']);
  assert.equal(sets('peer', packet(17, PEER, 2001)), ['skype_peer4']);
  assert.equal(sets('window', packet(17, PEER, 2001)), []);
  assert.equal(sets('late', packet(17, PEER, 2001)), []);
  // A server known by a name or a ClientHello is a pair of its own.
  assert.equal(sets('addr', packet(6, PEER, 443)), ['skype_peer4']);
  assert.equal(sets('hello', packet(6, PEER, 443)), ['skype_peer4']);
  // NAT-PMP: map UDP port 0x32dd for an hour.
  const request = [0, 1, 0, 0, 0x32, 0xdd, 0x32, 0xdd, 0, 0, 0x0e, 0x10];
  assert.equal(sets('mapping', packet(17, [192, 168, 1, 1], 5351, request)), ['skype_udp4']);
});

test('the same is known by the MAC of the device', () => {
  const mac = '02:00:00:00:00:0a';
  assert.equal(sets('range', packet(17, SUPERNODE, 40012), mac), ['skype_udp4', 'skype_udpmac']);
  assert.equal(sets('peer', packet(17, PEER, 2001), mac), ['skype_peer4', 'skype_peermac4']);
  assert.equal(sets('addr', packet(6, PEER, 443), mac), ['skype_peer4', 'skype_peermac4']);
  const both = ['skype_peer4', 'skype_peermac4', 'skype_tcp4', 'skype_tcpmac'];
  assert.equal(sets('port', packet(6, PEER, 2000), mac), both);
  const request = [0, 1, 0, 0, 0x32, 0xdd, 0x32, 0xdd, 0, 0, 0x0e, 0x10];
  const mapping = packet(17, [192, 168, 1, 1], 5351, request);
  assert.equal(sets('mapping', mapping, mac), ['skype_udp4', 'skype_udpmac']);
});

test('keys and lives are those of the kernel', () => {
  const taught = createTaught();
  noteAnnounced(taught, app, 'port', packet(17, PEER, 2000), '02:00:00:00:00:0a', 1000);
  const [port] = taughtElements(taught, 'skype_udp4', 1000);
  assert.equal(port, {
    key: byteString(portKey('192.168.1.34', 13021)!),
    expires: 1000 + 7200 * 1000,
  });
  const [byMac] = taughtElements(taught, 'skype_udpmac', 1000);
  assert.is(byMac?.key, byteString(portKey('02:00:00:00:00:0a', 13021)!));
  const [peer] = taughtElements(taught, 'skype_peer4', 1000);
  assert.equal(peer, {
    key: byteString(pairKey('192.168.1.34', '86.128.10.1')!),
    expires: 1000 + 3600 * 1000,
  });
});

test('bounded by the cap, aged, and without what is configured no more', () => {
  const taught = createTaught();
  for (let i = 1; i <= 9; i++) {
    const key = byteString(portKey('192.168.1.34', i)!);
    noteTaught(taught, 'skype_udp4', { key, expires: i * 100 }, 4);
  }
  assert.is(taughtElements(taught, 'skype_udp4', 0).length, 4);
  assert.equal(
    taughtElements(taught, 'skype_udp4', 700).map(({ expires }) => expires),
    [800, 900],
  );
  expireTaught(taught, 850);
  assert.is(taught.get('skype_udp4')!.size, 1);
  retainTaught(taught, ['other']);
  assert.is(taught.size, 0);
});

test('a restarted agent takes over what stands, names where an earlier one left them', () => {
  const memory = { learned: createLearned(), taught: createTaught(), gateways: new Set<string>() };
  const standing = new Map([
    [
      'skype_addr4',
      [
        { key: byteString(addressKey('23.96.10.11')!), left: 30_000 },
        { key: byteString(addressKey('23.96.10.12')!), left: 1 },
      ],
    ],
    ['skype_peer4', [{ key: byteString(pairKey('192.168.1.34', '86.128.10.1')!), left: 5000 }]],
    ['skype_udp4', [{ key: byteString(portKey('192.168.1.34', 13021)!), left: 0 }]],
  ]);
  const origins = [
    { app: 'skype', address: '23.96.10.11', name: 'ui.skype.com', device: '192.168.1.34' },
  ];
  const count = adoptElements(memory, app, (set) => standing.get(set) ?? [], origins, 1000);
  assert.is(count, 3);
  assert.is(findEndpoint(memory.learned, 'skype', '23.96.10.11')?.name, 'ui.skype.com');
  assert.match(findEndpoint(memory.learned, 'skype', '23.96.10.12')!.name, 'adopted');
  const held = heldElements(memory, 3000);
  assert.equal(held.get('skype_addr4'), [
    { key: byteString(addressKey('23.96.10.11')!), left: 28_000 },
  ]);
  assert.equal(held.get('skype_peer4'), [
    { key: byteString(pairKey('192.168.1.34', '86.128.10.1')!), left: 3000 },
  ]);
  assert.is(held.get('skype_udp4'), undefined);
});

const never = (): boolean => false;

test('a reading of a set forgets what is not in it, and nothing that came meanwhile', () => {
  const key = (last: number) => byteString(pairKey('192.168.1.34', `198.51.100.${last}`)!);
  const peers = (whole: boolean): number[] => {
    const taught = createTaught();
    const note = (last: number, expires: number) =>
      noteTaught(taught, 'skype_peer4', { key: key(last), expires }, 100);
    note(1, 5000);
    note(2, 5000);
    const reading = beginReading(taught, 'skype_peer4');
    takeRead(taught, reading, { key: key(1), expires: 9000 }, never);
    note(3, 6000);
    takeRead(taught, reading, { key: key(4), expires: 7000 }, never);
    endReading(taught, reading, whole);
    return taughtElements(taught, 'skype_peer4', 0).map((one) => one.key.charCodeAt(7));
  };
  assert.equal(peers(true), [1, 3, 4]);
  // A reading that was cut short removes no element.
  assert.equal(peers(false), [1, 2, 3, 4]);
});

test('a reading does not take the lease of an element that the host program has just added', () => {
  const key = (last: number) => byteString(pairKey('192.168.1.34', `198.51.100.${last}`)!);
  const taught = createTaught();
  const set = 'skype_peer4';
  for (const last of [1, 2]) noteTaught(taught, set, { key: key(last), expires: 300_000 }, 100);
  const reading = beginReading(taught, set);
  const asked: string[] = [];
  const isUnread = (one: string): boolean => {
    asked.push(one);
    return one !== key(2);
  };
  for (const last of [1, 2, 3]) {
    takeRead(taught, reading, { key: key(last), expires: 86_400_000 }, isUnread);
  }
  // The kernel's clock begins a little later: nothing new.
  takeRead(taught, reading, { key: key(1), expires: 301_000 }, isUnread);
  endReading(taught, reading, true);
  assert.equal(asked, [key(1), key(2), key(3)]);
  const living = taughtElements(taught, set, 0);
  assert.equal(living, [
    { key: key(1), expires: 301_000 },
    { key: key(2), expires: 86_400_000 },
  ]);
});

test('what a reading finds lives as long as the kernel says', () => {
  const taught = createTaught();
  const key = byteString(addressKey('192.168.1.34')!);
  noteTaught(taught, 'skype_portmap4', { key, expires: 5000 }, 100);
  const reading = beginReading(taught, 'skype_portmap4');
  takeRead(taught, reading, { key, expires: 9000 }, never);
  endReading(taught, reading, true);
  assert.equal(taughtElements(taught, 'skype_portmap4', 8999).length, 1);
  assert.equal(taughtElements(taught, 'skype_portmap4', 9000).length, 0);
});

test('a table made again keeps an endpoint as long as the one before did', () => {
  const learned = createLearned();
  const addresses = [{ address: '203.0.113.1', ttlSeconds: 60 }];
  const told = {
    app: 'skype',
    name: 'x',
    entry: 'x',
    device: '192.168.1.34',
    refused: [],
    root: 'x',
    targets: [],
  };
  for (const at of [0, 200]) learnEndpoints(learned, { ...told, at, addresses }, 10);
  const held = heldElements({ learned, taught: createTaught(), gateways: new Set<string>() }, 1000);
  assert.equal(held.get('skype_addr4'), [
    { key: byteString(addressKey('203.0.113.1')!), left: 300_000 + SLACK - 1000 },
  ]);
});

test('a table that is written anew knows the devices of the ports and peers that it gets', () => {
  const taught = createTaught();
  const note = (set: string, key: Uint8Array | null) =>
    noteTaught(taught, set, { key: byteString(key!), expires: 9000 }, 10);
  note('skype_udp4', portKey('192.168.1.10', 13021));
  note('skype_peer4', pairKey('192.168.1.10', '93.184.216.34'));
  note('skype_peer4', pairKey('192.168.1.11', '93.184.216.34'));
  note('skype_peer6', pairKey('fd00:1::10', '2600:1406:3a::34'));
  note('skype_portmap4', addressKey('192.168.1.12'));
  const held = withDevices(
    heldElements({ learned: createLearned(), taught, gateways: new Set() }, 1000),
  );
  const devices = (set: string) => held.get(set)?.map(({ key }) => addressOf(bytesIn(key)));
  assert.equal(devices('client4'), ['192.168.1.10', '192.168.1.11']);
  assert.equal(devices('client6'), ['fd00:1::10']);
  assert.is(held.get('skype_peer4')?.length, 2);
});

test.run();
