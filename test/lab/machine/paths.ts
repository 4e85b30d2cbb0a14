// Where the lab keeps things on the host: the project, the cache that survives runs, and the
// private directory of one running lab. Everything else in machine/ takes its paths from here.
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The project's root: the nearest directory upward from the working directory with agent/src. */
export function projectRoot(from: string = process.cwd()): string {
  for (let at = resolve(from); ; at = resolve(at, '..')) {
    if (existsSync(join(at, 'agent', 'src'))) return at;
    if (at === '/') throw new Error(`no agent/src in ${from} or above: run the lab in the project`);
  }
}

/** Directory for `name` in ${WHP_CACHE:-out/cache}, made when missing. */
export function cacheDirectory(name: string): string {
  const base = process.env.WHP_CACHE ?? join(projectRoot(), 'out', 'cache');
  const directory = join(resolve(base), name);
  mkdirSync(directory, { recursive: true });
  return directory;
}
