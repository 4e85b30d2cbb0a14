// os/kept-file: reads files that outlive the agent. A file that cannot be read or parsed is renamed to *.unreadable
// and never overwritten: it may be the only copy of its content.
import * as os from 'qjs:os';
import { ENOENT } from 'whp:socket';
import { errnoText } from './errno.ts';
import { listNames, readText } from './file.ts';
import { log } from './log.ts';

/** The part of a file that was parsed, and what was wrong with the rest; null: nothing. */
export interface Understood<T> {
  readonly value: T;
  readonly wrong: string | null;
}

/** Files of one name that are kept aside; the next one replaces the last of them. */
const MOST_ASIDE = 9;
const ASIDE = /\.unreadable(?:\.\d)?$/;

/** What `read` parses of the file at `path`; null: it does not exist, or could not be read and was put aside.
 * After a file with `wrong` was put aside, `value` exists in memory only: the caller must write it. */
export function readKept<T>(
  path: string,
  read: (text: string) => Understood<T>,
  limit?: number,
): Understood<T> | null {
  const file = readText(path, limit);
  if (!file.ok) {
    if (file.errno !== ENOENT) putAside(path, `cannot be read: ${errnoText(file.errno)}`);
    return null;
  }
  const understood = read(file.text);
  if (understood.wrong !== null) putAside(path, understood.wrong);
  return understood;
}

/** Renames the file and logs it. If the rename fails, the file stays; writing over it fails too. */
export function putAside(path: string, wrong: string): void {
  const aside = asideOf(path);
  const renamed = os.rename(path, aside);
  const kept = renamed < 0 ? `it cannot be put aside: ${errnoText(-renamed)}` : `kept as ${aside}`;
  log('error', `${path}: ${wrong}; ${kept}`);
}

function asideOf(path: string): string {
  let aside = `${path}.unreadable`;
  for (let at = 1; at <= MOST_ASIDE && os.lstat(aside)[0] !== null; at++) {
    aside = `${path}.unreadable.${at}`;
  }
  return aside;
}

/** Names of the files in `folder` that were put aside. */
export function filesAside(folder: string): string[] {
  const read = listNames(folder);
  return read.ok ? read.names.filter((name) => ASIDE.test(name)) : [];
}

/** The parsed JSON; undefined: not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
