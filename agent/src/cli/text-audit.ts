// cli/text-audit: the verdict of an audit as text. Pure.
import type { AuditAnswer } from '../answers/audit.ts';
import { bytesText, columns, secondsText } from './text.ts';

export function auditVerdict(answer: AuditAnswer): string {
  const { rows: outside, outside_flows, outside_packets, flows, packets, bytes } = answer;
  const age = secondsText(answer.recorded_s);
  const lines = [
    `${age}: ${packets} packets (${bytesText(bytes)}) of ${flows} flows left beside the tunnels`,
  ];
  if (outside_packets === 0) lines.push('0 of them are of an application');
  else {
    lines.push(`! ${outside_packets} of them, of ${outside_flows} flows, are of an application:`);
    const rows = outside.map((one) => [
      one.app,
      one.packets,
      bytesText(one.bytes),
      `${secondsText(one.ago_s)} ago`,
      one.flow,
      one.detail,
    ]);
    lines.push(columns([['app', 'packets', 'bytes', 'last', 'flow', 'why'], ...rows]));
    if (outside.length < outside_flows) lines.push(`${outside_flows - outside.length} more flows`);
  }
  if (answer.metered_packets > 0)
    lines.push(`! the meter at the exit counted ${answer.metered_packets} packets meanwhile`);
  if (answer.chosen_packets > 0) {
    const { chosen_packets, chosen_flows } = answer;
    lines.push(
      `${chosen_packets} more, of ${chosen_flows} flows, were direct by the owner's choice`,
    );
  }
  if (answer.unkept.packets > 0) {
    lines.push(`! ${answer.unkept.packets} packets were of flows that found no room: not judged`);
  }
  if (answer.interrupted) {
    lines.push('! its table was deleted or changed meanwhile: what it had before is not judged');
  }
  for (const one of answer.unseen) lines.push(`not seen: ${one}`);
  return `${lines.join('\n')}\n`;
}
