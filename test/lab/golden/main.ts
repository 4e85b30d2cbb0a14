// `lab.sh golden [--all]`: every golden table, answers held, on the lab's MIPS router, whose kernel
// has nft's queue; with --all the tables that only watch, too. Per table: nft accepts it; loaded,
// the kernel holds exactly the expressions, elements, sets, chains and priorities that were asked
// for; what nft lists of it can be loaded again and gives the same; a reload ends at the same table.
import { resolve } from 'node:path';
import { startLab } from '../machine/lab.ts';
import { leave } from '../machine/leave.ts';
import type { Machine } from '../machine/machine.ts';
import { labOptions, ROUTER } from '../machine/options.ts';
import {
  differences,
  readBytecode,
  readDeclarations,
  type Table,
  tableDifferences,
} from './bytecode.ts';
import { baseLoad, type TableCase, tableCases } from './cases.ts';

const { values } = labOptions('golden', { router: ROUTER, all: false });
const FOLDER = '/tmp/golden';
const LIST = 'nft -y --debug=netlink list table inet whp';
/** Between the parts of one answer. */
const CUT = '@@@@\n';

/**
 * nft 1.0.6 lists the masked 32-bit load of the port sets as "udp sport" and then refuses that in a
 * set of its own typeof. Nothing in the product loads a listing; to load one here, the words have to
 * be put back. Answers the text and how many lines were changed.
 */
function unfolded(listing: string): { text: string; lines: number } {
  let lines = 0;
  const text = listing.split('\n').map((line) => {
    const protocol = /ip6? [sd]addr \. (udp|tcp) [sd]port/.exec(line)?.[1];
    if (protocol === undefined) return line;
    lines += 1;
    const raw = line.replace(
      /(ip6? [sd]addr) \. (?:udp|tcp) ([sd])port/g,
      (_, address, side) => `${address} . @th,${side === 's' ? 0 : 16},32 & 0xffff0000`,
    );
    return raw.replace(/^(\s*)/, `$1meta l4proto ${protocol} `);
  });
  return { text: text.join('\n'), lines };
}

function listingOf(answer: string): string {
  return answer.slice(answer.indexOf('table inet whp {'));
}

interface Loaded {
  readonly asked: Table;
  readonly kept: Table;
  readonly listing: string;
}

/** Checks, loads and lists; rejects with nft's words when it refuses. */
async function load(router: Machine, text: string): Promise<Loaded> {
  await router.put(`${FOLDER}/asked`, text);
  const answer = await router.must(
    `set -e
     nft -c --debug=netlink -f ${FOLDER}/asked; echo ${CUT.trim()}
     nft -f ${FOLDER}/asked; ${LIST}`,
    { timeout: 60_000 },
  );
  const [sent = '', listed = ''] = answer.split(CUT);
  return { asked: readBytecode(sent), kept: readBytecode(listed), listing: listingOf(listed) };
}

/** Loads what nft has listed into an empty place and lists it again. */
async function loadListing(router: Machine, text: string): Promise<string> {
  await router.put(`${FOLDER}/listing`, text);
  const line = `set -e; nft delete table inet whp; nft -f ${FOLDER}/listing; ${LIST}`;
  return router.must(line, { timeout: 60_000 });
}

async function reload(router: Machine, base: string, text: string): Promise<Table> {
  await router.put(`${FOLDER}/base`, base);
  await router.put(`${FOLDER}/reload`, text);
  const line = `set -e; nft delete table inet whp; nft -f ${FOLDER}/base; nft -f ${FOLDER}/reload`;
  return readBytecode(await router.must(`${line}; ${LIST}`, { timeout: 60_000 }));
}

/** The problems of one table; empty: none. */
async function judge(router: Machine, base: string, one: TableCase): Promise<string[]> {
  const { asked, kept, listing } = await load(router, one.load);
  const held = [...kept.rules.values()].flat().some((rule) => rule.includes('[ queue'));
  const wanted = readDeclarations(one.load);
  const again = await loadListing(router, unfolded(listing).text);
  const reloaded = await reload(router, base, one.reload);
  return [
    ...(asked.rules.size > 0 ? [] : ['nft sent no rules']),
    ...(held === one.held ? [] : [`the table ${held ? 'has a' : 'has no'} queue`]),
    ...tableDifferences(asked, kept).map((text) => `loaded: ${text}`),
    ...differences(wanted, readDeclarations(listing)).map((text) => `declared: ${text}`),
    ...tableDifferences(asked, readBytecode(again)).map((text) => `listing loaded: ${text}`),
    ...(listingOf(again) === listing ? [] : ['listing loaded: is listed otherwise']),
    ...tableDifferences(asked, reloaded).map((text) => `reloaded: ${text}`),
  ];
}

/** The comparison must notice one rule too many and one element too few. */
async function mustDiffer(router: Machine, text: string): Promise<string[]> {
  const { asked } = await load(router, text);
  const listed = await router.must(
    `set -e; nft add rule inet whp prerouting counter
     nft delete element inet whp bogon4 '{ 127.0.0.0-127.255.255.255 }'; ${LIST}`,
  );
  const seen = tableDifferences(asked, readBytecode(listed));
  return seen.length === 2 ? [] : [`two changes behind nft's back: seen ${seen.length}`];
}

async function main(): Promise<boolean> {
  const say = (line: string): void => console.error(`lab: ${line}`);
  const cases = tableCases().filter(({ held }) => held || values.all);
  const base = baseLoad();
  const out = resolve('out/lab/golden');
  const lab = await startLab({ router: values.router, out, say, capture: false });
  let passed = 0;
  let failed = 0;
  const test = async (name: string, run: () => Promise<string[]>): Promise<void> => {
    const problems = await run().catch((error: Error) => [error.message]);
    if (problems.length === 0) passed += 1;
    else failed += 1;
    console.log(`${problems.length === 0 ? 'ok' : 'not ok'} ${name}`);
    for (const problem of problems) console.log(`  ${problem}`);
  };
  try {
    await test('the comparison sees changes', () => mustDiffer(lab.router, base));
    for (const one of cases) {
      const name = `${one.held ? 'held' : 'watched'}: ${one.names.join(' ')}`;
      await test(name, () => judge(lab.router, base, one));
    }
  } finally {
    await lab.stop();
  }
  console.log(`golden tables on the router: ${passed} passed, ${failed} failed`);
  return failed === 0;
}

leave(main());
