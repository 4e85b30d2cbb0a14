// What whp says of new flows of the app, held against what the wires showed; and the cells of the matrix.
import * as assert from 'uvu/assert';
import type { ErrorAnswer } from '../../agent/src/answers/error.ts';
import type { FlowAnswer } from '../../agent/src/answers/flows.ts';
import { byText } from '../../agent/src/answers/now.ts';
import type { ProxyAnswer } from '../../agent/src/answers/proxies.ts';
import type { Rows } from '../../agent/src/answers/rows.ts';
import type { StatusAnswer } from '../../agent/src/answers/status.ts';
import type { WhyAnswer } from '../../agent/src/answers/why-parts.ts';
import { flat } from '../lib/alarms.ts';
import type { Outputs, Told } from './outputs.ts';
import type { Crossed, Going } from './wire.ts';

export interface Expected {
  /** Name of the proxy, or what happens without one. */
  readonly way: 'a' | 'b' | 'refused' | 'direct';
  /** Exit status of `status --quiet`. */
  readonly quiet: number;
  /** Why it is so, as every output about the app says it; null: it is proxied. */
  readonly reason: RegExp | null;
  readonly proxies: Readonly<Record<string, ProxyAnswer['state']>>;
  /** The problems of `status`, each as "place text; fix". */
  readonly alarms: readonly RegExp[];
  /** Other problems follow, which depend on the time since. */
  readonly hasMore?: true;
  /** Open flows are lost: their packets leave by the WAN with the tunnel's source address. */
  readonly isLost?: true;
  /** Nothing is answered, and nothing leaves. */
  readonly isDropped?: true;
  /** `reason` is of some devices, and not of the one that sends. */
  readonly partly?: true;
  /** No app is enabled. */
  readonly idle?: true;
}

const WORDS = { proxied: /proxied/, refused: /REFUSED/, direct: /DIRECT/ } as const;
const TUNNELS = {
  up: /\bup\b/,
  down: /\bDOWN\b/,
  no_device: /\bNO DEVICE\b/,
  probing: /\b(probing|not answered yet)\b/,
} as const;

/** Of the words for states the text has this one first; a reason may follow it. */
function names(text: string, state: Crossed['state'], about: string): void {
  const at = (word: RegExp): number => text.search(word) >>> 0;
  const [first] = Object.entries(WORDS).sort(([, a], [, b]) => at(a) - at(b));
  assert.is(WORDS[state].test(text) && first![0], state, `${about}: ${text}`);
}

/** A flow that goes on and gets no answer: it is not said to be in the tunnel. */
export function judgeLost(going: Going, flow: string, { whyOpen, flows }: Outputs): void {
  assert.is(going.state, 'lost');
  assert.equal([whyOpen.state, whyOpen.proxy], ['direct', null], whyOpen.verdict);
  assert.match(whyOpen.verdict, /^DIRECT: .* is in no list lan, .*nobody answers them/);
  const row = flows.rows.find((one) => one.flow === flow);
  if (row !== undefined) assert.is(row.state, 'direct');
}

/** A flow that goes on: `why` and the list say where its packets go. */
export function judgeOpen(
  { state, proxy, seen }: Going,
  flow: string,
  { whyOpen, flows }: Outputs,
): void {
  const about = `why ${flow}: ${whyOpen.verdict}; ${seen}`;
  assert.equal([whyOpen.state, whyOpen.proxy], [state, proxy], about);
  const row = flows.rows.find((one) => one.flow === flow);
  if (state === 'proxied') assert.ok(row, `no row of ${flow}`);
  if (row !== undefined) assert.equal([row.state, row.proxy], [state, proxy], `flows; ${seen}`);
}

export function judge(expected: Expected, crossed: Crossed, told: Outputs): void {
  const { way, quiet } = expected;
  assert.is(crossed.proxy ?? crossed.state, way, crossed.seen);
  assert.is(told.quiet, quiet, 'status --quiet');
  judgeStatus(expected, crossed, told);
  judgeWhy(expected, crossed, told);
  judgeFlows(crossed, told);
  judgeProxies(expected, told);
  judgeTest(expected, crossed, told);
  judgeReport(told);
}

/** The line of a table that begins with these words, and lines that are indented below it. Two spaces part columns. */
function row(text: string, first: string): string {
  const [, rest] = `\n${text}`.split(`\n${first} `);
  return rest === undefined ? '' : flat(`${first} ${rest.split(/\n(?! )/)[0]}`);
}

/** The problems as "place text; fix", without those of this home, whose tunnels are no GRE devices. */
function alarmsOf({ problems }: StatusAnswer): string[] {
  return problems
    .filter(({ text }) => !text.includes('File exists'))
    .map(({ place = '', text, fix = 'NO COMMAND' }) => `${place} ${text}; ${fix}`.trim());
}

function judgeStatus(expected: Expected, crossed: Crossed, told: Outputs): void {
  const { reason, alarms, idle, hasMore, partly } = expected;
  for (const [name, status] of Object.entries({
    'status --json': told.status,
    'rpcd status': told.rpcd.status,
    'the report': told.reported!,
  })) {
    const found = alarmsOf(status);
    if (!hasMore) assert.is(found.length, alarms.length, `${name}: ${found.join('\n')}`);
    for (const alarm of alarms)
      assert.ok(
        found.some((line) => alarm.test(line)),
        `${name}: ${alarm}: ${found.join('\n')}`,
      );
    if (idle) {
      assert.equal([status.state, status.apps], ['idle', []], name);
      continue;
    }
    const now = status.apps[0]!.new_connections;
    assert.equal([now.state, now.proxy], [crossed.state, crossed.proxy], name);
    assert.is(now.partly, partly === true, name);
    if (reason === null) assert.is(now.reason, null);
    else assert.match(now.reason!, reason);
  }
  const text = flat(told.statusText);
  const first = text.startsWith('PARTLY WORKING: ');
  assert.is(first, partly === true, text);
  if (idle) assert.match(text, /\bidle\b/);
  else names(row(told.statusText, 'skype '), crossed.state, 'status');
  // A person reads each problem with its commands. A retry may begin or end one between two questions: those that
  // stand before and after the text are looked for in it.
  const after = told.rpcd.status.problems.map((one) => one.text);
  const stand = told.status.problems.filter((one) => after.includes(one.text));
  for (const { text: what, fix } of stand) {
    assert.ok(text.includes(flat(what)), `status: "${what}" is not in ${text}`);
    for (const one of fix?.split('; ') ?? ['NO COMMAND'])
      assert.ok(text.includes(one), `status: "${one}" is not in ${text}`);
  }
}

function judgeWhy({ reason, idle, partly }: Expected, crossed: Crossed, told: Outputs): void {
  const answers = [...told.why, told.rpcd.why];
  for (const [at, why] of answers.entries()) {
    const about = `why ${why.query}: ${why.verdict}`;
    assert.equal([why.state, why.proxy], [crossed.state, crossed.proxy], about);
    assert.is(why.app, idle ? null : 'skype', about);
    const isOfOne = partly === true && why.query.startsWith('udp ');
    if (reason !== null && !isOfOne) assert.match(why.verdict, reason);
    else if (crossed.proxy !== null) assert.match(why.verdict, `proxy ${crossed.proxy}`);
    const text = told.whyText[at] ?? '';
    if (at < told.why.length && !idle) names(why.verdict, crossed.state, about);
    if (at < told.why.length) assert.ok(flat(text).includes(flat(why.verdict)), text);
  }
}

/** The rows of a flow. */
export function rowsOf(flows: Told<Rows<FlowAnswer>>, { flow }: Crossed): FlowAnswer[] {
  return (flows.rows ?? []).filter((one) => one.flow === flow);
}

/** A flow that is refused, that the owner keeps direct, or of no app, is no flow of the list. */
function judgeFlows(crossed: Crossed, told: Outputs): void {
  const { cause } = told.status.apps[0]?.new_connections ?? { cause: null };
  const isListed =
    crossed.state === 'proxied' || (crossed.state === 'direct' && cause === 'fallback');
  for (const flows of [told.flows, told.rpcd.flows]) {
    const found = rowsOf(flows, crossed).map(({ state, proxy }) => [state, proxy]);
    assert.equal(found, isListed ? [[crossed.state, crossed.proxy]] : []);
  }
  const text = row(told.flowsText, crossed.flow);
  if (isListed)
    assert.match(text, new RegExp(`${crossed.flow} .*\\b${crossed.proxy ?? 'DIRECT'}\\b`));
  else assert.is(text, '');
}

function judgeProxies({ proxies, way, idle }: Expected, told: Outputs): void {
  const asked = told.proxies.rows.map(({ proxy, state }) => [proxy, state]);
  const states = Object.fromEntries(asked) as Expected['proxies'];
  assert.equal({ ...states, ...proxies }, states, 'proxy list --json');
  assert.equal(
    told.status.proxies.map(({ proxy, state }) => [proxy, state]),
    asked,
    'status and proxy list',
  );
  for (const [name, state] of Object.entries(proxies)) {
    assert.match(row(told.proxiesText, name), TUNNELS[state]);
    assert.match(row(told.statusText, name), TUNNELS[state]);
  }
  const [preferred] = told.proxies.rows.filter((one) => one.preferred);
  assert.is(told.status.preferred_proxy, preferred?.proxy ?? null);
  if (preferred === undefined) return;
  assert.is(preferred.proxy, way);
  assert.match(row(told.proxiesText, preferred.proxy), 'until whp proxy use auto');
  assert.match(flat(told.statusText), new RegExp(`proxy ${preferred.proxy} alone.* whp proxy use`));
  assert.not.ok(idle);
}

/** The last line of `whp test`, about a call. */
function judgeTest({ reason, idle, partly }: Expected, crossed: Crossed, { test }: Outputs): void {
  const last = test.at(-1)!;
  assert.is(last.subject, idle ? 'call' : 'call skype');
  if (test.some((one) => one.subject === 'file')) {
    // The file on disk is not what is in force: no tunnel is tried.
    assert.match(
      last.text,
      new RegExp(`into the tunnel ${crossed.proxy}, .*last good configuration`),
    );
    return;
  }
  if (crossed.state === 'proxied') {
    const exit = crossed.proxy === 'a' ? '203.0.113.20' : '203.0.113.21';
    assert.match(last.text, `would leave by ${exit}; your own address`);
    if (partly) {
      assert.match(last.text, reason!);
      assert.is(last.state, 'wrong');
    }
    return;
  }
  assert.is(last.state, 'wrong');
  assert.ok((last.fix ?? '') !== '', 'a command');
  if (idle) assert.match(last.text, /by your own address 198\.51\.100\.10.*: nothing is proxied/);
  else names(last.text, crossed.state, 'test');
  if (!idle) assert.match(last.text, reason!);
}

/** The report has the state, and neither a key nor a public address nor a MAC. */
function judgeReport({ report, status, reported }: Outputs): void {
  const secrets = /271828182|203\.0\.113\.|198\.51\.100\.|111\.221\.74\.|02:00:00:00:00:0a/;
  const line = report.split('\n').find((one) => secrets.test(one));
  assert.is(line, undefined);
  assert.equal(
    reported!.proxies.map(({ state }) => state),
    status.proxies.map(({ state }) => state),
  );
}

/** Without an agent every output says so, with the command that starts one, and nobody pretends to know. */
export function judgeNobody(told: Outputs): void {
  const START = '/etc/init.d/whp enable; /etc/init.d/whp start';
  assert.is(told.quiet, 3);
  const { status, flows, proxies, rpcd, why } = told;
  const rpc = [rpcd.status, rpcd.why, rpcd.flows, rpcd.devices, ...rpcd.others];
  for (const answer of [status, flows, proxies, ...why, ...rpc] as readonly ErrorAnswer[]) {
    assert.match(answer.error, /no agent is running/);
    assert.is(answer.fix, START, answer.error);
  }
  for (const text of [told.statusText, told.flowsText, told.proxiesText, ...told.whyText])
    assert.match(flat(text), new RegExp(`no agent is running.*${START}`));
  const last = told.test.at(-1)!;
  assert.match(last.text, /may leave by your own address.*no agent runs/);
  assert.match(last.fix!, START);
  assert.is(told.reported, null);
  assert.match(told.report, /==== whp status\nno agent is running/);
}

const OUTPUTS = [
  'wire',
  'open flow',
  'status',
  'status --quiet',
  'why',
  'flows',
  'proxy list',
  'status --json',
  'why --json',
  'flows --json',
  'proxy list --json',
  'rpcd',
  'test',
  'diag',
] as const;

export type Cells = Readonly<Record<(typeof OUTPUTS)[number], string>>;

/** The sentences and fields of each output that are about the app's new flows. */
export function cellsOf(crossed: Crossed, open: string, told: Outputs): Cells {
  const { status, flows, proxies, why, rpcd, reported } = told;
  const now = (one: Told<StatusAnswer>): string => {
    if (one.error !== undefined) return errorCell(one);
    const { state, proxy, cause } = one.apps[0]?.new_connections ?? { state: 'no app' };
    return [state, proxy ?? cause ?? '', `dns_answers ${one.dns_answers}`].join(' ');
  };
  const ways = (list: Told<Rows<FlowAnswer>>): string =>
    list.error === undefined
      ? rowsOf(list, crossed).map(byText).join() || 'no row'
      : errorCell(list);
  const verdict = (one: Told<WhyAnswer>): string =>
    one.error === undefined ? `${one.state} ${one.app} ${one.proxy}` : errorCell(one);
  const states = (list: Told<Rows<ProxyAnswer>>): string =>
    list.rows
      ?.map((one) => `${one.proxy} ${one.state}${one.preferred ? ' preferred' : ''}`)
      .join() ?? errorCell(list);
  const last = told.test.at(-1)!;
  const line = row(told.flowsText, crossed.flow);
  return {
    wire: crossed.seen,
    'open flow': `${open}; why: ${verdict(told.whyOpen)}`,
    status: statusCell(told),
    'status --quiet': `exit ${told.quiet}`,
    why:
      why[0]!.error === undefined ? `${why[0]!.query}: ${why[0]!.verdict}` : flat(told.whyText[0]!),
    flows: line === '' ? flat(told.flowsText.split('\n').slice(0, 2).join(' ')) : line,
    'proxy list': flat(told.proxiesText.replace(/^proxy .*\n/, '')),
    'status --json': now(status),
    'why --json': verdict(why[0]!),
    'flows --json': ways(flows),
    'proxy list --json': states(proxies),
    rpcd: `status: ${now(rpcd.status)}; why: ${verdict(rpcd.why)}; flows: ${ways(rpcd.flows)}`,
    test: `${last.subject}: ${last.text}; ${last.fix ?? 'no command'}`,
    diag: reported === null ? 'no agent is running' : now(reported),
  };
}

function errorCell({ error, fix }: Partial<ErrorAnswer>): string {
  return `error: ${error}; ${fix}`;
}

function statusCell({ status, statusText }: Outputs): string {
  if (status.error !== undefined) return flat(statusText);
  const app = row(statusText, 'skype ');
  const alarms = alarmsOf(status).map((line) => `! ${line}`);
  return [app === '' ? flat(statusText.split('\n')[0]!) : app, ...alarms].join(' / ');
}

/** The matrix in Markdown: a row for each state. */
export function tableOf(rows: readonly (readonly [state: string, cells: Cells])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((one) => one.replaceAll('|', '\\|')).join(' | ')} |\n`;
  const head = ['state', ...OUTPUTS];
  const body = rows.map(([state, cells]) => line([state, ...OUTPUTS.map((one) => cells[one])]));
  return [line(head), line(head.map(() => '---')), ...body].join('');
}
