// `lab.sh shell`: a lab to try things in. Each line of standard input is "router COMMAND" or
// "world COMMAND"; its output and a status other than 0 are shown.
import { createInterface } from 'node:readline';
import { type LabOptions, startLab } from './lab.ts';

/** Runs lines of standard input until it ends. */
export async function shell(options: LabOptions): Promise<void> {
  const lab = await startLab(options);
  try {
    for await (const line of createInterface({ input: process.stdin })) {
      const [, name, command] = /^(router|world) (.*)$/.exec(line) ?? [];
      if (command === undefined) {
        if (line !== '') console.log('a line is "router COMMAND" or "world COMMAND"');
        continue;
      }
      const machine = name === 'router' ? lab.router : lab.world;
      try {
        const result = await machine.run(command, { timeout: 120_000 });
        process.stdout.write(result.stdout + result.stderr);
        if (result.status !== 0) console.log(`(status ${result.status})`);
      } catch (error) {
        console.log((error as Error).message);
      }
    }
  } finally {
    await lab.stop();
  }
}
