// runtime/made: keeps in memory what was checked and compiled, with its inputs, for the next start. Checking and
// compiling take a slow router seconds, and nothing may leave by the WAN meanwhile.
import { type CheckedFiles, checkedFiles, trustFiles } from '../config/load.ts';
import { readText, stampOf, writeText } from '../os/file.ts';
import { parseJson } from '../os/kept-file.ts';
import { type Made, noteKept, type TableState } from './table-state.ts';

/** A line each: the stamp of the program, the checked files, the inputs of the compiler, the table. */
function pathOf(handoverFile: string): string {
  return `${handoverFile}.made`;
}

/** What an earlier agent of the same program has compiled; null: nothing. Its checked files are trusted from now
 * on, as its bytecode is (agent/native/bundle.c): only this user writes to the folder. */
export function readMade(handoverFile: string): Made | null {
  const read = readText(pathOf(handoverFile));
  const [stamp, files, from, piece, end] = read.ok ? read.text.split('\n') : [];
  if (end !== '' || stamp !== programStamp()) return null;
  const checked = (parseJson(files!) ?? null) as CheckedFiles | null;
  if (checked === null) return null;
  trustFiles(checked);
  return { from: from!, piece: piece! };
}

/** Writes what is not in the file yet. */
export function keepMade(table: TableState, handoverFile: string): void {
  const { compiled, kept } = table;
  if (compiled === null || compiled === kept) return;
  noteKept(table);
  const made = [checkedFiles(), compiled.from, compiled.piece].map((one) => JSON.stringify(one));
  writeText(pathOf(handoverFile), [programStamp(), ...made, ''].join('\n'), false);
}

function programStamp(): string {
  return stampOf(scriptArgs[0]!);
}
