// The transaction that loads a table, of every golden case and every policy of test/trace, against the messages that
// nft sends for the text of the same table. The kernel of this machine need not be able to load them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { batchOf } from '../../agent/src/ruleset/encode/batch.ts';
import { partsOf } from '../../agent/src/ruleset/encode/change.ts';
import { type EncodedTable, encodeTable } from '../../agent/src/ruleset/encode/table.ts';
import type { Ruleset } from '../../agent/src/ruleset/model.ts';
import type { CounterValues, Held } from '../../agent/src/ruleset/parts.ts';
import { renderParts } from '../../agent/src/ruleset/render.ts';
import { loadText } from '../../agent/src/ruleset/transaction.ts';
import { withoutAnnouncements } from '../../agent/src/ruleset/without-logs.ts';
import { goldenFiles, policyOf, readGolden } from '../fixtures/goldens.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { messagesOfNft } from '../lib/nft-messages.ts';
import { canonical, messagesIn } from '../lib/nft-trees.ts';
import { packFor } from '../lib/pack.ts';
import { GROUPS } from '../trace/groups.ts';

const SCRATCH = `out/golden/${process.pid}.transaction.nft`;
mkdirSync('out/golden', { recursive: true });

function encoded(ruleset: Ruleset): EncodedTable {
  const encoding = encodeTable(ruleset, true, packFor('little'));
  for (;;) {
    const { done, value } = encoding.next();
    if (done === true) return value;
  }
}

const seen = new Set<string>();

/** Compares what both send for a table, unless another case has the same one. */
function compare(
  ruleset: Ruleset,
  held: Held = new Map(),
  counts: CounterValues = new Map(),
): void {
  const standing = renderParts(ruleset);
  const text = loadText(standing, held, counts);
  if (seen.has(text)) return;
  seen.add(text);
  const made = { standing, encoded: encoded(ruleset), before: null, held, counts };
  const bytes = batchOf(partsOf({ without: [], made }), true, packFor('little'));
  const ours = messagesIn(bytes, 'little').map(canonical);
  writeFileSync(SCRATCH, text);
  const theirs = messagesOfNft(SCRATCH).map(canonical);
  const at = theirs.findIndex((one, i) => one !== ours[i]);
  if (at >= 0) assert.is(ours[at], theirs[at], `message ${at}`);
  assert.is(ours.length, theirs.length);
}

for (const file of goldenFiles()) {
  test(file, () => compare(compile(policyOf(readGolden(file)))));
}

for (const [i, { policy }] of GROUPS.entries()) {
  test(`policy ${i} of test/trace`, () => compare(compile(policy)));
}

test('a table without announcements', () => {
  compare(withoutAnnouncements(compile(policyFrom({}))));
});

test('a table with learned elements and counts', () => {
  const held = new Map([
    ['skype_addr4', [{ key: Uint8Array.of(203, 0, 113, 9), left: 1500.5 }]],
    ['skype_udp4', [{ key: Uint8Array.of(192, 168, 1, 10, 0xc3, 0x50, 0, 0), left: 60_000 }]],
    ['gateways', [{ key: Uint8Array.of(2, 0, 0, 0, 0, 1), left: 1000 }]],
  ]);
  compare(compile(policyFrom({})), held, new Map([['skype_proxied', { packets: 7, bytes: 900 }]]));
});

test.run();
