// cli/text-audit: the verdict of an audit as text. Pure.
import type { AuditAnswer } from '../answers/audit.ts';
import { bytesText, columns, durationText } from './text.ts';

export function auditVerdict(answer: AuditAnswer): string {
  const { outside, outsideFlows, outsidePackets, metered, flows, packets, bytes } = answer;
  const age = durationText(answer.seconds * 1000);
  const lines = [
    `${age}: ${packets} packets (${bytesText(bytes)}) of ${flows} flows left beside the tunnels`,
  ];
  if (outsidePackets === 0) lines.push('0 of them are of an application');
  else {
    lines.push(`! ${outsidePackets} of them, of ${outsideFlows} flows, are of an application:`);
    const rows = outside.map((one) => [
      one.app,
      one.packets,
      bytesText(one.bytes),
      `${durationText(one.ago * 1000)} ago`,
      one.flow,
      one.why,
    ]);
    lines.push(columns([['app', 'packets', 'bytes', 'last', 'flow', 'why'], ...rows]));
    if (outside.length < outsideFlows) lines.push(`${outsideFlows - outside.length} more flows`);
  }
  if (metered > 0) lines.push(`! the meter at the exit counted ${metered} packets meanwhile`);
  if (answer.chosenPackets > 0) {
    const { chosenPackets, chosenFlows } = answer;
    lines.push(`${chosenPackets} more, of ${chosenFlows} flows, were direct by the owner's choice`);
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
