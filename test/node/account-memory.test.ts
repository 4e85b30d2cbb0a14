// The RAM for the graphs of all subjects, measured in the engine on this machine: 64-bit pointers, so more than
// on a 32-bit router.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HOST_BUNDLE } from '../lib/host-bundle.ts';

const MOST_BYTES = 200_000;

const PROGRAM = `
import * as std from 'qjs:std';
import { createLedger, endFlow } from './agent/src/account/ledger.ts';
import { residentBytes } from './agent/src/os/memory.ts';
const end = (ledger, i) => endFlow(ledger, {
  family: 4, id: i, mark: 0, zone: 0, status: 0, timeout: 0,
  original: { source: '192.168.' + (i >> 8) + '.' + (i & 255), destination: '198.51.100.7',
    protocol: 17, sourcePort: 13021, destinationPort: 443 },
  packets: { original: 1, reply: 1 }, bytes: { original: 1000, reply: 1000 },
}, () => ({ app: 'skype', proxy: 'cloud', evidence: 'port', detail: '' }), 1795262400000 + i * 1000);
// Before the measurement the code has run and the log of flows is full.
const first = createLedger();
for (let i = 0; i < 2000; i++) end(first, i % 2);
const ledgers = Array.from({ length: 10 }, createLedger);
std.gc();
const before = residentBytes();
for (const ledger of ledgers) {
  for (let i = 0; i < 300; i++) {
    end(ledger, i);
    ledger.ended.length = 0;
  }
}
std.gc();
const subjects = ledgers[0].subjects.size;
print(JSON.stringify({ subjects, bytes: (residentBytes() - before) / ledgers.length }));
`;

test('the graphs of all subjects stay within 200 KB', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'whp-memory-'));
  const { outputFiles } = await build({
    ...HOST_BUNDLE,
    stdin: { contents: PROGRAM, resolveDir: process.cwd(), sourcefile: 'memory.ts' },
    write: false,
  });
  const file = join(folder, 'memory.js');
  writeFileSync(file, outputFiles[0]!.contents);
  const run = spawnSync(resolve('out/host/x86_64/whp-host'), [file], {
    encoding: 'utf8',
    env: { WHP_WATCHDOG_SECONDS: '0' },
  });
  rmSync(folder, { recursive: true });
  assert.is(run.stderr, '');
  const { subjects, bytes } = JSON.parse(run.stdout) as { subjects: number; bytes: number };
  console.log(`${subjects} subjects: ${Math.round(bytes)} bytes`);
  assert.ok(subjects >= 45 && subjects <= 48, `${subjects} subjects`);
  assert.ok(bytes > 100_000 && bytes <= MOST_BYTES, `${bytes} bytes`);
});

test.run();
