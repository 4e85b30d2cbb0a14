// What a program of the world saw and did, as JSON lines for the verdict. Times are wall clock
// milliseconds, the clock of both captures. One file per program, flushed line by line because
// programs are ended by a signal.
import * as std from 'qjs:std';

export type Entry = Readonly<Record<string, unknown>>;

export interface Logbook {
  note(entry: Entry): void;
}

export function openLogbook(path: string): Logbook {
  const file = std.open(path, 'w');
  if (!file) throw new Error(`open ${path}: cannot be written`);
  return {
    note: (entry) => {
      file.puts(`${JSON.stringify({ t: Date.now(), ...entry })}\n`);
      file.flush();
    },
  };
}

/** One progress line on standard output. */
export function say(line: string): void {
  std.out.puts(`${line}\n`);
  std.out.flush();
}
