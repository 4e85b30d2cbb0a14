// A shell in its own network and mount namespaces, for tests that replace files of the machine.
import { type ChildProcess, spawn } from 'node:child_process';

export interface Shell {
  readonly run: (command: string) => Promise<{ status: number; text: string }>;
  readonly stop: () => void;
}

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
  return {
    run: (command) =>
      new Promise((resolve) => {
        done = resolve;
        child.stdin!.write(`{ ${command}\n} 2>&1; echo "--end $?"\n`);
      }),
    stop: () => (own === null ? child.stdin!.end() : child.kill('SIGKILL')),
  };
}

/** The command that replaces /etc by a copy in RAM, mounted at `folder` first. */
export function ownEtc(folder: string): string {
  return `mkdir -p ${folder} && mount -t tmpfs tmpfs ${folder} && cp -a /etc/. ${folder} && mount --bind ${folder} /etc`;
}
