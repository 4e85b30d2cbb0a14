// Messages from a device's program to other programs: `internet` (open a peer before it is called) and the
// device's `noise` (hold new flows around a stranger's request).
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { BURST, check, MSG_DONTWAIT, SOCK_DGRAM, SOCK_NONBLOCK, scratch } from './socket.ts';

const AF_UNIX = 1;

function unixAddress(path: string): ArrayBuffer {
  const bytes = new Uint8Array(3 + path.length);
  bytes[0] = AF_UNIX;
  for (let i = 0; i < path.length; i += 1) bytes[2 + i] = path.charCodeAt(i);
  return bytes.buffer;
}

interface Notices {
  send(path: string, text: string): void;
  close(): void;
}

/** A UNIX datagram socket at `path`: how programs of one machine talk past the network. */
function openNotices(
  path: string,
  onNotice: (text: string, reply: (text: string) => void) => void,
): Notices {
  os.remove(path);
  const fd = check(sys.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), 'socket unix');
  check(sys.bind(fd, unixAddress(path)), `bind ${path}`);
  const send = (to: string, text: string): void => {
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i) & 0x7f;
    sys.sendto(fd, bytes.buffer, 0, bytes.length, MSG_DONTWAIT, unixAddress(to));
  };
  os.setReadHandler(fd, () => {
    for (let i = 0; i < BURST; i += 1) {
      const from = new ArrayBuffer(110);
      const count = sys.recvfrom(fd, scratch, 0, scratch.byteLength, MSG_DONTWAIT, from);
      if (count < 0) return;
      const text = String.fromCharCode(...new Uint8Array(scratch, 0, count));
      const raw = new Uint8Array(from).subarray(2);
      const end = raw.indexOf(0);
      const sender = String.fromCharCode(...raw.subarray(0, end < 0 ? raw.length : end));
      onNotice(text, (reply) => send(sender, reply));
    }
  });
  return {
    send,
    close: () => {
      os.setReadHandler(fd, null);
      os.close(fd);
    },
  };
}

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
