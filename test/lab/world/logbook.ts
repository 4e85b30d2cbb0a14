// The log of a program of the world: JSON lines for the verdict, times in milliseconds of the world's wall
// clock. One file a program, written line by line because programs are ended by a signal.
import * as os from 'qjs:os';
import * as std from 'qjs:std';

export type Entry = Readonly<Record<string, unknown>>;

export interface Logbook {
  note(entry: Entry): void;
}

/** Text is ASCII: names, numbers and addresses. */
function asciiBytes(text: string): ArrayBuffer {
  return Uint8Array.from(text, (character) => character.charCodeAt(0) & 0x7f).buffer;
}

export function openLogbook(path: string): Logbook {
  const fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644);
  if (fd < 0) throw new Error(`open ${path}: errno ${-fd}`);
  return {
    note: (entry) => {
      const bytes = asciiBytes(`${JSON.stringify({ t: Date.now(), ...entry })}\n`);
      os.write(fd, bytes, 0, bytes.byteLength);
    },
  };
}

/** One progress line on standard output. */
export function say(line: string): void {
  std.out.puts(`${line}\n`);
  std.out.flush();
}
