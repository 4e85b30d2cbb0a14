// reloadText on a real kernel: from one policy to another in one transaction. The result equals a first load of
// the new policy, and learned elements are kept.
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { addressKey, pairKey, portKey } from '../../agent/src/ruleset/elements.ts';
import { renderLoad, renderParts } from '../../agent/src/ruleset/render.ts';
import { type Held, loadText, reloadText } from '../../agent/src/ruleset/transaction.ts';
import { byteString } from '../../agent/src/wire/hex.ts';
import { type Change, policyFrom } from '../fixtures/policies.ts';
import { renderReload } from '../lib/reload.ts';
import { run } from '../lib/wires.ts';

const FOLDER = `out/netns/reload-${process.pid}`;
mkdirSync(FOLDER, { recursive: true });

/** Loads the texts one after the other in a fresh namespace and lists the table. */
function stateAfter(...texts: string[]): string {
  const files = texts.map((text, i) => {
    writeFileSync(`${FOLDER}/${i}.nft`, text);
    return `nft -f ${FOLDER}/${i}.nft`;
  });
  return run('unshare', ['-n', 'sh', '-ec', `${files.join('\n')}\nnft -s list table inet whp`]);
}

/** Blocks of a listing, sorted: the order of chains and sets does not matter. */
function blocks(listing: string): string[] {
  return listing
    .split(/\n\n/)
    .map((block) => block.replace(/^table inet whp \{\n|\n\}\n$/g, '').trim())
    .sort();
}

const LEARNED = [
  'add element inet whp skype_addr4 { 93.184.216.34 timeout 1h }',
  `add element inet whp skype_udp4 { 192.168.1.10 . ${13021 * 65536} }`,
  'add element inet whp skype_peer6 { fd00:1::10 . 2600:1406:3a::34 }',
].join('\n');

const CHANGES: [string, Change][] = [
  ['nothing', {}],
  ['another mask', { globals: { mask: 0x00f00000 } }],
  ['another home device', { globals: { lan: ['br-lan', 'br-guest'] } }],
  ['a second application', { apps: [{}, { name: 'other', slot: 2 }] }],
  ['no application', { apps: [] }],
  ['a second proxy', { proxies: [{}, { name: 'b', address: '198.51.100.8' }] }],
  ['no proxy', { proxies: [], app: { proxies: [] } }],
  ['limited to a device', { app: { devices: ['192.168.1.10'] } }],
  ['no peers', { profile: { peers: { enabled: false, leaseSeconds: 60 } } }],
  ['other ranges', { profile: { ranges: [] } }],
  ['other caps', { profile: { caps: { endpoints: 5, ports: 5, peers: 5, devices: 5 } } }],
];

for (const [name, change] of CHANGES) {
  test(`a reload leaves what a first load makes: ${name}`, () => {
    const [before, after] = [compile(policyFrom({})), compile(policyFrom(change))];
    const there = stateAfter(renderLoad(before), renderReload(before, after));
    const back = stateAfter(renderLoad(after), renderReload(after, before));
    assert.equal(blocks(there), blocks(stateAfter(renderLoad(after))));
    assert.equal(blocks(back), blocks(stateAfter(renderLoad(before))));
  });
}

test('learned elements outlive a reload, unless the set itself changes', () => {
  const before = compile(policyFrom({}));
  const ranges = compile(policyFrom({ profile: { ranges: [] } }));
  const kept = stateAfter(renderLoad(before), LEARNED, renderReload(before, ranges));
  assert.match(kept, '93.184.216.34');
  assert.match(kept, '192.168.1.10 . ');
  assert.match(kept, '2600:1406:3a::34');
  assert.not.match(kept, '111.221.74.0');
  const caps = { endpoints: 5, ports: 64, peers: 4096, devices: 256 };
  const smaller = compile(policyFrom({ profile: { caps } }));
  const changed = stateAfter(renderLoad(before), LEARNED, renderReload(before, smaller));
  assert.not.match(changed, '93.184.216.34');
  assert.match(changed, '192.168.1.10 . ');
});

const HELD: Held = new Map([
  ['skype_addr4', [{ key: byteString(addressKey('93.184.216.34')!), left: 90_500 }]],
  ['skype_udp4', [{ key: byteString(portKey('192.168.1.10', 13021)!), left: 1500 }]],
  ['skype_tcp6', [{ key: byteString(portKey('fd00:1::10', 443)!), left: 20_000 }]],
  ['skype_peer6', [{ key: byteString(pairKey('fd00:1::10', '2600:1406:3a::34')!), left: 1e9 }]],
  ['skype_peer4', [{ key: byteString(addressKey('192.0.2.1')!), left: 1000 }]],
]);

test('a table is loaded with what was held, each element for the rest of its life', () => {
  const standing = renderParts(compile(policyFrom({})));
  const file = `${FOLDER}/held.nft`;
  writeFileSync(file, loadText(standing, HELD));
  const listed = run('unshare', ['-n', 'sh', '-ec', `nft -f ${file}\nnft list table inet whp`]);
  assert.match(listed, /93\.184\.216\.34 expires 1m30s/);
  assert.match(listed, /192\.168\.1\.10 \. 0x32dd0000 expires 1s/);
  assert.match(listed, /fd00:1::10 \. 0x1bb0000 expires 19s/);
  // Never longer than the timeout of the set.
  assert.match(listed, /fd00:1::10 \. 2600:1406:3a::34 expires 59m59s/);
  // A key that does not fit the set is left out; the table loads.
  assert.not.match(listed, '192.0.2.1');
});

test('a learned set whose shape changes keeps what is held', () => {
  const caps = { endpoints: 1025, ports: 65, peers: 4097, devices: 257 };
  const [before, after] = [{}, { profile: { caps } }].map((change) =>
    renderParts(compile(policyFrom(change))),
  );
  const changed = stateAfter(
    loadText(before!, HELD),
    reloadText(before!, after!, () => HELD),
  );
  for (const one of ['93.184.216.34', '192.168.1.10 . ', 'fd00:1::10 . ', '2600:1406:3a::34']) {
    assert.match(changed, one);
  }
});

test('a reload that changes nothing is no transaction', () => {
  const standing = renderParts(compile(policyFrom({})));
  assert.is(reloadText(standing, JSON.parse(JSON.stringify(standing))), '');
});

test.run();
