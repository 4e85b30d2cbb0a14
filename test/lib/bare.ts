// The program as procd's ujail starts it: with this environment and nothing else, no PATH above all.
// Every test that starts the host starts it so.
import { resolve } from 'node:path';

/** The environment, for spawn. */
export const UJAIL = { container: 'ujail' };
/** The same as the first words of a command. */
export const BARE: readonly string[] = ['env', '-i', 'container=ujail'];
/** The host that was built here, as the words of a command, and as the text of one. */
export const HOST: readonly string[] = [...BARE, resolve('out/host/x86_64/whp-host')];
/** With the agent's bundle: `whp`. */
export const WHP: readonly string[] = [...HOST, resolve('out/whp')];
export const WHP_TEXT = WHP.join(' ');

/** Every host that was built: native, with sanitizers, and big-endian under its emulator. */
export const HOSTS: Readonly<Record<string, readonly string[]>> = {
  x86_64: ['out/host/x86_64/whp-host'],
  asan: ['out/host/asan/whp-host'],
  mips: ['qemu-mips', 'out/host/mips/whp-host'],
};
