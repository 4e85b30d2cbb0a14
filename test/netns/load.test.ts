// A text loaded by the host program (whp:nft) against the same text loaded by nft: what nft lists, also with handles and
// as JSON, and the kernel's own dump are equal.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { texts } from '../fixtures/nft-texts.ts';
import { ours, theirs } from './loaded.ts';

/** What is left of an element's time. */
const LEFT = /expires (\d+(ms|[dhms]))+|"expires":\d+/g;

/** The order of elements in a hash is another each time, and so are sets by number; nft 1.0.6 converts one byte that
 * needs no conversion. */
function inOrder(dump: string): string[] {
  return dump
    .split('\n')
    .filter((line) => !/byteorder .* = hton\(reg \d+, 2, 1\)/.test(line))
    .flatMap((line) => line.split(/(?=\telement)/))
    .map((line) => line.replace(LEFT, 'expires'))
    .map((line) => line.replace(/__(set|map)\d+/, '__$1'))
    .sort();
}

/** Without the order of a hash. */
const sorted = (json: string): string[] =>
  (JSON.parse(json.replace(LEFT, '"expires":0')) as { nftables: unknown[] }).nftables
    .map((one) =>
      JSON.stringify(one).replace(/"(set|elem)":\[.*\]/, (list) => [...list].sort().join('')),
    )
    .sort();

/** A listing as lines, the elements of a list sorted; `handles`: of a change they are in another order. */
const lines = (list: string, isChange: boolean): string[] =>
  (isChange ? list.replace(/ ?(# )?"?handle"?:? \d+/g, '') : list)
    .replace(LEFT, 'expires')
    .split('\n')
    .map((line) => line.replace(/\{ [^}]*\}/g, (set) => [...set].sort().join('')));

/** This kernel may have no NFQUEUE and no flow tables; golden/messages compares the messages of all texts. */
const lacking = [
  ['queue ', 'chain c {\n type filter hook forward priority 0;\n queue to 1\n }'],
  ['flowtable ', 'flowtable f {\n hook ingress priority 0; devices = { lo };\n }'],
].flatMap(([word, body]) =>
  theirs({ before: '', text: `table inet t {\n ${body}\n}\n` }).status === 0 ? [] : [word!],
);

for (const { name, text, before } of texts()) {
  if (lacking.some((word) => `${text}${before}`.includes(word))) continue;
  test(name, () => {
    const isChange = before !== '';
    const [one, other] = [ours({ text, before }), theirs({ text, before })];
    assert.is(other.status, 0, other.texts.join('\n').slice(0, 2000));
    assert.is(one.status, 0, one.texts[0]);
    assert.equal(lines(one.texts[1]!, isChange), lines(other.texts[1]!, isChange));
    assert.equal(inOrder(one.texts[3]!), inOrder(other.texts[3]!));
    if (!isChange) assert.equal(sorted(one.texts[2]!), sorted(other.texts[2]!));
  });
}

test.run();
