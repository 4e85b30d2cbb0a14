// answers/rpc: the answers for rpcd's plugin, and so for LuCI: always one object, at most the 256 KiB that rpcd
// accepts, and made from the agent's memory, so that an answer is quick with any number of flows. Flow lists say
// how many rows are left out. Pure but for the effects of `ask`.
import { csvText } from '../account/csv.ts';
import type { EndedFlow, Ledger, LiveFlow } from '../account/ledger.ts';
import { RANGES, type RangeName, samples } from '../account/series.ts';
import type { Checked } from '../syntax/result.ts';
import { flowText } from '../wire/flow-text.ts';
import type { FlowAnswer } from './flows.ts';

/** Default and, for LuCI, largest number of rows: what a slow router writes in 0.15 s. */
const ROWS = 100;
export const RPC_ROWS = 200;
const ACTIONS = ['reload', 'pause', 'resume', 'forget', 'pin', 'unpin', 'use'];

export interface RpcSources {
  /** Or why nothing is counted. */
  readonly ledger: Checked<Ledger>;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Most rows that may be asked for. */
  readonly mostRows: number;
  /** Asks daemon/serve as the command line does; resolves to its reply. */
  ask(method: string, operand: string, limit: number): Promise<unknown>;
}

type Input = Readonly<Record<string, unknown>>;

/** The answer of `call`; `{ error }` if it failed. `given` comes from outside and is checked. */
export async function rpcAnswer(call: string, given: unknown, from: RpcSources): Promise<object> {
  const input: Input =
    typeof given === 'object' && given !== null && !Array.isArray(given) ? (given as Input) : {};
  switch (call) {
    case 'status':
      return unwrap(await from.ask('status', '', 0));
    case 'flows':
      return flows(from, input);
    case 'learned':
      return unwrap(await from.ask('learned', '', rowsOf(from, input)));
    case 'why':
      return unwrap(await from.ask('why', textOf(input, 'query'), 0));
    case 'devices':
      return devices(await from.ask('devices', '', 0), from);
    case 'counters':
      return counters(from, input);
    case 'log':
      return endedRows(from, input);
    case 'action': {
      const name = textOf(input, 'name');
      if (!ACTIONS.includes(name)) return { error: `no such action: ${ACTIONS.join(', ')}` };
      return (await from.ask(name, textOf(input, 'operand'), 0)) as object;
    }
    default:
      return { error: 'no such method' };
  }
}

function textOf(input: Input, name: string): string {
  const value = input[name];
  return typeof value === 'string' ? value.slice(0, 512) : '';
}

function rowsOf({ mostRows }: RpcSources, { limit }: Input): number {
  return typeof limit === 'number' && limit >= 1 ? Math.min(mostRows, Math.floor(limit)) : ROWS;
}

/** The `answer` of a daemon/serve reply { ok, answer }; a list becomes { rows }. */
function unwrap(reply: unknown): object {
  const { ok, answer, error } = reply as { ok: boolean; answer?: unknown; error?: string };
  if (!ok) return { error: error ?? 'failed' };
  if (Array.isArray(answer)) return { rows: answer };
  return typeof answer === 'object' && answer !== null ? answer : { answer };
}

/** The flows with most bytes, of one app or device if given. */
function flows(from: RpcSources, input: Input): object {
  const { ledger } = from;
  if (!ledger.ok) return { error: ledger.what };
  const [app, device, most] = [textOf(input, 'app'), textOf(input, 'device'), rowsOf(from, input)];
  const wanted: LiveFlow[] = [];
  for (const flow of ledger.value.live.values()) {
    if ((app === '' || flow.app === app) && (device === '' || flow.original.source === device)) {
      wanted.push(flow);
    }
  }
  const rows = largest(wanted, most).map(flowRow);
  return { rows, total: wanted.length, more: wanted.length - rows.length };
}

/** A flow of the ledger in the form of `whp flows`. */
export function flowRow(flow: LiveFlow): FlowAnswer & { readonly start: number } {
  const { app, original, packets, up, down, evidence, detail, proxy, start } = flow;
  const bytes = up + down;
  return { app, flow: flowText(original), packets, bytes, evidence, detail, proxy, start };
}

/** The `most` flows with most bytes, largest first, without sorting the others. */
export function largest(flows: readonly LiveFlow[], most: number): LiveFlow[] {
  const size = (flow: LiveFlow): number => flow.up + flow.down;
  if (flows.length <= most) return flows.slice().sort((a, b) => size(b) - size(a));
  const sizes = Float64Array.from(flows, size).sort();
  const least = sizes[sizes.length - most]!;
  const above = flows.filter((flow) => size(flow) > least);
  const level = flows.filter((flow) => size(flow) === least).slice(0, most - above.length);
  return [...above.sort((a, b) => size(b) - size(a)), ...level];
}

/** The devices, each with the totals of its addresses. */
function devices(reply: unknown, { ledger }: RpcSources): object {
  const known = unwrap(reply) as { rows?: readonly { readonly addresses?: readonly string[] }[] };
  const totals = (address: string): object | undefined => {
    const subject = ledger.ok ? ledger.value.subjects.get(`device ${address}`) : undefined;
    return subject === undefined ? undefined : { up: subject.up, down: subject.down };
  };
  const rows = (known.rows ?? []).slice(0, RPC_ROWS).map((row) => {
    const used = (row.addresses ?? []).map(totals).filter((one) => one !== undefined);
    return { ...row, used };
  });
  return { rows };
}

/** Totals of every subject; with `subject` and `range`, the series of that subject. */
function counters({ ledger: known, time }: RpcSources, input: Input): object {
  if (!known.ok) return { error: known.what };
  const ledger = known.value;
  const name = textOf(input, 'subject');
  if (name === '') {
    const rows = Array.from(ledger.subjects, ([subject, { up, down, flows: count }]) => ({
      subject,
      up,
      down,
      flows: count,
    }));
    return { rows, live: ledger.live.size, ended: ledger.endedCount };
  }
  const subject = ledger.subjects.get(name);
  const range = textOf(input, 'range') || 'hour';
  if (subject === undefined) return { error: `nothing counted for ${name}` };
  if (!Object.hasOwn(RANGES, range)) return { error: `range: ${Object.keys(RANGES).join(', ')}` };
  const all = samples(subject.series, range as RangeName, time);
  const { step } = RANGES[range as RangeName];
  // Bare numbers, oldest first; a year is 73 of them.
  const column = (side: 'up' | 'down'): number[] => all.map((one) => Math.round(one[side]));
  return { subject: name, range, step, start: all[0]!.at, up: column('up'), down: column('down') };
}

/** Ended flows, newest first; with format "csv" as the text of a file, oldest first. */
function endedRows(from: RpcSources, input: Input): object {
  const { ledger } = from;
  if (!ledger.ok) return { error: ledger.what };
  const { ended, endedCount } = ledger.value;
  if (textOf(input, 'format') === 'csv') return { csv: csvText(ended) };
  const row = ({ original, ...rest }: EndedFlow) => ({
    ...rest,
    device: original.source,
    flow: flowText(original),
  });
  const rows = ended.slice(-rowsOf(from, input)).reverse().map(row);
  return { rows, total: endedCount };
}
