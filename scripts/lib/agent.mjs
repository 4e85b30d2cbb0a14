// esbuild options for the agent's code in the engine: for the agent, the unit tests and the fuzzer.
import { readFileSync } from 'node:fs';

/** The first line of dns-packet behind the functions of names. The agent calls `name.decode` alone
 * (wire/dns-texts), so the 22 KB behind it are left out of the bundle. */
const BEHIND_NAMES = '\nconst string = {}\n';

/** The modules that the functions of names do not need. */
const UNREACHED =
  /^(buffer|@leichtgewicht\/ip-codec|\.\/(types|rcodes|opcodes|classes|optioncodes))$/;

const namesOnly = {
  name: 'names-only',
  setup(bundler) {
    bundler.onResolve({ filter: UNREACHED }, ({ path, importer }) =>
      importer.includes('/node_modules/dns-packet/') ? { path, namespace: 'unreached' } : undefined,
    );
    bundler.onLoad({ filter: /.*/, namespace: 'unreached' }, () => ({
      contents: 'module.exports = Object.create(null);',
    }));
    bundler.onLoad({ filter: /\/node_modules\/dns-packet\/index\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const end = text.indexOf(BEHIND_NAMES);
      if (end < 0) throw new Error(`${path}: no line "${BEHIND_NAMES.trim()}" behind the names`);
      return { contents: text.slice(0, end) };
    });
  },
};

/** Options of esbuild. Neutral: an import of a module of Node is an error. */
export const AGENT = {
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  conditions: ['import'],
  target: 'es2022',
  external: ['qjs:*', 'whp:*'],
  plugins: [namesOnly],
  logLevel: 'warning',
};
