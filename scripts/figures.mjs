// Writes the figures of README.md, docs/benchmarks.md and docs/applications.md from the measurements in docs/figures
// and the profiles: the text between "<!-- figures: NAME -->" and "<!-- end -->". `figures.mjs --check` writes nothing
// and fails if a page differs. The measurements are written by `npm run bench -- --keep`, `scripts/lab.sh --sessions 20
// --compare --keep` and `scripts/applications.mjs`.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readWords } from './lib/usage.mjs';

const words = readWords(import.meta.url, { options: ['--check'] });
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const read = (name) => JSON.parse(readFileSync(`docs/figures/${name}.json`, 'utf8'));

/** What an owner of a router asks, and the figure of the benchmark that answers it. */
const COSTS = [
  [
    'a DNS answer that has nothing to do with an application arrives later by (median)',
    'held, forwarded, no match, p50',
  ],
  ['the slowest of a hundred such answers, by', 'held, forwarded, no match, p99'],
  ['memory of the agent', 'resident memory, idle'],
  [
    'web and games: speed of one TCP connection, of that without `whp`',
    'forwarding with the table: TCP direct',
  ],
  [
    'in the tunnel: of the speed of the same tunnel made by hand',
    'forwarding with the table: TCP in the tunnel, beside plain GRE',
  ],
];

const MODES = {
  hold: 'whp, DNS answers held',
  watch: 'whp, DNS answers only watched (`hold 0`)',
  nftset: "dnsmasq's nftset alone",
};

function number(value) {
  if (!Number.isFinite(value)) return 'none';
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |');
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function measured({ command, date, tree, router }) {
  return `\`${command}\`, ${router} router, ${date.slice(0, 10)}, tree ${tree}`;
}

/** A value outside its limit is bold. */
function benchTable(bench) {
  const rows = bench.figures.map(({ name, value, unit, budget, kept, note }) => {
    const sign = budget?.kind === 'most' ? 'at most' : 'at least';
    const limit = budget === null ? '' : `${sign} ${budget.limit} ${unit}`;
    const text = `${number(value)} ${unit}`;
    return [name, kept === false ? `**${text}**` : text, limit, note];
  });
  return `Measured: ${measured(bench)}.\n\n${table(['figure', 'value', 'limit', 'note'], rows)}`;
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

function costsTable(bench) {
  const rows = COSTS.map(([question, wanted]) => {
    const found = bench.figures.find(({ name }) => name === wanted);
    if (found === undefined) throw new Error(`docs/figures/bench.json has no figure "${wanted}"`);
    const [speeds] = /[\d.]+ beside [\d.]+ Mbit\/s/.exec(found.note) ?? [];
    const value = `${number(found.value)} ${found.unit}`;
    return [question, speeds === undefined ? value : `${value} (${speeds})`];
  });
  return `Measured: ${measured(bench)}.\n\n${table(['', 'on the emulated router'], rows)}`;
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
};

function block(name) {
  const make = BLOCKS[name];
  if (make === undefined)
    throw new Error(`figures: no block "${name}"; known: ${Object.keys(BLOCKS).join(', ')}`);
  return make();
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
