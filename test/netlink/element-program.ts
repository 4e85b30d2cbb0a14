// Runs in the host in a fresh network namespace: elements are added to the sets of the real table, and deleted, by
// packets to loopback. One line a claim.
import type { SetChange } from '../../agent/src/netlink/nft-set.ts';
import { runProgram } from '../../agent/src/os/process.ts';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { EXPIRED } from '../../agent/src/ruleset/compile/sets.ts';
import {
  addressKey,
  deviceKey,
  keptFor,
  pairKey,
  portKey,
  SLACK,
} from '../../agent/src/ruleset/elements.ts';
import { renderLoad } from '../../agent/src/ruleset/render.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { profile } from '../fixtures/profile.ts';
import { realKernel } from '../lib/kernel.ts';
import { claim, claimLater, finish, holds, same } from './claims.ts';

async function run(...command: string[]): Promise<string> {
  const { status, stdout, stderr } = await runProgram(command);
  if (status !== 0) throw new Error(`${command.join(' ')}: ${status} ${stderr}`);
  return stdout;
}

async function nft(text: string): Promise<void> {
  const { status, stderr } = await runProgram(['nft', '-f', '-'], { input: text });
  if (status !== 0) throw new Error(stderr);
}

const CAP = 8;
const caps = { endpoints: CAP, ports: 64, peers: 64, devices: 64 };
const policy = policyFrom({
  profile: { caps, dns: { ...profile.dns } },
  resolverBypass: { hello: 'watch' },
} as Parameters<typeof policyFrom>[0]);
const table = renderLoad(compile(policy));

await run('ip', 'link', 'set', 'lo', 'up');
await nft(table);
const { sets, tables } = realKernel();

const MAC = '02:00:00:00:00:0a';
const PHONE = '192.168.1.11';
const PHONE6 = 'fd00:1::11';
const [SERVER, SERVER6] = ['203.0.113.7', '2001:db8:7::7'];

const keysOf = (set: string): string[] => {
  const found = sets.read(set);
  return found.ok ? found.value.map(({ key }) => String(key)) : [`${found.error.errno}`];
};
const lives = (set: string): number[] => {
  const found = sets.read(set);
  return found.ok ? found.value.map(({ expiration }) => expiration ?? 0) : [];
};
const renew = (set: string, key: Uint8Array | null, timeout?: number): SetChange => ({
  operation: 'renew',
  set,
  elements: [timeout === undefined ? { key: key! } : { key: key!, timeout }],
});
const gone = (set: string, key: Uint8Array | null): SetChange => ({
  operation: 'delete',
  set,
  elements: [{ key: key! }],
});

const LEASE = keptFor(300_000);
const ALL: readonly (readonly [set: string, key: Uint8Array | null, timeout?: number])[] = [
  ['skype_addr4', addressKey(SERVER), LEASE],
  ['skype_addr6', addressKey(SERVER6), LEASE],
  ['skype_peer4', pairKey(PHONE, SERVER), LEASE],
  ['skype_peer6', pairKey(PHONE6, SERVER6), LEASE],
  ['skype_peermac4', pairKey(MAC, SERVER), LEASE],
  ['skype_peermac6', pairKey(MAC, SERVER6), LEASE],
  ['skype_portmap4', addressKey(PHONE)],
  ['skype_portmap6', addressKey(PHONE6)],
  ['skype_portmapmac', deviceKey(MAC)],
  ['skype_hello4', pairKey(PHONE, SERVER)],
  ['skype_hello6', pairKey(PHONE6, SERVER6)],
];

for (const [set, key, timeout] of ALL) {
  await claimLater(`${set}: added and deleted, and no transaction`, async () => {
    const before = tables.generation();
    same(sets.teach([renew(set, key, timeout)]), null);
    same(keysOf(set), [String(key)]);
    const left = lives(set)[0]!;
    if (timeout !== undefined) holds(left > 300_000 && left <= timeout, `${left} ms left`);
    same(sets.teach([gone(set, key)]), null);
    same(sets.teach([gone(set, key)]), null, 'what is not there is deleted all the same');
    await run('sleep', '0.05');
    same(keysOf(set), []);
    same(tables.generation(), before);
    same(sets.takeCommits(), 0);
  });
}

await claimLater('a segment that is awaited is forgotten', async () => {
  const key = portKey(PHONE, 40000);
  same(sets.change([renew('hello_segment4', key)]), null);
  sets.takeCommits();
  same(sets.teach([gone('hello_segment4', key)]), null);
  await run('sleep', '0.05');
  same([keysOf('hello_segment4'), sets.takeCommits()], [[], 0]);
});

claim('a longer lease lengthens an element, and each lease is there', () => {
  for (const seconds of [300, 1200, 3600, 14400, 86400]) {
    same(sets.teach([renew('skype_addr4', addressKey(SERVER), keptFor(seconds * 1000))]), null);
    const left = lives('skype_addr4')[0]!;
    holds(left > seconds * 1000 && left <= seconds * 1000 + SLACK, `${left} ms of ${seconds} s`);
  }
  same([keysOf('skype_addr4').length, sets.takeCommits()], [1, 0]);
});

claim('a lease that the table does not have is written by a transaction', () => {
  same(sets.teach([renew('skype_addr4', addressKey('203.0.113.8'), 200_000_000)]), null);
  same([keysOf('skype_addr4').length, sets.takeCommits()], [2, 1]);
});

claim('a transaction of ours asks for no new proof', () => {
  sets.takeCommits();
  for (let i = 1; i <= 100; i++) {
    same(sets.change([renew('skype_portmap4', addressKey(PHONE), 1000 + i)]), null);
    same(sets.teach([renew('skype_addr4', addressKey(SERVER), LEASE)]), null);
  }
  same([sets.takeCommits(), sets.byPacket()[4]], [100, true]);
});

await claimLater('a full set says so, and those that are in it are renewed', async () => {
  // The kernel collects what was deleted.
  await run('sleep', '2');
  for (let i = 0; i < CAP + EXPIRED - 2; i++) {
    same(
      sets.teach([renew('skype_addr4', addressKey(`203.0.${120 + (i >> 8)}.${i & 255}`), LEASE)]),
      null,
    );
  }
  same(keysOf('skype_addr4').length, CAP + EXPIRED);
  const error = sets.teach([renew('skype_addr4', addressKey('203.0.113.99'), LEASE)]);
  same([error?.operation, error?.object], ['change', 'set skype_addr4']);
  same(sets.teach([renew('skype_addr4', addressKey('203.0.120.1'), LEASE)]), null);
  same(sets.takeCommits(), 0);
});

await nft('flush set inet whp skype_addr4\n');

await claimLater('a foreign table that drops all of loopback comes too late', async () => {
  await nft(
    'table inet other { chain o { type filter hook output priority -500; oifname "lo" drop; }; }\n',
  );
  same(sets.teach([renew('skype_addr4', addressKey('203.0.113.99'), LEASE)]), null);
  same(keysOf('skype_addr4'), [String(addressKey('203.0.113.99'))]);
  same([sets.byPacket(), sets.takeCommits()], [{ 4: true, 6: null }, 0]);
});

await claimLater('where another table drops the packet first, transactions are used', async () => {
  // A chain that is registered later runs before those of the same priority.
  const last = 'type filter hook output priority -2147483648; oifname "lo" drop;';
  await nft(`table inet other { chain p { ${last} }; }\n`);
  same(sets.teach([renew('skype_addr4', addressKey('203.0.113.30'), LEASE)]), null);
  holds(keysOf('skype_addr4').includes(String(addressKey('203.0.113.30'))), 'it is in the set');
  same([sets.byPacket()[4], sets.takeCommits()], [false, 1]);
  await run('nft', 'delete', 'table', 'inet', 'other');
});

await claimLater('without our chains nothing passes for taken', async () => {
  await run('nft', 'flush', 'ruleset');
  const error = sets.teach([renew('skype_addr4', addressKey('203.0.113.31'), LEASE)]);
  same(error?.object, 'set skype_addr4');
  same(sets.byPacket()[4], false);
});

await claimLater('with lo down IPv6 falls back to transactions', async () => {
  await nft(table);
  await run('ip', 'link', 'set', 'lo', 'down');
  sets.takeCommits();
  same(sets.teach([renew('skype_addr6', addressKey(SERVER6), LEASE)]), null);
  same([keysOf('skype_addr6').length, sets.takeCommits()], [1, 1]);
});

finish();
