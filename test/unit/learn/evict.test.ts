// learn/evict: an almost full set evicts the elements unused for longest of the device that holds most.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createTaught, noteTaught, taughtElements } from '../../../agent/src/learn/dynamic-sets.ts';
import { capOf, surplusOf } from '../../../agent/src/learn/evict.ts';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { EXPIRED } from '../../../agent/src/ruleset/compile/sets.ts';
import { pairKey, pairOf } from '../../../agent/src/ruleset/elements.ts';
import { LEARNED_SETS, SHARE_SETS, setName } from '../../../agent/src/ruleset/names.ts';
import { byteString, bytesIn } from '../../../agent/src/wire/hex.ts';
import { policyFrom } from '../../fixtures/policies.ts';

const LEASE = 345_600_000;
const pair = (device: number, peer: number): Uint8Array =>
  pairKey(`192.168.1.${device}`, `93.184.${peer >> 8}.${peer & 255}`)!;
/** Peers 1 to `count`, the first used last: `left` (remaining time) falls with the time since use. */
const entries = (device: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ key: pair(device, i + 1), left: LEASE - i * 60_000 }));

test('of one device, what was used last stays', () => {
  const gone = surplusOf(entries(11, 64), 64).map((key) => pairOf(key)!.peer);
  const longest = Array.from({ length: 8 }, (_, i) => `93.184.0.${64 - i}`);
  assert.equal(gone, longest);
  assert.equal(surplusOf(entries(11, 55), 64), []);
});

test('a device that holds few keeps the oldest of them', () => {
  const old = { key: pair(12, 9), left: 5000 };
  const gone = surplusOf([old, ...entries(11, 60)], 64);
  assert.is(gone.length, 7);
  assert.not.ok(gone.some((key) => pairOf(key)!.device === '192.168.1.12'));
});

test('what the agent knows of a set follows the same rule, in whatever order the kernel is read', () => {
  const taught = createTaught();
  const all = entries(11, 64).sort((a, b) => (a.key[7]! % 7) - (b.key[7]! % 7));
  for (const { key, left } of all)
    noteTaught(taught, 'x_peer4', { key: byteString(key), expires: left }, 64);
  noteTaught(taught, 'x_peer4', { key: byteString(pair(11, 200)), expires: LEASE }, 64);
  const peers = taughtElements(taught, 'x_peer4', 0).map(({ key }) => pairOf(bytesIn(key))!.peer);
  assert.is(peers.length, 57);
  for (let i = 57; i <= 64; i++) assert.not.ok(peers.includes(`93.184.0.${i}`), String(i));
});

test('the caps of sets are the sizes that the table declares', () => {
  const policy = policyFrom({ globals: { hold: true }, resolverBypass: { hello: 'hold' } });
  const { name, profile } = policy.apps[0]!;
  const sets = compile(policy).sets.filter((one) => one.role === 'learned');
  for (const kind of [...LEARNED_SETS, ...SHARE_SETS]) {
    const set = sets.find((one) => one.name === setName(name, kind, 4));
    assert.ok(set !== undefined, kind);
    // Elements that have expired and are still counted.
    assert.ok([0, EXPIRED].includes(set!.size - capOf(profile.caps, kind)), kind);
  }
});

test.run();
