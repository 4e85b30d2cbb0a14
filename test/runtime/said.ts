// What an agent says in the log while a test plays it.
import * as std from 'qjs:std';
import { LOG_RATE } from '../../agent/src/bounds/log-rate.ts';

/** Nothing is left out of the log here. */
Object.assign(LOG_RATE, { millisecondsPerLine: 1e-9 });

/** Runs `play` and answers the lines of the log; other output goes its way. */
export async function saidDuring(play: () => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  const files = [std.out, std.err];
  const before = files.map((file) => file.puts);
  for (const file of files) {
    file.puts = (text: string) => {
      lines.push(text.trimEnd());
      return 0;
    };
  }
  try {
    await play();
  } finally {
    files.forEach((file, i) => {
      file.puts = before[i]!;
    });
  }
  return lines;
}
