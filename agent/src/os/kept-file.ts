// os/kept-file: files in which the agent keeps what has to outlive it. One that cannot be read is put
// aside under a name that says so, and never written over: what is in it may be all there is.
import * as os from 'qjs:os';
import { ENOENT } from 'whp:socket';
import { errnoText } from './errno.ts';
import { listNames, readText } from './file.ts';
import { log } from './log.ts';

/** What was understood of a file, and what was not, in words; null: all of it was. */
export interface Understood<T> {
  readonly value: T;
  readonly wrong: string | null;
}

/** How many files of one name are put aside; the next takes the place of the last of them. */
const MOST_ASIDE = 9;
const ASIDE = /\.unreadable(?:\.\d)?$/;

/** What `read` understands of the file at `path`; null: there is none, or it was put aside whole. What
 * was understood of one that was put aside is only in memory then: write it. */
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

/** Says so in the log; where it cannot be done, the file stays and cannot be written over either. */
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
  const names = listNames(folder);
  return typeof names === 'number' ? [] : names.filter((name) => ASIDE.test(name));
}

/** JSON, or undefined: the text is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
