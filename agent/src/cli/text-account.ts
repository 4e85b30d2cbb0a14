// cli/text-account: counters, graphs and the connection log as text. Pure.
import { bytesText, columns, cut, durationText } from './text.ts';

export interface CounterRow {
  readonly subject: string;
  readonly up: number;
  readonly down: number;
  readonly flows: number;
}

/** Totals of every subject, or the series of one: bytes for each slot of `step` milliseconds. */
export type CountersAnswer =
  | { readonly rows: readonly CounterRow[] }
  | {
      readonly subject: string;
      readonly range: string;
      readonly step: number;
      readonly start: number;
      readonly up: readonly number[];
      readonly down: readonly number[];
    };

export interface EndedRow {
  readonly start: number;
  readonly end: number;
  readonly flow: string;
  readonly up: number;
  readonly down: number;
  readonly proxy: string;
  readonly evidence: string;
}

export type LogAnswer = { readonly csv: string } | { readonly rows: readonly EndedRow[] };

const LONGEST_BAR = 40;

export function countersText(answer: CountersAnswer): string {
  if ('rows' in answer) {
    if (answer.rows.length === 0) return 'nothing was counted yet\n';
    const rows = answer.rows.map((one) => [
      one.subject,
      bytesText(one.up),
      bytesText(one.down),
      one.flows,
    ]);
    return `${columns([['what', 'up', 'down', 'flows'], ...rows])}\n`;
  }
  const { up, down, start, step } = answer;
  const most = Math.max(1, ...up.map((bytes, i) => bytes + down[i]!));
  const rows = up.flatMap((bytes, i) => {
    const sum = bytes + down[i]!;
    if (sum === 0) return [];
    const bar = '#'.repeat(Math.ceil((sum / most) * LONGEST_BAR));
    return [[timeText(start + i * step), bytesText(bytes), bytesText(down[i]!), bar]];
  });
  if (rows.length === 0) return `nothing in this ${answer.range}\n`;
  return `${columns([['from (UTC)', 'up', 'down', answer.subject], ...rows])}\n`;
}

/** "11-21 15:04:05", UTC. */
function timeText(time: number): string {
  return new Date(time).toISOString().slice(5, 19).replace('T', ' ');
}

/** Table of ended flows, oldest first; CSV unchanged. */
export function logText(answer: LogAnswer, limit = Number.POSITIVE_INFINITY): string {
  if ('csv' in answer) return answer.csv;
  if (answer.rows.length === 0)
    return 'no connection of an application has ended since the start\n';
  const rows = answer.rows
    .slice()
    .reverse()
    .map((one) => [
      timeText(one.end),
      durationText(one.end - one.start),
      one.flow,
      bytesText(one.up),
      bytesText(one.down),
      one.proxy,
      one.evidence,
    ]);
  const head = ['ended (UTC)', 'after', 'flow', 'up', 'down', 'proxy', 'evidence'];
  return `${columns([head, ...rows])}\n${cut(rows.length, limit)}`;
}
