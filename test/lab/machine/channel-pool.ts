// Between a machine and its control channels: lends a free one to each command, starts them in the
// machine as they are needed, and keeps channel 0 back, to kill what runs on the others.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel } from './control.ts';

export interface Lease {
  readonly channel: Channel;
  readonly give: () => void;
}

/** Lends `count` control channels; channel 0 stays back, to start the others and to kill commands. */
export function channelPool(root: Channel, channels: ReadonlyMap<number, Channel>, count: number) {
  const free: number[] = [];
  const waiting: ((index: number) => void)[] = [];
  let opened = 1;
  let turn: Promise<unknown> = Promise.resolve();
  /** One request at a time on channel 0; rejects when the machine does not answer in 30 s. */
  const internal = (script: string): Promise<unknown> => {
    const late = new AbortController();
    const next = turn.then(() =>
      Promise.race([
        root.request({ script, input: Buffer.alloc(0), onOutput: () => {} }),
        sleep(30_000, undefined, { signal: late.signal, ref: false }).then(() => {
          throw new Error('control channel 0 does not answer');
        }),
      ]).finally(() => late.abort()),
    );
    turn = next.catch(() => {});
    return next;
  };
  const lend = (index: number): Lease => ({
    channel: channels.get(index) as Channel,
    give: () => {
      const next = waiting.shift();
      if (next === undefined) free.push(index);
      else next(index);
    },
  });
  return {
    async take(timeout: number): Promise<Lease> {
      const idle = free.pop();
      if (idle !== undefined) return lend(idle);
      if (opened < count) {
        const index = opened++;
        await internal(`setsid /usr/lib/lab/control ${index} </dev/null >/dev/null 2>&1 &`);
        await channels.get(index)?.ready;
        return lend(index);
      }
      return new Promise((resolve, reject) => {
        const give = (index: number): void => {
          clearTimeout(timer);
          resolve(lend(index));
        };
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(give), 1);
          reject(new Error(`all ${count - 1} control channels are taken`));
        }, timeout);
        waiting.push(give);
      });
    },
    async kill(pid: number, signal: string): Promise<void> {
      await internal(`kill -${signal} -- -${pid} 2>/dev/null || :`).catch(() => {});
    },
  };
}

/** Cuts a stream of bytes into lines of UTF-8 text. */
export function lineSplitter(onLine: (line: string) => void) {
  let rest = '';
  return {
    push(bytes: Buffer): void {
      const lines = (rest + bytes.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(Buffer.from(line, 'latin1').toString('utf8'));
    },
    flush(): void {
      if (rest !== '') onLine(rest);
      rest = '';
    },
  };
}
