// A shell in its own network and mount namespaces, for tests that replace files of the machine.
import { type ChildProcess, spawn } from 'node:child_process';

export interface Shell {
  readonly run: (command: string) => Promise<{ status: number; text: string }>;
  /** Resolves when the shell has ended; with processes of its own, when the last of them has: then nothing writes
   * into its folders any more. */
  readonly stop: () => Promise<void>;
}

/** Kills all but the shell, which is process 1 of the namespace, and waits for the last to be gone. */
const ALL = 'kill -9 -1; wait; while set -- /proc/[0-9]*; [ $# -gt 1 ]; do sleep 0.05; done';

/** `own`: in a process namespace too, so that its children end with it. */
export function startShell(own: 'processes' | null = null): Shell {
  const processes = ['-p', '-f', '--mount-proc', '--kill-child'];
  const child: ChildProcess = spawn(
    'unshare',
    ['-n', '-m', ...(own === null ? [] : processes), 'sh'],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  let text = '';
  let done: ((answer: { status: number; text: string }) => void) | null = null;
  child.stdout!.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    const end = /--end (\d+)\n$/.exec(text);
    if (end === null || done === null) return;
    const answer = { status: Number(end[1]), text: text.slice(0, end.index) };
    text = '';
    done(answer);
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const run: Shell['run'] = (command) =>
    new Promise((resolve) => {
      done = resolve;
      child.stdin!.write(`{ ${command}\n} 2>&1; echo "--end $?"\n`);
    });
  return {
    run,
    async stop() {
      if (own !== null) await run(ALL);
      child.stdin!.end();
      await ended;
    },
  };
}

/** The command that replaces /etc by a copy in RAM, mounted at `folder` first. */
export function ownEtc(folder: string): string {
  return `mkdir -p ${folder} && mount -t tmpfs tmpfs ${folder} && cp -a /etc/. ${folder} && mount --bind ${folder} /etc`;
}
