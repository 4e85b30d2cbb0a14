// account/history: the series as a text file that survives a reboot: only nonempty slots, in KiB, without the range
// `hour`, some 8 bytes a slot. A malformed line is skipped: a gap in a graph is better than no graph.
// runtime/accounting writes the file rarely, to spare the flash.
import { type Ledger, restoreSubject, subjectOf } from './ledger.ts';
import { keptSlots, RANGE_NAMES, type RangeName, restoreSample } from './series.ts';

const HEAD = 'whp-history 2';
const KIB = 1024;
/** Radix of its numbers. */
const BASE = 36;

/** Lines "= app skype TOTAL-UP TOTAL-DOWN FLOWS", each followed by its "day STEP:UP:DOWN ...". STEP: slots since
 * the previous entry; UP, DOWN: KiB, rounded up so that a small count does not become 0. */
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

/** Adds the content of `text` to `ledger`; false: not such a file. */
export function restoreHistory(ledger: Ledger, text: string): boolean {
  const [head, ...lines] = text.split('\n');
  if (head !== HEAD) return false;
  let name: string | null = null;
  for (const line of lines) {
    const begun = /^= ((?:app|device|proxy) \S{1,64}) (\d{1,15}) (\d{1,15}) (\d{1,15})$/.exec(line);
    if (begun !== null) {
      name = begun[1]!;
      const subject = subjectOf(ledger, name);
      restoreSubject(subject, Number(begun[2]), Number(begun[3]), Number(begun[4]));
    } else if (name !== null) restoreLine(ledger, name, line);
  }
  return true;
}

/** A slot number of the year 2080 in quarters of an hour; no clock is that wrong. */
const MOST_SLOT = 3_900_000;

function restoreLine(ledger: Ledger, name: string, line: string): void {
  const [range, ...slots] = line.split(' ');
  if (range === 'hour' || !RANGE_NAMES.includes(range as RangeName)) return;
  const { series } = subjectOf(ledger, name);
  let number = 0;
  for (const slot of slots) {
    const read = /^([0-9a-z]{1,6}):([0-9a-z]{1,9}):([0-9a-z]{1,9})$/.exec(slot);
    // The following numbers are relative to this one, so the rest of the line is lost.
    if (read === null) return;
    const [step, up, down] = read.slice(1).map((one) => Number.parseInt(one, BASE));
    number += step!;
    if (number > MOST_SLOT) return;
    restoreSample(series, range as RangeName, number, up! * KIB, down! * KIB);
  }
}
