// Plays the scenarios on a real kernel, each in its own namespace: at the end the kernel must have what the fake
// kernel has.
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { HOST } from '../lib/bare.ts';
import { bundleForHost } from '../lib/host-bundle.ts';

const program = [...HOST, bundleForHost('test/netlink/scenario-program.ts')];
const play = (...words: string[]) =>
  spawnSync('unshare', ['--net', ...program, ...words], { encoding: 'utf8', timeout: 60000 });

const names = play('--list').stdout.trim().split('\n');
for (const name of names) {
  test(name, () => {
    const { status, stdout, stderr, error } = play(name);
    assert.is(status, 0, `${stdout}${stderr}${error ?? ''}`);
  });
}
test('all scenarios were played', () => assert.ok(names.length > 10, names.join()));

test.run();
