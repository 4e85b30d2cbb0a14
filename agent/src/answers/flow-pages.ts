// answers/flow-pages: a page of the open flows, for a table that shows some of thousands: those of an app or device,
// or with a text in them, in the wanted order. Pure.
import type { LiveFlow } from '../account/ledger.ts';
import { flowText } from '../wire/flow-text.ts';
import type { DeviceNames } from './device-names.ts';
import { type FlowAnswer, flowRow } from './flows.ts';
import type { Present } from './now.ts';
import type { Rows } from './rows.ts';

export interface FlowsAsked {
  /** Name of the app, address of the device; '': of each. */
  readonly app: string;
  readonly device: string;
  /** Part of the device's name, of the flow's text, of its app, proxy or evidence; '': each flow. */
  readonly search: string;
  readonly sort: string;
  readonly descending: boolean;
  readonly offset: number;
  readonly limit: number;
}

export interface FlowPage extends Rows<FlowAnswer> {
  /** Number of flows that were asked for, on all pages. */
  readonly total: number;
}

type Key = (flow: LiveFlow, names: DeviceNames) => string | number;

const nameOf: Key = ({ original }, names) => names.nameOf(original.source) ?? original.source;
const sizeOf = ({ up, down }: LiveFlow): number => up + down;

/** What a page can be sorted by. `age`: the oldest is the largest. */
const KEYS: { readonly [sort: string]: Key } = {
  bytes: sizeOf,
  age: ({ start }) => -start,
  device: nameOf,
  app: ({ app }) => app,
  remote: ({ original }) => original.destination,
  port: ({ original }) => original.destinationPort,
  proxy: ({ proxy }) => proxy,
  evidence: ({ evidence }) => evidence,
};

/** The page of `flows` that is asked for; unknown words of `sort` are read as `bytes`. */
export function flowPage(
  flows: Iterable<LiveFlow>,
  asked: FlowsAsked,
  names: DeviceNames,
  present: Present,
): FlowPage {
  const wanted = Array.from(flows).filter((flow) => isWanted(flow, asked, names));
  const { offset, limit, descending } = asked;
  const key = Object.hasOwn(KEYS, asked.sort) ? KEYS[asked.sort]! : sizeOf;
  const sorted =
    key === sizeOf && descending
      ? largest(wanted, offset + limit)
      : ordered(wanted, (flow) => key(flow, names), descending);
  const rows = sorted.slice(offset, offset + limit).map((one) => flowRow(one, names, present));
  const total = wanted.length;
  return { rows, total, ...(offset + rows.length < total ? { more: true as const } : {}) };
}

function isWanted(
  flow: LiveFlow,
  { app, device, search }: FlowsAsked,
  names: DeviceNames,
): boolean {
  const { original, proxy, evidence, detail } = flow;
  if ((app !== '' && flow.app !== app) || (device !== '' && original.source !== device))
    return false;
  if (search === '') return true;
  const name = names.nameOf(original.source) ?? '';
  const text = [name, flowText(original), flow.app, proxy, evidence, detail].join(' ');
  return text.toLowerCase().includes(search.toLowerCase());
}

function ordered(
  flows: readonly LiveFlow[],
  key: (flow: LiveFlow) => string | number,
  descending: boolean,
): LiveFlow[] {
  const sign = descending ? -1 : 1;
  return flows
    .map((flow) => ({ flow, by: key(flow) }))
    .sort((a, b) => (a.by === b.by ? 0 : a.by < b.by ? -sign : sign))
    .map(({ flow }) => flow);
}

/** The `most` flows with most bytes, largest first, without sorting the others. */
export function largest(flows: readonly LiveFlow[], most: number): LiveFlow[] {
  if (flows.length <= most) return flows.slice().sort((a, b) => sizeOf(b) - sizeOf(a));
  const sizes = Float64Array.from(flows, sizeOf).sort();
  const least = sizes[sizes.length - most]!;
  const above = flows.filter((flow) => sizeOf(flow) > least);
  const level = flows.filter((flow) => sizeOf(flow) === least).slice(0, most - above.length);
  return [...above.sort((a, b) => sizeOf(b) - sizeOf(a)), ...level];
}
