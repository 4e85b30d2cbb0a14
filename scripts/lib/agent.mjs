// esbuild options for the agent's code in the engine: for the agent, the unit tests and the fuzzer.

/** Modules of dns-packet that `name.decode`, the only function the agent calls (wire/dns-texts), does not
 * need. They are left out: the other functions of that file would call a property of an empty object, and
 * throw. */
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
