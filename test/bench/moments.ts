// What the program moments.c notes while something happens on the router.
import * as os from 'qjs:os';
import * as std from 'qjs:std';

const NOTES = '/tmp/moments';
/** Milliseconds between two looks at the notes: each costs the agent time that is measured. */
export const LOOK = 100;

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => void os.setTimeout(resolve, milliseconds));

/** Times in milliseconds of the monotonic clock. */
export interface Moments {
  /** Of each commit since the program began. */
  readonly commits: readonly number[];
  /** When the queue was bound; null: not yet. */
  readonly bound: number | null;
}

/** Starts the program; resolves when it has noted the generation that is there. `queue` 0: none is waited for. */
export async function noting(queue: string): Promise<{ read(): Moments; end(): void }> {
  os.remove(NOTES);
  const notes = os.open(NOTES, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600);
  const pid = os.exec(['/usr/lib/bench/moments', queue], { block: false, stdout: notes });
  os.close(notes);
  const lines = (): string[][] =>
    (std.loadFile(NOTES) ?? '')
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(' '));
  while (lines().length === 0) await pause(LOOK);
  return {
    read() {
      const moments = lines();
      const bound = moments.find(([, what]) => what === 'bound');
      return {
        commits: moments
          .filter((one) => one !== bound && one !== moments[0])
          .map(([at]) => Number(at)),
        bound: bound === undefined ? null : Number(bound[0]),
      };
    },
    end() {
      os.kill(pid, os.SIGTERM);
      os.waitpid(pid, 0);
    },
  };
}
