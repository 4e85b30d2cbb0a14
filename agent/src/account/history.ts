// account/history: the series as a text file that outlives a reboot: only slots that hold something,
// and not the last hour. A line that cannot be read is skipped: a graph with a hole is better than
// none. After: system/flow-watch writes it, rarely, for the flash's sake.
import { type Ledger, subjectOf } from './ledger.ts';
import { keptSlots, RANGE_NAMES, type RangeName, restoreSample } from './series.ts';

const HEAD = 'whp-history 1';

/** Lines "= app skype TOTAL-UP TOTAL-DOWN FLOWS", then "day SLOT:UP:DOWN ..." of it. */
export function historyText(ledger: Ledger): string {
  const lines = [HEAD];
  for (const [name, { up, down, flows, series }] of ledger.subjects) {
    lines.push(`= ${name} ${Math.round(up)} ${Math.round(down)} ${flows}`);
    for (const range of RANGE_NAMES) {
      if (range === 'hour') continue;
      const kept = keptSlots(series, range);
      if (kept.length > 0) lines.push(`${range} ${kept.map((slot) => slot.join(':')).join(' ')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Puts what `text` holds into `ledger`; true when it was such a file. */
export function restoreHistory(ledger: Ledger, text: string): boolean {
  const [head, ...lines] = text.split('\n');
  if (head !== HEAD) return false;
  let name: string | null = null;
  for (const line of lines) {
    const begun = /^= ((?:app|device|proxy) \S{1,64}) (\d{1,15}) (\d{1,15}) (\d{1,15})$/.exec(line);
    if (begun !== null) {
      name = begun[1]!;
      const subject = subjectOf(ledger, name);
      subject.up += Number(begun[2]);
      subject.down += Number(begun[3]);
      subject.flows += Number(begun[4]);
    } else if (name !== null) restoreLine(ledger, name, line);
  }
  return true;
}

function restoreLine(ledger: Ledger, name: string, line: string): void {
  const [range, ...slots] = line.split(' ');
  if (range === 'hour' || !RANGE_NAMES.includes(range as RangeName)) return;
  const { series } = subjectOf(ledger, name);
  for (const slot of slots) {
    const read = /^(\d{1,9}):(\d{1,15}):(\d{1,15})$/.exec(slot);
    if (read === null) continue;
    const [number, up, down] = read.slice(1).map(Number) as [number, number, number];
    restoreSample(series, range as RangeName, number, up, down);
  }
}
