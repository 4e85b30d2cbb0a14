// cli/text-account: counters, graphs and the connection log as text. Pure.
import type { EndedAnswer } from '../answers/flows.ts';
import { byText } from '../answers/now.ts';
import type { Rows } from '../answers/rows.ts';
import type { SeriesAnswer, TotalsAnswer } from '../answers/rpc.ts';
import { bytesText, columns, cut, secondsText } from './text.ts';

export type LogAnswer = { readonly csv: string } | Rows<EndedAnswer>;

const LONGEST_BAR = 40;

export function countersText(answer: TotalsAnswer | SeriesAnswer): string {
  if ('rows' in answer) {
    if (answer.rows.length === 0) return 'nothing was counted yet\n';
    const rows = answer.rows.map((one) => [
      one.subject,
      bytesText(one.bytes_up),
      bytesText(one.bytes_down),
      one.flows,
    ]);
    return `${columns([['what', 'up', 'down', 'flows'], ...rows])}\n`;
  }
  const { bytes_up: up, bytes_down: down, start_time: start, step_s: step } = answer;
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

/** "11-21 15:04:05", UTC. `time`: seconds since 1970. */
function timeText(time: number): string {
  return new Date(time * 1000).toISOString().slice(5, 19).replace('T', ' ');
}

/** Table of ended flows, oldest first; CSV unchanged. */
export function logText(answer: LogAnswer, limit?: number): string {
  if ('csv' in answer) return answer.csv;
  if (answer.rows.length === 0)
    return 'no connection of an application has ended since the start\n';
  const rows = answer.rows
    .slice()
    .reverse()
    .map((one) => [
      timeText(one.end_time),
      secondsText(one.end_time - (one.start_time ?? one.end_time)),
      one.flow,
      bytesText(one.bytes_up),
      bytesText(one.bytes_down),
      byText(one),
      one.evidence,
    ]);
  const head = ['ended (UTC)', 'after', 'flow', 'up', 'down', 'proxy', 'evidence'];
  return `${columns([head, ...rows])}\n${cut(answer, limit)}`;
}
