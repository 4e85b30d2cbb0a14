// The transaction that whp:nft makes of a text, of every golden case and every policy of test/trace, against the messages
// that nft sends for it, and against those of the big-endian host under its emulator. The kernel of this machine need
// not be able to load them: netns/load does, where it can.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NFT_MSG_NEWSETELEM } from '../../agent/src/netlink/nft-constants.ts';
import { texts } from '../fixtures/nft-texts.ts';
import { HOSTS } from '../lib/bare.ts';
import { bundleForHost } from '../lib/host-bundle.ts';
import { messagesOfNft } from '../lib/nft-messages.ts';
import { inOneForm, messagesIn, type Sent } from '../lib/nft-trees.ts';

const ALL = texts();

/** Encodes all texts in the host of this name; answers the path of each. */
function encoded(host: 'x86_64' | 'mips'): readonly string[] {
  const folder = `out/golden/messages-${process.pid}-${host}`;
  mkdirSync(folder, { recursive: true });
  const files = ALL.map(({ text }, i) => {
    writeFileSync(`${folder}/${i}`, text);
    return `${folder}/${i}`;
  });
  const [command = '', ...words] = [...HOSTS[host]!, bundleForHost('test/netlink/nft-program.ts')];
  const env = { WHP_WATCHDOG_SECONDS: '600' };
  const run = spawnSync(command, [...words, 'encode', ...files], { encoding: 'utf8', env });
  assert.is(run.status, 0, `${run.stdout}${run.stderr}`);
  return files;
}

const here = encoded('x86_64');
const bigEndian = encoded('mips');
const batch = (file: string): Uint8Array => readFileSync(`${file}.batch`);

/** In a change nft sends the elements of a new set twice, and in another place: netns/load compares them. */
function compared(messages: readonly Sent[], isChange: boolean): string[] {
  const all = inOneForm(messages);
  const elements = `${NFT_MSG_NEWSETELEM} `;
  return isChange ? all.filter((text) => !text.startsWith(elements)).sort() : all;
}

function same(ours: readonly string[], theirs: readonly string[]): void {
  const at = theirs.findIndex((one, i) => one !== ours[i]);
  if (at >= 0) assert.is(ours[at], theirs[at], `message ${at}`);
  assert.is(ours.length, theirs.length);
}

for (const [i, { name, before }] of ALL.entries()) {
  test(name, () => {
    const file = here[i]!;
    const ours = messagesIn(batch(file), 'little');
    same(inOneForm(messagesIn(batch(bigEndian[i]!), 'big'), 'big'), inOneForm(ours));
    // Rules with a queue need not be there for it.
    writeFileSync(`${file}.before`, before.replace(/.* queue .*\n/g, ''));
    const theirs = messagesOfNft(file, `${file}.before`);
    same(compared(ours, before !== ''), compared(theirs, before !== ''));
  });
}

test('the comparison of byte orders sees a mark, a state and a name of a device', () => {
  const marked = ALL.findIndex(({ name }) => name === 'cost/two-applications.txt');
  const [little, big] = [
    inOneForm(messagesIn(batch(here[marked]!), 'little')),
    inOneForm(messagesIn(batch(bigEndian[marked]!), 'big'), 'big'),
  ].map((list) => list.join('\n')) as [string, string];
  for (const part of ['0000000f', '06000000', '62722d6c616e']) {
    assert.ok(little.includes(part), part);
    assert.ok(big.includes(part), part);
  }
  // Read as if it were of the other order, it differs.
  const raw = inOneForm(messagesIn(batch(bigEndian[marked]!), 'big'), 'little').join('\n');
  assert.is.not(raw, little);
});

test.run();
