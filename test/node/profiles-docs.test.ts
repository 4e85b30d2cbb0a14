// docs/profiles.md: each JSON block is a valid profile for the agent's own reader, whole or as a part of the first,
// and every field of the schema is in the page's tables.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dayOf, expiredRanges } from '../../agent/src/profile/expiry.ts';
import { openZoneNotes } from '../../agent/src/profile/open-zones.ts';
import { parseProfile } from '../../agent/src/profile/parse.ts';
import type { Schema } from '../../agent/src/syntax/json-schema.ts';

const page = readFileSync('docs/profiles.md', 'utf8');
const schema = JSON.parse(readFileSync('agent/profiles/profile.schema.json', 'utf8')) as Schema;
const blocks = Array.from(
  page.matchAll(/^```json\n(.*?)^```/gms),
  ([, text]) => JSON.parse(text!) as Record<string, unknown>,
);
const [smallest, ...parts] = blocks;

function read(value: unknown) {
  const result = parseProfile(JSON.stringify(value), 'docs/profiles.md');
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

test('the first block is a whole profile without a note', () => {
  const profile = read(smallest);
  assert.equal(openZoneNotes(profile, 'x'), []);
});

test('every member of it is needed', () => {
  for (const name of Object.keys(smallest!)) {
    const { [name]: _, ...rest } = smallest!;
    assert.not.ok(parseProfile(JSON.stringify(rest), 'x').ok, name);
  }
});

test('every other block is valid in its place, and its ranges were not expired when it was written', () => {
  assert.ok(parts.length >= 6, `${parts.length} parts`);
  for (const part of parts) {
    const profile = read({ ...smallest, ...part });
    assert.equal(expiredRanges(profile, dayOf(Date.parse('2026-11-29'))), []);
  }
});

test('every field of the schema stands in a table, and is used by a block', () => {
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|')[1]!)
    .join(' ');
  const used = JSON.stringify(blocks);
  const visit = (part: Schema) => {
    for (const [name, member] of Object.entries(part.properties ?? {})) {
      const isGroup = member.properties !== undefined || name === 'ranges';
      assert.ok(
        isGroup || new RegExp(`\`(\\w+\\.)?${name.replace('$', '\\$')}\``).test(rows),
        name,
      );
      assert.ok(used.includes(`"${name}":`), `${name}: in no block`);
      visit(member);
    }
    for (const one of Object.values(part.$defs ?? {})) visit(one);
    if (part.items) visit(part.items);
  };
  visit(schema);
});

test.run();
