// Collects the agent's log lines during a test.
import * as std from 'qjs:std';
import { LOG_RATE } from '../../agent/src/bounds/log-rate.ts';

/** No line is suppressed. */
Object.assign(LOG_RATE, { millisecondsPerLine: 1e-9 });

/** Runs `play` and returns the log lines. */
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
