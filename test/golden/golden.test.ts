// Golden cases: test/golden/TOPIC/CASE.txt, one behaviour a file: a description, a configuration (`--- uci`) or
// the changes of the base policy (`--- policy`, fixtures/policies.ts), the parts of the table to show, and the
// expected nft text. `nft -c` also checks the whole table of every case in an empty network namespace. `node
// test/golden/update.mjs` writes the compiler's output into the files.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { renderLoad } from '../../agent/src/ruleset/render.ts';
import { withoutAnnouncements } from '../../agent/src/ruleset/without-logs.ts';
import { type Golden, goldenFiles, goldenPath, policyOf, readGolden } from '../fixtures/goldens.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { renderReload } from '../lib/reload.ts';

const UPDATE = process.env.GOLDEN_UPDATE === '1';
const SCRATCH = `out/golden/${process.pid}.nft`;
mkdirSync('out/golden', { recursive: true });

function write({ prose, uci, policy, show, nft }: Golden): string {
  const given = uci === '' ? '' : `--- uci\n${uci}`;
  const change = policy === '' ? '' : `--- policy\n${policy}`;
  return `${prose}${given}${change}--- show\n${show}--- nft\n${nft}`;
}

/** The lines of the table that a case asks for: `chain NAME`, `set NAME`, `rules TEXT`, `reload TEXT`. */
function excerpt(load: string, reload: string, wish: string): string {
  const [kind = '', ...rest] = wish.split(' ');
  const name = rest.join(' ');
  if (kind === 'chain' || kind === 'set') return block(load, `  ${kind} ${name} {`);
  if (kind === 'reload') return matching(reload, name);
  if (kind === 'rules') return matching(load, name);
  throw new Error(`golden: cannot show "${wish}"`);
}

function block(text: string, head: string): string {
  const lines = text.split('\n');
  const from = lines.indexOf(head);
  if (from < 0) return `no ${head.trim().slice(0, -2)}\n`;
  const to = lines.indexOf('  }', from);
  return `${lines
    .slice(from, to + 1)
    .map((line) => line.slice(2))
    .join('\n')}\n`;
}

function matching(text: string, part: string): string {
  const lines = text.split('\n').filter((line) => line.includes(part));
  return lines.length === 0
    ? `nothing with ${part}\n`
    : `${lines.map((l) => l.trim()).join('\n')}\n`;
}

/** Checks the table with nft; `queue` needs a kernel with NFQUEUE. */
function check(text: string): string {
  writeFileSync(SCRATCH, text);
  const result = spawnSync('unshare', ['-n', 'nft', '-c', '-f', SCRATCH], { encoding: 'utf8' });
  return result.status === 0 ? '' : result.stderr;
}

const hasQueue =
  check('table inet t { chain c { type filter hook forward priority 0\nqueue to 1\n} }') === '';

for (const file of goldenFiles()) {
  test(file, () => {
    const golden = readGolden(file);
    const policy = policyOf(golden);
    const ruleset = compile(policy);
    const load = renderLoad(ruleset);
    // The next agent takes a table whose policy has the same JSON (runtime/table-state, takeMade).
    assert.is(renderLoad(compile(JSON.parse(JSON.stringify(policy)))), load);
    const reload = renderReload(compile(policyFrom({})), ruleset);
    const wishes = golden.show.trim().split('\n');
    const nft = wishes.map((wish) => excerpt(load, reload, wish)).join('\n');
    if (UPDATE) writeFileSync(goldenPath(file), write({ ...golden, nft }));
    else assert.fixture(nft, golden.nft);
    if (!load.includes(' queue ') || hasQueue) assert.is(check(load), '');
  });
}

test('the base policy, for a kernel that announces nothing', () => {
  const load = renderLoad(withoutAnnouncements(compile(policyFrom({}))));
  if (!load.includes(' queue ') || hasQueue) assert.is(check(load), '');
});

if (!hasQueue)
  console.log(
    'golden: this kernel has no nft queue: tables with one are loaded by scripts/lab.sh golden alone',
  );

test.run();
