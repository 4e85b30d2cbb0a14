// Runs the fuzzer in one engine: `fuzz.mjs node|HOST... [OPTION...]`. Bundles test/fuzz with the agent's code,
// prints its lines, and saves crashing inputs in test/fuzz/crashers.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { AGENT } from './lib/agent.mjs';
import { readWords, refuse } from './lib/usage.mjs';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const words = readWords(import.meta.url, { more: true });
if (words.length === 0) refuse('no engine');
const split = words.findIndex((word) => word.startsWith('--'));
const command = split < 0 ? words : words.slice(0, split);
const options = split < 0 ? [] : words.slice(split);
const inNode = command[0] === 'node';
const entry = command[1]?.endsWith('.ts') ? command.splice(1, 1)[0] : undefined;

const folder = `out/fuzz/${process.pid}`;
const bundle = join(folder, 'fuzz.mjs');
await build({
  ...AGENT,
  entryPoints: [entry ?? (inNode ? 'test/fuzz/node.ts' : 'test/fuzz/host.ts')],
  outfile: bundle,
  sourcemap: inNode ? 'inline' : false,
});

const run = spawn(
  command[0],
  [...(inNode ? ['--enable-source-maps'] : command.slice(1)), bundle, ...options],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
    // The sanitized build is slow, and the whole run is one turn of the event loop.
    env: { ...process.env, WHP_WATCHDOG_SECONDS: '0', WHP_MEMORY_MB: '512' },
  },
);
for await (const line of createInterface({ input: run.stdout })) {
  if (line.startsWith('crasher ')) save(...line.split(' ').slice(1));
  else console.log(line);
}
const status = await new Promise((resolve) => {
  if (run.exitCode !== null || run.signalCode !== null) resolve(run.exitCode ?? 1);
  else run.on('close', (code) => resolve(code ?? 1));
});
rmSync(folder, { recursive: true, force: true });
process.exit(status);

/** crashers/TARGET-DIGEST.hex, which the unit tests replay. */
function save(target, hex = '') {
  const digest = createHash('sha256').update(hex).digest('hex').slice(0, 8);
  const file = `test/fuzz/crashers/${target}-${digest}.hex`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${hex.replace(/(.{96})/g, '$1\n')}\n`);
  console.log(`  saved as ${file}`);
}
