// esbuild options for the agent's code in the engine: for the agent, the unit tests and the fuzzer.
import { readFileSync } from 'node:fs';

/** Where the function of dns-packet begins and ends that the agent calls, `name.decode` (wire/dns-texts). The other
 * 23 KB are left out of the bundle, and with them what makes a module of CommonJS. */
const DECODE = ['\nname.decode = ', '\nname.encodingLength = '];

const neededOnly = {
  name: 'needed-only',
  setup(bundler) {
    bundler.onLoad({ filter: /\/profile\.schema\.json$/ }, ({ path }) => {
      // What tells other programs which schema this is.
      const { $schema, $id, title, ...read } = JSON.parse(readFileSync(path, 'utf8'));
      return { contents: JSON.stringify(read), loader: 'json' };
    });
    bundler.onLoad({ filter: /\/node_modules\/dns-packet\/index\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const [from, end] = DECODE.map((line) => text.indexOf(line));
      if (from < 0 || end < from) throw new Error(`${path}: no "${DECODE.join('", "').trim()}"`);
      return { contents: `export const name = {};${text.slice(from, end)}` };
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
  plugins: [neededOnly],
  logLevel: 'warning',
};
