// cli/text-audit: the verdict of an audit as text. Pure.
import type { AuditAnswer } from '../answers/audit.ts';
import { bytesText, counted, durationText } from '../syntax/words.ts';
import { type Row, table, tied, wrapped } from './columns.ts';

export function auditVerdict(answer: AuditAnswer): string {
  const { flows, packets, bytes, chosen_packets, chosen_flows, unkept } = answer;
  const age = durationText(answer.recorded_s);
  const many = `${counted(packets, 'packet')} (${bytesText(bytes)}) of ${counted(flows, 'flow')}`;
  const lines = [...wrapped(`${age}: ${many} left beside the tunnels`), ...outsideLines(answer)];
  const metered = counted(answer.metered_packets, 'packet');
  if (answer.metered_packets > 0)
    lines.push(`! the meter at the exit counted ${metered} meanwhile`);
  if (chosen_packets > 0) {
    const more = `${counted(chosen_packets, 'packet')} more, of ${counted(chosen_flows, 'flow')}`;
    lines.push(...wrapped(`${more}: direct by your choice (pause, schedule, fallback direct)`));
  }
  if (unkept.packets > 0) {
    const unjudged = counted(unkept.packets, 'packet');
    lines.push(...wrapped(`not judged: ${unjudged} of flows that found no room`, '! '));
  }
  if (answer.interrupted) {
    const what = 'its table was deleted or changed meanwhile: what it had before is not judged';
    lines.push(...wrapped(what, '! '));
  }
  for (const one of answer.unseen) lines.push(...wrapped(`not seen: ${one}`));
  return `${lines.join('\n')}\n`;
}

function outsideLines(answer: AuditAnswer): string[] {
  const { rows: outside, outside_flows, outside_packets } = answer;
  if (outside_packets === 0) return ['0 of them are of an application'];
  const of = `of ${counted(outside_flows, 'flow')}`;
  const rows = outside.map(
    (one): Row => [
      one.app,
      one.packets,
      bytesText(one.bytes),
      `${durationText(one.ago_s)} ago`,
      [tied(one.flow), one.detail],
    ],
  );
  const rest = outside_flows - outside.length;
  return [
    `! ${outside_packets} of them, ${of}, ${outside_packets === 1 ? 'is' : 'are'} of an application:`,
    table([['app', 'packets', 'bytes', 'last', ['flow', 'why']], ...rows]),
    ...(rest > 0 ? [counted(rest, 'more flow')] : []),
  ];
}
