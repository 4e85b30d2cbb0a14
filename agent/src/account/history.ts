// account/history: the series as a text file that outlives a reboot: only slots that hold something,
// in KiB, and not the last hour: some 8 bytes a slot. A line that cannot be read is skipped: a graph
// with a hole is better than none. After: runtime/accounting writes it, rarely, for the flash's sake.
import { type Ledger, subjectOf } from './ledger.ts';
import { keptSlots, RANGE_NAMES, type RangeName, restoreSample } from './series.ts';

const HEAD = 'whp-history 2';
const KIB = 1024;
/** Base of the numbers in it. */
const BASE = 36;

/** Lines "= app skype TOTAL-UP TOTAL-DOWN FLOWS", then "day STEP:UP:DOWN ..." of it: STEP is how many
 * slots after the one before, UP and DOWN are KiB, rounded up so that little is not nothing. */
export function historyText(ledger: Ledger): string {
  const lines = [HEAD];
  for (const [name, { up, down, flows, series }] of ledger.subjects) {
    lines.push(`= ${name} ${Math.round(up)} ${Math.round(down)} ${flows}`);
    for (const range of RANGE_NAMES) {
      if (range === 'hour') continue;
      let before = 0;
      const slots = keptSlots(series, range).map(([number, ...bytes]) => {
        const step = number - before;
        before = number;
        const sizes = bytes.map((one) => Math.ceil(one / KIB));
        return [step, ...sizes].map((one) => one.toString(BASE)).join(':');
      });
      if (slots.length > 0) lines.push(`${range} ${slots.join(' ')}`);
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

/** The number of a quarter of an hour in the year 2080: no clock is that wrong. */
const MOST_SLOT = 3_900_000;

function restoreLine(ledger: Ledger, name: string, line: string): void {
  const [range, ...slots] = line.split(' ');
  if (range === 'hour' || !RANGE_NAMES.includes(range as RangeName)) return;
  const { series } = subjectOf(ledger, name);
  let number = 0;
  for (const slot of slots) {
    const read = /^([0-9a-z]{1,6}):([0-9a-z]{1,9}):([0-9a-z]{1,9})$/.exec(slot);
    // What follows counts from here: the rest of the line is lost.
    if (read === null) return;
    const [step, up, down] = read.slice(1).map((one) => Number.parseInt(one, BASE));
    number += step!;
    if (number > MOST_SLOT) return;
    restoreSample(series, range as RangeName, number, up! * KIB, down! * KIB);
  }
}
