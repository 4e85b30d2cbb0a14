// cli/text: lists of flows and of what is learned, and the answer of `whp why`, as text of 80 columns. Pure.

import type { EvidenceAnswer, FlowAnswer, LearnedAnswer } from '../answers/flows.ts';
import type { MonitorAnswer } from '../answers/monitor.ts';
import { byText } from '../answers/now.ts';
import type { Rows } from '../answers/rows.ts';
import type { WhyAnswer } from '../answers/why-parts.ts';
import { nameInWords, nameWithin } from '../learn/aliases.ts';
import { bytesText, counted, durationText } from '../syntax/words.ts';
import { type Row, table, tied, wrapped } from './columns.ts';
import { MOST_ROWS } from './commands.ts';

/** The note under a list that was cut. */
export function cut({ more }: { readonly more?: true }, limit = MOST_ROWS): string {
  if (more === undefined) return '';
  return `at most ${counted(limit, 'row')}${limit < MOST_ROWS ? '; for more: --limit N' : ''}\n`;
}

export function flowsText(flows: Rows<FlowAnswer>, limit?: number): string {
  if (flows.rows.length === 0) return 'no flow of an application now\n';
  const rows = flows.rows.map(
    (one): Row => [one.flow, byText(one), bytesText(one.bytes_up + one.bytes_down), [whyOf(one)]],
  );
  return `${table([['flow', 'by', 'bytes', ['why']], ...rows])}\n${cut(flows, limit)}`;
}

/** "tv, range: supernode range 111.221.74.0/24, port 33033". */
export function whyOf(one: Pick<FlowAnswer, 'device' | 'evidence' | 'detail'>): string {
  return `${one.device === null ? '' : `${one.device}, `}${one.evidence}: ${one.detail}`;
}

export function evidenceText(list: Rows<EvidenceAnswer>, limit?: number): string {
  if (list.rows.length === 0) return "no flow was an application's in the last hour\n";
  const rows = list.rows.map(
    (one): Row => [one.flow, `${durationText(one.ago_s)} ago`, [whyOf(one)]],
  );
  return `${table([['flow', 'when', ['why']], ...rows])}\n${cut(list, limit)}`;
}

export function learnedText(learned: LearnedAnswer, limit?: number): string {
  const rows: Row[] = [
    ...learned.endpoints.map((one): Row => {
      const name = nameInWords(one.name, one.root ?? undefined);
      const by = `${name}, asked by ${deviceText(one)}`;
      return [one.app, one.remote, 'any', durationText(one.left_s), by];
    }),
    ...learned.ports.map((one): Row => {
      const what = `${one.protocol} port ${one.port}`;
      return [one.app, what, deviceText(one), durationText(one.left_s), 'supernode or mapping'];
    }),
    ...learned.peers.map((one) => pairRow(one, 'contact from its port')),
    ...learned.named.map((one) => pairRow(one, 'name in its TLS hello')),
  ];
  if (rows.length === 0) return 'nothing learned yet\n';
  const head: Row = ['app', 'what', 'device', 'left', 'taught by'];
  return `${table([head, ...rows])}\n${cut(learned, limit)}`;
}

function pairRow(one: LearnedAnswer['peers'][number], by: string): Row {
  return [one.app, one.remote, deviceText(one), durationText(one.left_s), by];
}

/** The name of a device; its address if it has none. */
function deviceText(one: { readonly device: string | null; readonly address: string }): string {
  return one.device ?? one.address;
}

/** The query and the flows in it are unbroken. */
export function whyText({ query, verdict, reasons }: WhyAnswer): string {
  const lines = [
    ...wrapped(`${tied(query)}: ${verdict}`),
    ...reasons.flatMap((one) => wrapped(flowsTied(one), '  ', '    ')),
  ];
  return `${lines.join('\n')}\n`;
}

const FLOW = /\b(udp|tcp|icmp|icmpv6|\d{1,3}) ([0-9a-f.:[\]]{7,}) ([0-9a-f.:[\]]{7,}[0-9a-f\]])/g;

function flowsTied(text: string): string {
  return text.replace(FLOW, tied);
}

/** One event of `whp monitor`. */
export function monitorText(told: MonitorAnswer): string {
  return `${wrapped(toldText(told)).join('\n')}\n`;
}

function toldText(told: MonitorAnswer): string {
  switch (told.kind) {
    case 'dns': {
      const { app, name, root, addresses, targets } = told;
      const list = addresses.map((one) => `${one.remote} (${durationText(one.ttl_s)})`);
      const next = targets.map((one) => `${one.name} next (${durationText(one.ttl_s)})`);
      // With addresses in the answer, the device queries no further name.
      const what = (list.length > 0 ? list : next).join(', ') || 'no usable address';
      return `${app} dns ${nameWithin(name, root)} asked by ${deviceText(told)}: ${what}`;
    }
    case 'query':
      return `${told.app} query ${told.name} by ${deviceText(told)}`;
    case 'hello':
      return `${told.app} hello ${deviceText(told)} calls ${told.remote} ${told.name}`;
    case 'flow':
      return `${told.app} ${told.evidence} ${tied(told.flow)}: ${told.detail}`;
  }
}
