// The shipped plugin of rpcd with the paths of a test, to be run as rpcd runs it: `call METHOD`, its input on standard
// input.
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { BARE, WHP_TEXT } from './bare.ts';

/** Writes the plugin to `folder`/plugin; `options`: of the command line, with the socket. Returns the words that run
 * it. */
export function installPlugin(folder: string, socket: string, options: string): readonly string[] {
  const file = resolve(folder, 'plugin');
  const text = readFileSync('openwrt-package/files/whp.rpcd', 'utf8')
    .replaceAll('/usr/lib/whp/whp-host', resolve('out/host/x86_64/whp-host'))
    .replaceAll('/var/run/whp.sock', resolve(socket))
    .replaceAll('/var/run/whp.test', resolve(folder, 'test'))
    .replaceAll(/\/usr\/bin\/whp (test|check)/g, `${WHP_TEXT} $1 ${options}`);
  writeFileSync(file, text, { mode: 0o755 });
  return [...BARE, file];
}
