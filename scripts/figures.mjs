// Writes the figures of README.md and docs/benchmarks.md from the measurements in docs/figures: the text
// between "<!-- figures: NAME -->" and "<!-- end -->". `figures.mjs --check` writes nothing and fails if a page
// differs. The measurements are written by `npm run bench -- --keep` and `scripts/lab.sh --sessions 20
// --compare --keep`.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const read = (name) => JSON.parse(readFileSync(`docs/figures/${name}.json`, 'utf8'));

/** The benchmark's figures that README.md shows. */
const COSTS = [
  'start to table loaded, first start',
  'resident memory, idle',
  'resident memory, many endpoints learned',
  'held, forwarded, no match, p50',
  'held, forwarded, no match, p99',
  'held, forwarded, match, p50',
  'held, forwarded, match, p99',
  'answers a second before a drop, 5 % match',
  'forwarding with the table: TCP direct',
  'forwarding with the table: UDP 64 B direct',
  'forwarding with the table: TCP in the tunnel, beside plain GRE',
  'forwarding with the table: UDP 64 B in the tunnel, beside plain GRE',
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
function benchTable(bench, figures) {
  const rows = figures.map(({ name, value, unit, budget, kept, note }) => {
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

function block(name) {
  if (name === 'sessions') return sessionsTable(read('sessions'));
  const bench = read('bench');
  if (name === 'bench') return benchTable(bench, bench.figures);
  if (name !== 'costs')
    throw new Error(`figures: no block "${name}"; known: sessions, bench, costs`);
  const chosen = COSTS.map((wanted) => {
    const found = bench.figures.find((one) => one.name === wanted);
    if (found === undefined) throw new Error(`docs/figures/bench.json has no figure "${wanted}"`);
    return found;
  });
  return benchTable(bench, chosen);
}

const check = process.argv[2] === '--check';
let blocks = 0;
for (const page of ['README.md', 'docs/benchmarks.md']) {
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
