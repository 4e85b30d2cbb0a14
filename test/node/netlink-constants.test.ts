// Every constant of netlink/ against the kernel headers, by a compiled C program: x86_64 here, and
// big-endian MIPS under qemu-user.
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

function check(...words: string[]): void {
  const run = spawnSync('test/netlink/constants.sh', words, { encoding: 'utf8' });
  assert.is(run.status, 0, `${run.stdout}${run.stderr}${run.error ?? ''}`);
  assert.match(run.stdout, /constants: \d{3} agree/);
}

test('x86_64', () => check('gcc'));
test('MIPS, big-endian', () => check('mips-linux-gnu-gcc', 'qemu-mips'));

test.run();
