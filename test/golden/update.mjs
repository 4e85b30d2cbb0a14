// Writes the compiler's output into the golden files; review the difference before a commit.
import { spawnSync } from 'node:child_process';

const words = ['scripts/node.mjs', 'test/golden/golden.test.ts'];
const env = { ...process.env, GOLDEN_UPDATE: '1' };
process.exit(spawnSync('node', words, { stdio: 'inherit', env }).status ?? 1);
