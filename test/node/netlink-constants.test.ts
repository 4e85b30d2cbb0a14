// Every constant of netlink/ against the kernel headers, by a compiled C program: x86_64 here, and
// big-endian MIPS under qemu-user.
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as errors from '../../agent/src/netlink/kernel-error.ts';

function check(...words: string[]): void {
  const run = spawnSync('test/netlink/constants.sh', words, { encoding: 'utf8' });
  assert.is(run.status, 0, `${run.stdout}${run.stderr}${run.error ?? ''}`);
  assert.match(run.stdout, /constants: \d{3} agree/);
}

test('x86_64', () => check('gcc'));
test('MIPS, big-endian', () => check('mips-linux-gnu-gcc', 'qemu-mips'));

const KINDS: readonly (readonly [(error: { errno: number }) => boolean, readonly string[]])[] = [
  [errors.isNotFound, ['ENOENT', 'ESRCH', 'ENODEV', 'EADDRNOTAVAIL']],
  [errors.isNotSupported, ['EOPNOTSUPP']],
  [errors.isFull, ['ENFILE']],
  [errors.isNoSubsystem, ['EINVAL']],
  [errors.isExisting, ['EEXIST']],
  [errors.isNotPermitted, ['EPERM']],
  [errors.isAccessDenied, ['EACCES']],
  [errors.isNoMemory, ['ENOMEM', 'ENOBUFS']],
  [errors.isNoFamily, ['EAFNOSUPPORT']],
  [errors.isDown, ['ENETDOWN']],
];

for (const compiler of ['gcc', 'mips-linux-gnu-gcc']) {
  test(`${compiler}: each kind of refusal has the errnos of this processor`, () => {
    const { stdout } = spawnSync(compiler, ['-E', '-dM', '-include', 'errno.h', '-'], {
      encoding: 'utf8',
      input: '',
    });
    const numbers = new Map(
      Array.from(stdout.matchAll(/^#define (E[A-Z]+)\s+(\d+)$/gm), ([, name, n]) => [
        name!,
        Number(n),
      ]),
    );
    for (const [isIt, names] of KINDS) {
      for (const name of names)
        assert.ok(isIt({ errno: numbers.get(name)! }), `${name} ${numbers.get(name)}`);
    }
  });
}

test.run();
