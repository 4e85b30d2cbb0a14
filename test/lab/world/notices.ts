// How a device's program reaches the programs beside it: `internet` (open a peer before it is
// called) and the device's own `noise` (hold new flows around a stranger's request).
import * as os from 'qjs:os';
import { openNotices } from './socket.ts';

export interface Caller {
  /** Sends a request and resolves with the answer; rejects without one in `ms`. */
  call(to: string, text: string, ms?: number): Promise<string>;
  close(): void;
}

/** Requests carry a number in front, and so do the answers. */
export function openCaller(path: string): Caller {
  const waiting = new Map<string, (text: string) => void>();
  const socket = openNotices(path, (text) => {
    const space = text.indexOf(' ');
    waiting.get(text.slice(0, space))?.(text.slice(space + 1));
  });
  let number = 0;
  return {
    call: (to, text, ms = 5000) => {
      number += 1;
      const key = String(number);
      return new Promise((resolve, reject) => {
        const timer = os.setTimeout(() => {
          waiting.delete(key);
          reject(new Error(`${to}: no answer to "${text}" in ${ms} ms`));
        }, ms);
        waiting.set(key, (answer) => {
          waiting.delete(key);
          os.clearTimeout(timer);
          resolve(answer);
        });
        socket.send(to, `${key} ${text}`);
      });
    },
    close: () => socket.close(),
  };
}

/** The other side: `onRequest` answers, now or later. */
export function openService(
  path: string,
  onRequest: (text: string, reply: (text: string) => void) => void,
): void {
  openNotices(path, (text, reply) => {
    const space = text.indexOf(' ');
    const number = text.slice(0, space);
    onRequest(text.slice(space + 1), (answer) => reply(`${number} ${answer}`));
  });
}
