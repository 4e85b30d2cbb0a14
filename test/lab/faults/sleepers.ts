// A device with a learned port and peer that pauses and goes on later: world/sleeper.ts.
import { EVERY_DEVICE, lonePeer, peerAddress } from '../world/plan.ts';
import type { FaultLab } from './fault.ts';
import { LOGS } from './programs.ts';

const LONE = 16;
let number = 0;

export interface Sleeper {
  /** The peers it speaks to. */
  readonly remotes: ReadonlySet<string>;
  /** Resolves when it is awake. */
  readonly awake: Promise<unknown>;
  /** {sent, heard} as text. */
  stop(): Promise<string>;
}

/** Starts it; resolves when it has been taught. `quiet` is in milliseconds. */
export async function sleeper(
  lab: FaultLab,
  device: string,
  how: 'supernode' | 'mapping' | 'incoming',
  quiet: number,
): Promise<Sleeper> {
  number += 1;
  const index = EVERY_DEVICE.findIndex((one) => one.name === device);
  const words = [device, LOGS, how, number, quiet];
  let last = '';
  const heard = new Map<string, () => void>();
  const after = (line: string): Promise<void> => new Promise((resolve) => heard.set(line, resolve));
  const [asleep, awake] = [after('asleep'), after('awake')];
  const program = await lab.play(device, 'sleeper', words, (line) => {
    last = line;
    heard.get(line)?.();
  });
  await Promise.race([asleep, program.done]);
  const lone = Array.from({ length: LONE }, (_, i) => lonePeer(number * LONE + i));
  return {
    remotes: new Set([peerAddress(index, number & 0xff, 'in'), ...lone]),
    awake: Promise.race([awake, program.done]),
    async stop() {
      await program.kill('TERM');
      await program.done;
      if (!last.startsWith('{')) throw new Error(`sleeper ${words.join(' ')}: ${last}`);
      return last;
    },
  };
}
