// Writes the figures of README.md, docs/benchmarks.md and docs/applications.md from the measurements in docs/figures
// and the profiles: the text between "<!-- figures: NAME -->" and "<!-- end -->". `figures.mjs --check` writes nothing
// and fails if a page differs. `figures.mjs --age` says how many commits have changed what each benchmark measures since
// its figures were measured. The measurements are written by `npm run bench -- --keep`, `scripts/lab.sh --sessions 20
// --compare --keep`, `npm run scale -- --keep` and `scripts/applications.mjs`.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { number } from './lib/number.mjs';
import { kernelTable, scaleTable } from './lib/scale.mjs';
import { table } from './lib/table.mjs';
import { readWords } from './lib/usage.mjs';

const words = readWords(import.meta.url, { options: ['--check', '--age'] });
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const read = (name) => JSON.parse(readFileSync(`docs/figures/${name}.json`, 'utf8'));

/** What each file of figures measures, and its own programs: a commit that changes nothing of it leaves them valid. */
const MEASURED = {
  bench: ['agent', 'test/bench', 'test/lab/bench', 'scripts/bench.sh'],
  scale: ['agent', 'test/scale', 'scripts/scale.sh'],
};

const MODES = {
  hold: 'whp, DNS answers held',
  watch: 'whp, DNS answers only watched (`hold 0`)',
  nftset: "dnsmasq's nftset alone",
};

function measured({ command, date, tree, router }) {
  return `\`${command}\`, ${router} router, ${date.slice(0, 10)}, tree ${tree}`;
}

function measuredBench({ command, date, tree, machine, runs }) {
  const spread = runs === 1 ? '1 run' : `the median of ${runs} runs`;
  return `\`${command}\`, ${date.slice(0, 10)}, tree ${tree}, ${spread}, ${machine}`;
}

const withUnit = (value, unit) => `${number(value)} ${unit}`;

/** What was measured beside a figure. */
const besideText = ({ beside }) =>
  beside.map(({ what, value, unit }) => `${what}: ${withUnit(value, unit)}`);

/** `make`: the table. */
function measuredScale(make) {
  const scale = read('scale');
  return `Measured: ${measuredBench(scale)}.\n\n${make(scale)}`;
}

/** "kept", or by how much the limit is missed, bold. */
function verdict({ value, unit, budget, kept }) {
  if (kept === null) return '';
  if (kept) return 'kept';
  const how = budget.kind === 'most' ? 'over' : 'under';
  return `**${withUnit(Math.abs(value - budget.limit), unit)} ${how}**`;
}

function benchTable(bench) {
  const rows = bench.figures.map((one) => {
    const { name, value, unit, least, most, runs, budget, note } = one;
    const sign = budget?.kind === 'most' ? 'at most' : 'at least';
    const limit = budget === null ? '' : `${sign} ${budget.limit} ${unit}`;
    const spread = runs === 1 ? '' : `${number(least)} - ${number(most)}`;
    const others = [...besideText(one), note].filter((text) => text !== '').join('; ');
    return [name, withUnit(value, unit), spread, limit, verdict(one), others];
  });
  const head = ['figure', 'value', 'least - most', 'limit', '', 'beside it'];
  return `Measured: ${measuredBench(bench)}.\n\n${table(head, rows)}`;
}

function sessionsTable(sessions) {
  const head = [
    '',
    'sessions',
    'that leaked',
    'packets leaked',
    'packets in the tunnel',
    'unrelated packets proxied',
    "home's address seen",
  ];
  const rows = sessions.rows.map(({ mode, ...counts }) => [MODES[mode], ...Object.values(counts)]);
  return `Measured: ${measured(sessions)}.\n\n${table(head, rows)}`;
}

/** The figures that answer a question of an owner. */
function costsTable(bench) {
  const rows = bench.figures
    .filter(({ question }) => question !== null)
    .map((one) => [one.question, withUnit(one.value, one.unit), besideText(one).join('; ')]);
  return `Measured: ${measuredBench(bench)}.\n\n${table(['', '`whp`', 'beside it'], rows)}`;
}

/** The shipped profile of an application, or null. */
function profileOf(name) {
  const file = `agent/profiles/${name}.json`;
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

function sums(captures) {
  const sum = (field) => captures.reduce((total, one) => total + one[field], 0);
  const files = captures.length === 1 ? '1 capture' : `${captures.length} captures`;
  return `${sum('proxied')} of ${sum('flows')} connections proxied in ${files}`;
}

/** One row for each application with a profile, and one for all others. */
function applicationsTable({ applications }) {
  const known = applications.filter(({ name }) => profileOf(name) !== null);
  const others = applications.filter(({ name }) => profileOf(name) === null);
  const rows = known.map(({ name, title, captures }) => {
    const { retired } = profileOf(name);
    const service = retired === undefined ? '' : `; **the service ended on ${retired}**`;
    return [title, `recognised by a profile${service}`, sums(captures)];
  });
  const names = others.map(({ title }) => title).join(', ');
  const all = others.flatMap(({ captures }) => captures);
  rows.push(
    [
      'servers whose names you know',
      'proxied by a rule of your own',
      '[a test of yours](docs/install.md#4-the-test)',
    ],
    [
      'all that one device sends: a console, a tablet',
      'proxied by a rule for that device',
      'tests of the rules; no real application yet',
    ],
  );
  rows.push([names, '**not recognised by themselves, so not hidden**', sums(all)]);
  return table(['application', 'today', 'shown by'], rows);
}

function capturesTable(result) {
  const rows = result.applications.flatMap(({ title, captures }) =>
    captures.map(({ file, year, what, flows, proxied }) => [
      title,
      `${what}, ${year ?? 'undated'} (\`${file}\`)`,
      String(flows),
      String(proxied),
    ]),
  );
  const head = ['application', 'capture', 'connections', 'proxied'];
  return `Measured: \`${result.command}\`, ${result.date.slice(0, 10)}, tree ${result.tree}.\n\n${table(head, rows)}`;
}

const BLOCKS = {
  sessions: () => sessionsTable(read('sessions')),
  bench: () => benchTable(read('bench')),
  costs: () => costsTable(read('bench')),
  applications: () => applicationsTable(read('applications')),
  captures: () => capturesTable(read('applications')),
  scale: () => measuredScale(scaleTable),
  scaleKernel: () => measuredScale(kernelTable),
};

function block(name) {
  const make = BLOCKS[name];
  if (make === undefined)
    throw new Error(`figures: no block "${name}"; known: ${Object.keys(BLOCKS).join(', ')}`);
  return make();
}

/** "figures: bench 3 commits old (tree 0123456789)". */
function age(name) {
  const { tree } = read(name);
  const range = `${tree.split(' ')[0]}..HEAD`;
  const count = spawnSync('git', ['rev-list', '--count', range, '--', ...MEASURED[name]], {
    encoding: 'utf8',
  });
  const commits = count.stdout.trim();
  const old =
    count.status === 0
      ? `${commits} ${commits === '1' ? 'commit' : 'commits'} old`
      : 'of a tree that is not in this history';
  return `figures: ${name} ${old} (tree ${tree})`;
}

if (words.includes('--age')) {
  for (const name of Object.keys(MEASURED)) console.log(age(name));
  process.exit();
}
const check = words.includes('--check');
let blocks = 0;
for (const page of ['README.md', 'docs/benchmarks.md', 'docs/applications.md']) {
  const text = readFileSync(page, 'utf8');
  const next = text.replace(
    /(<!-- figures: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, open, name, close) => {
      blocks += 1;
      return `${open}${block(name)}\n${close}`;
    },
  );
  if (next === text) continue;
  if (!check) writeFileSync(page, next);
  else {
    console.error(
      `figures: ${page} does not say what docs/figures says: run node scripts/figures.mjs`,
    );
    process.exitCode = 1;
  }
}
if (blocks === 0) throw new Error('figures: no page has a "<!-- figures: NAME -->" block');
