// cli/text-account: counters, graphs and the connection log as text. Pure.
import type { EndedAnswer } from '../answers/flows.ts';
import { byText } from '../answers/now.ts';
import type { Rows } from '../answers/rows.ts';
import type { SeriesAnswer, TotalsAnswer } from '../answers/rpc.ts';
import { type Clock, stampText, zoneText } from '../syntax/local-time.ts';
import { bytesText, durationText } from '../syntax/words.ts';
import { type Row, table, tied } from './columns.ts';
import { cut, whyOf } from './text.ts';

export type LogAnswer = { readonly csv: string } | Rows<EndedAnswer>;

const LONGEST_BAR = 34;
/** The order of totals. */
const KINDS = ['app', 'proxy', 'device'];

export function countersText(answer: TotalsAnswer | SeriesAnswer, { zone }: Clock): string {
  if ('rows' in answer) return totalsText(answer);
  const { bytes_up: up, bytes_down: down, start_time: start, step_s: step } = answer;
  const most = Math.max(1, ...up.map((bytes, i) => bytes + down[i]!));
  const rows = up.flatMap((bytes, i): Row[] => {
    const sum = bytes + down[i]!;
    if (sum === 0) return [];
    const bar = '#'.repeat(Math.ceil((sum / most) * LONGEST_BAR));
    const from = stampText(zone, (start + i * step) * 1000);
    return [[from, bytesText(bytes), bytesText(down[i]!), bar]];
  });
  if (rows.length === 0) return `nothing in this ${answer.range}; counted every 10 s\n`;
  const end = (start + up.length * step) * 1000;
  return `${table([[`from (${zoneText(zone, end)})`, 'up', 'down', answer.subject], ...rows])}\n`;
}

function totalsText({ rows }: TotalsAnswer): string {
  if (rows.length === 0) return 'nothing was counted yet: traffic is counted every 10 s\n';
  const kindOf = ({ subject }: (typeof rows)[number]): number =>
    KINDS.indexOf(subject.split(' ')[0]!);
  const lines = [...rows]
    .sort((a, b) => kindOf(a) - kindOf(b))
    .map((one): Row => {
      const [up, down] = [bytesText(one.bytes_up), bytesText(one.bytes_down)];
      return [one.subject, up, down, one.flows, one.device ?? ''];
    });
  return `${table([['what', 'up', 'down', 'flows', 'device'], ...lines])}\n`;
}

/** Ended flows, oldest first; CSV unchanged. */
export function logText(answer: LogAnswer, { zone, wall }: Clock, limit?: number): string {
  if ('csv' in answer) return answer.csv;
  if (answer.rows.length === 0)
    return 'no connection of an application has ended since the start\n';
  const rows = answer.rows
    .slice()
    .reverse()
    .map((one): Row => {
      const seconds = one.end_time - (one.start_time ?? one.end_time);
      return [
        stampText(zone, one.end_time * 1000),
        durationText(seconds),
        byText(one),
        bytesText(one.bytes_up),
        bytesText(one.bytes_down),
        [tied(one.flow), whyOf(one)],
      ];
    });
  const ended = `ended (${zoneText(zone, wall)})`;
  const head: Row = [ended, 'after', 'by', 'up', 'down', ['flow', 'why']];
  return `${table([head, ...rows])}\n${cut(answer, limit)}`;
}
