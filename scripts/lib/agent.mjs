// How the agent's code is bundled for the engine, for the agent itself, the unit tests and the fuzzer.

/**
 * Of dns-packet the agent calls `name.decode` (wire/dns-texts), which touches none of these; the rest of that
 * file calls them. They are left out: what would reach them calls a property of an empty object, and throws.
 */
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
