// The size of the package of the router's class, which scripts/bench.sh has built.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../machine/paths.ts';
import { type Reading, reading } from './figures.ts';

/** Bytes of a kilobyte. */
const KILOBYTE = 1024;

export const PACKAGE = 'mipsel_24kc';

export function packageReading(): Reading {
  const folder = join(projectRoot(), 'out/package');
  const { version } = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8'));
  // Packages of other versions are left there by sessions of upgrades.
  const file = readdirSync(folder).find(
    (name) => name.startsWith(`whp_${version}-`) && name.endsWith(`_${PACKAGE}.ipk`),
  );
  if (file === undefined) throw new Error(`${folder} has no package of ${PACKAGE}, ${version}`);
  const { size } = statSync(join(folder, file));
  return reading('package', size / KILOBYTE, 'KB', { atMost: 540, note: PACKAGE });
}
