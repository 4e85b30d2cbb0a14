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

/** Of a shell in a namespace of its own: a router with br-lan and wan, and the namespaces of the processes $device and
 * $outside behind them, in which `at` runs a command. */
export const DEVICE_AND_OUTSIDE = `
ip link set lo up; sysctl -qw net.ipv4.ip_forward=1
unshare -n sleep 1000 & device=$!
unshare -n sleep 1000 & outside=$!
sleep 0.2
ip link add br-lan type veth peer name eth0 netns $device; ip link add wan type veth peer name eth0 netns $outside
ip addr add 192.168.1.1/24 dev br-lan; ip addr add 198.51.100.10/24 dev wan; ip link set br-lan up; ip link set wan up
ip route add default via 198.51.100.1
at() { pid=$1; shift; nsenter -t $pid -n "$@"; }
`;
