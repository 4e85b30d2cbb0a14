// The environment in which procd's ujail starts the agent: one variable, no PATH. Every test that starts the
// host uses it.
import { resolve } from 'node:path';

/** For `env` of spawn. */
export const UJAIL = { container: 'ujail' };
/** The same as the first words of a command. */
export const BARE: readonly string[] = ['env', '-i', 'container=ujail'];
/** The command of the host that was built here. */
export const HOST: readonly string[] = [...BARE, resolve('out/host/x86_64/whp-host')];
/** The command `whp`: the host with the agent's bundle. */
export const WHP: readonly string[] = [...HOST, resolve('out/whp')];
export const WHP_TEXT = WHP.join(' ');

/** The hosts by name: native, with sanitizers, and big-endian under qemu-user. */
export const HOSTS: Readonly<Record<string, readonly string[]>> = {
  x86_64: ['out/host/x86_64/whp-host'],
  asan: ['out/host/asan/whp-host'],
  mips: ['qemu-mips', 'out/host/mips/whp-host'],
};
