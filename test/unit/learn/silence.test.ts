// learn/silence: which ends of cut flows are silenced, which devices get a TCP reset, and that the list is
// bounded by device.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createTaught } from '../../../agent/src/learn/dynamic-sets.ts';
import { createLearned } from '../../../agent/src/learn/endpoints.ts';
import {
  createSilence,
  type Ending,
  expireSilence,
  isResettable,
  silenced,
} from '../../../agent/src/learn/silence.ts';
import { heldElements } from '../../../agent/src/learn/snapshot.ts';
import type { Connection } from '../../../agent/src/netlink/conntrack.ts';
import { endsKey } from '../../../agent/src/ruleset/elements.ts';
import { byteString } from '../../../agent/src/wire/hex.ts';
import { rounds } from '../../lib/rounds.ts';

const HOME = '198.51.100.10';
const PHONE = '192.168.1.11';
const PEER = '86.128.10.1';
const HOUR = 3_600_000;

/** The device's port 5000 is 6000 outside. */
function connection(device: string, remote: string, port: number, protocol = 17): Connection {
  const none = { original: 0, reply: 0 };
  return {
    family: 4,
    original: {
      protocol,
      source: device,
      sourcePort: 5000,
      destination: remote,
      destinationPort: port,
    },
    reply: {
      protocol,
      source: remote,
      sourcePort: port,
      destination: HOME,
      destinationPort: 6000,
    },
    status: 2,
    mark: 0,
    id: 1,
    zone: 0,
    timeout: 100,
    packets: none,
    bytes: none,
  };
}

const out = (device: string, remote: string, port: number): Ending => ({
  connection: connection(device, remote, port),
  outward: true,
});

test('the end is the remote one as it comes to the router, whoever began', () => {
  const silence = createSilence();
  const one = connection(PHONE, PEER, 40000);
  const inward = {
    connection: { ...one, original: one.reply, reply: one.original },
    outward: false,
  };
  for (const ending of [out(PHONE, PEER, 40000), inward]) {
    const { added, gone } = silenced(silence, [ending], 1000);
    assert.equal([added.length, gone.length, silence.size], [1, 0, 1]);
    assert.equal(added[0], {
      set: 'cut4',
      key: endsKey(PEER, 40000, 6000),
      device: PHONE,
      until: 1000 + HOUR,
    });
  }
});

test('an echo has no ports to be silenced', () => {
  const ending = { connection: connection(PHONE, PEER, 2048, 1), outward: true };
  assert.equal(silenced(createSilence(), [ending], 0), { added: [], gone: [] });
});

test('TCP that both ends believe in is reset; offloaded, unanswered and UDP are not', () => {
  const tcp = connection(PHONE, PEER, 443, 6);
  const resettable = (one: Connection) => isResettable(one, 0x0f000000);
  assert.is(resettable(tcp), true);
  assert.is(resettable({ ...tcp, status: 0 }), false);
  assert.is(resettable({ ...tcp, status: 2 | (1 << 14) }), false);
  assert.is(resettable({ ...tcp, status: 2 | (1 << 15) }), false);
  // Offloaded to our own flow table: its packets still pass every rule.
  assert.is(resettable({ ...tcp, status: 2 | (1 << 14), mark: 0x01000000 }), true);
  assert.is(resettable(connection(PHONE, PEER, 443)), false);
});

test('a device that has thousands of flows cut makes room among its own', () => {
  const silence = createSilence();
  silenced(silence, [out('192.168.1.12', PEER, 60000)], 0);
  for (let port = 1; port <= rounds(1200, 3000); port++) {
    const { gone } = silenced(silence, [out(PHONE, PEER, port)], port);
    assert.ok(gone.every(({ device }) => device === PHONE));
  }
  assert.is(silence.size, 1024);
  assert.ok(Array.from(silence.values()).some(({ device }) => device === '192.168.1.12'));
});

test('it ends after an hour, and until then a new table has it', () => {
  const silence = createSilence();
  silenced(silence, [out(PHONE, PEER, 40000)], 0);
  const memory = {
    learned: createLearned(),
    taught: createTaught(),
    gateways: new Set<string>(),
    silence,
  };
  const key = byteString(endsKey(PEER, 40000, 6000)!);
  const left = (now: number) => heldElements(memory, now).get('cut4');
  assert.equal(left(1000), [{ key, left: 300_000 }]);
  assert.equal(left(HOUR - 5000), [{ key, left: 5000 }]);
  assert.equal(expireSilence(silence, HOUR - 1), []);
  assert.is(expireSilence(silence, HOUR).length, 1);
  assert.is(silence.size, 0);
});

test.run();
