// answers/rpc: the answers for rpcd's plugin, and so for LuCI: the objects of the command line (docs/json.md), at
// most the 256 KiB that rpcd accepts, and made from the agent's memory, so that an answer is quick with any number
// of flows. Pure but for the effects of `ask`.
import { csvText } from '../account/csv.ts';
import type { Ledger, LiveFlow } from '../account/ledger.ts';
import { RANGES, type RangeName, samples } from '../account/series.ts';
import type { Checked, Problem } from '../syntax/result.ts';
import type { DeviceNames } from './device-names.ts';
import { type ErrorAnswer, errorAnswer } from './error.ts';
import { type FlowPage, flowPage, largest } from './flow-pages.ts';
import { type EndedAnswer, endedRow, type FlowAnswer, flowRow } from './flows.ts';
import type { Present } from './now.ts';
import { type Rows, rowsOf } from './rows.ts';

/** Default and, for LuCI, largest number of rows: what a slow router writes in 0.15 s. */
const ROWS = 100;
export const RPC_ROWS = 200;
const ACTIONS = ['reload', 'pause', 'resume', 'forget', 'pin', 'unpin', 'use'];

/** A reply of daemon/serve. */
export interface Reply {
  readonly ok: boolean;
  readonly answer?: unknown;
  readonly error?: string;
  readonly problems?: readonly Problem[];
  /** Exit status of a command that failed; default 1, 2: the command line is wrong. */
  readonly status?: number;
}

export interface RpcSources {
  /** Or why nothing is counted. */
  readonly ledger: Checked<Ledger>;
  readonly names: DeviceNames;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Most rows that may be asked for. */
  readonly mostRows: number;
  /** What decides the way of packets now. */
  present(): Present;
  /** Asks daemon/serve as the command line does; resolves to its reply. */
  ask(method: string, operand: string, limit: number): Promise<unknown>;
}

/** Totals of every subject. */
export interface TotalsAnswer extends Rows<TotalAnswer> {
  readonly flows_open: number;
  readonly flows_ended: number;
}

export interface TotalAnswer {
  /** "app skype", "device 192.168.1.11", "proxy cloud". */
  readonly subject: string;
  /** Name of a device; null: it has none, or the subject is no device. */
  readonly device: string | null;
  readonly bytes_up: number;
  readonly bytes_down: number;
  readonly flows: number;
}

/** Bytes of a subject in each slot of a range, oldest first. */
export interface SeriesAnswer {
  readonly subject: string;
  readonly device: string | null;
  readonly range: RangeName;
  /** Length of a slot. */
  readonly step_s: number;
  /** Start of the first slot, seconds since 1970. */
  readonly start_time: number;
  readonly bytes_up: readonly number[];
  readonly bytes_down: readonly number[];
}

type Input = Readonly<Record<string, unknown>>;

/** The answer of `call`, or an ErrorAnswer. `given` comes from outside and is checked. */
export async function rpcAnswer(call: string, given: unknown, from: RpcSources): Promise<object> {
  const input: Input =
    typeof given === 'object' && given !== null && !Array.isArray(given) ? (given as Input) : {};
  switch (call) {
    case 'status':
    case 'devices':
    case 'check':
    case 'profiles':
      return unwrap(await from.ask(call, '', RPC_ROWS));
    case 'learned':
      return unwrap(await from.ask(call, '', limitOf(from, input)));
    case 'flows':
      return flows(from, input);
    case 'why':
      return unwrap(await from.ask('why', textOf(input, 'query'), 0));
    case 'counters':
      return counters(from, input);
    case 'log':
      return ended(from, input);
    case 'action': {
      const name = textOf(input, 'name');
      if (!ACTIONS.includes(name)) return failed(`no such action: ${ACTIONS.join(', ')}`);
      return unwrap(await from.ask(name, textOf(input, 'operand'), RPC_ROWS));
    }
    default:
      return failed('no such method');
  }
}

function failed(error: string): ErrorAnswer {
  return { error };
}

function textOf(input: Input, name: string): string {
  const value = input[name];
  return typeof value === 'string' ? value.slice(0, 512) : '';
}

function limitOf({ mostRows }: RpcSources, { limit }: Input): number {
  return typeof limit === 'number' && limit >= 1 ? Math.min(mostRows, Math.floor(limit)) : ROWS;
}

function unwrap(reply: unknown): object {
  const { ok, answer, error, problems } = reply as Reply;
  if (ok) return answer as object;
  return errorAnswer(problems ?? [{ where: '', what: error ?? 'failed' }]);
}

/** A page of the open flows: by default those with most bytes. */
function flows(from: RpcSources, input: Input): FlowPage | ErrorAnswer {
  const { ledger, names } = from;
  if (!ledger.ok) return failed(ledger.what);
  const { sort, descending, offset } = input;
  const asked = {
    app: textOf(input, 'app'),
    device: textOf(input, 'device'),
    search: textOf(input, 'search'),
    sort: textOf(input, 'sort'),
    descending: descending === true || typeof sort !== 'string' || sort === '',
    offset: typeof offset === 'number' && offset >= 1 ? Math.floor(offset) : 0,
    limit: limitOf(from, input),
  };
  return flowPage(ledger.value.live.values(), asked, names, from.present());
}

/** Rows of the `most` flows with most bytes. */
export function liveRows(
  flows: readonly LiveFlow[],
  most: number,
  names: DeviceNames,
  present: Present,
): Rows<FlowAnswer> {
  const rows = largest(flows, most).map((one) => flowRow(one, names, present));
  return flows.length > rows.length ? { rows, more: true } : { rows };
}

/** Totals of every subject; with `subject` and `range`, the series of that subject. */
function counters(
  { ledger: known, time, names }: RpcSources,
  input: Input,
): TotalsAnswer | SeriesAnswer | ErrorAnswer {
  if (!known.ok) return failed(known.what);
  const ledger = known.value;
  const deviceOf = (subject: string): string | null =>
    subject.startsWith('device ') ? names.nameOf(subject.slice('device '.length)) : null;
  const name = textOf(input, 'subject');
  if (name === '') {
    const rows = Array.from(ledger.subjects, ([subject, { up, down, flows: count }]) => ({
      subject,
      device: deviceOf(subject),
      bytes_up: up,
      bytes_down: down,
      flows: count,
    }));
    return { rows, flows_open: ledger.live.size, flows_ended: ledger.endedCount };
  }
  const subject = ledger.subjects.get(name);
  const range = textOf(input, 'range') || 'hour';
  if (subject === undefined)
    return failed(`nothing counted for ${name}; whp flows --totals has what is counted`);
  if (!Object.hasOwn(RANGES, range)) return failed(`range: ${Object.keys(RANGES).join(', ')}`);
  const all = samples(subject.series, range as RangeName, time);
  // Bare numbers; a year is 73 of them.
  const column = (side: 'up' | 'down'): number[] => all.map((one) => Math.round(one[side]));
  return {
    subject: name,
    device: deviceOf(name),
    range: range as RangeName,
    step_s: RANGES[range as RangeName].step / 1000,
    start_time: all[0]!.at / 1000,
    bytes_up: column('up'),
    bytes_down: column('down'),
  };
}

/** Ended flows, newest first; with format "csv" as the text of a file, oldest first. */
function ended(
  from: RpcSources,
  input: Input,
): Rows<EndedAnswer> | { readonly csv: string } | ErrorAnswer {
  const { ledger, names } = from;
  if (!ledger.ok) return failed(ledger.what);
  const all = ledger.value.ended;
  if (textOf(input, 'format') === 'csv') return { csv: csvText(all, names.nameOf) };
  const { rows, ...more } = rowsOf(all.slice().reverse(), limitOf(from, input));
  return { rows: rows.map((one) => endedRow(one, names)), ...more };
}
