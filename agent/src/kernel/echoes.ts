// kernel/echoes: ICMP echo requests of any size through one tunnel device, for `whp test`: round trips, the largest
// packet that passes unfragmented, and how much passes in a second. A socket of its own beside that of
// kernel/probes; replies to the other are told apart by the token.
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import type { Filled } from '../answers/test.ts';
import { MSG_DONTWAIT } from '../netlink/constants.ts';
import { hostInt, inetAddress } from '../netlink/endian.ts';
import { after, every, now } from '../os/clock.ts';
import { randomBytes } from '../os/random.ts';
import { type Family, familyOf, parseAddress } from '../wire/address.ts';
import { type EchoTag, echoRequest, readEchoReply } from '../wire/echo.ts';
import { openRaw } from './probes.ts';

/** linux/in.h, linux/in6.h: level and option; the value sets DF and ignores what was learned of the path. */
const DISCOVER = { 4: [0, 10], 6: [41, 23] } as const;
const PROBE = 3;
const IP_HEADER = { 4: 20, 6: 40 } as const;

export interface Echoes {
  /** Sends one request of each size (bytes with the IP header), `gap` milliseconds apart. Resolves to the round trips
   * in milliseconds when all have come, or `wait` after the last was sent; null: no reply. */
  ask(sizes: readonly number[], gap: number, wait: number): Promise<(number | null)[]>;
  /** Sends requests of `size` bytes for `milliseconds`, at most BURST in TURN and AHEAD without a reply.
   * `replies` are those of that time; `lost` have none LOST later. */
  fill(size: number, milliseconds: number): Promise<Filled>;
  close(): void;
}

/** Five requests in ten milliseconds, 5.6 Mbit/s of 1,400 bytes: more than a video call, and few enough that the
 * agent's own socket, which the kernel gives the same replies, is read in time. */
const BURST = 5;
const TURN = 10;
/** At most 45 KB of 1,400 bytes wait in the modem's queue. */
const AHEAD = 32;
/** A request without a reply for so long no longer counts as AHEAD, milliseconds. */
const LOST = 500;

/** The socket of one tunnel. */
interface Line {
  readonly family: Family;
  readonly fd: number;
  readonly tag: EchoTag;
  readonly to: ArrayBuffer;
  /** Of the last request. */
  sequence: number;
  onReply: (sequence: number) => void;
}

const ignored = (): void => {};

/** Echo requests to `remote` through `device`; or -errno. */
export function openEchoes(device: string, remote: string): Echoes | number {
  const to = parseAddress(remote);
  if (to === null) return -sys.EINVAL;
  const family = familyOf(to);
  const fd = openRaw(family, device);
  if (fd < 0) return fd;
  const [level, option] = DISCOVER[family];
  sys.setsockopt(fd, level, option, hostInt(PROBE));
  const seed = randomBytes(10);
  const tag: EchoTag = { identifier: (seed[0]! << 8) | seed[1]!, token: seed.slice(2) };
  const line = { family, fd, tag, to: inetAddress(to), sequence: 0, onReply: ignored };
  const bytes = new Uint8Array(128);
  os.setReadHandler(fd, () => drain(line, bytes));
  return {
    ask: (sizes, gap, wait) => ask(line, sizes, gap, wait),
    fill: (size, milliseconds) => fill(line, size, milliseconds),
    close: () => {
      os.setReadHandler(fd, null);
      os.close(fd);
    },
  };
}

function drain(line: Line, bytes: Uint8Array<ArrayBuffer>): void {
  for (;;) {
    const size = sys.recv(line.fd, bytes.buffer, 0, bytes.length, MSG_DONTWAIT);
    if (size < 0) return;
    const heard = readEchoReply(line.family, bytes, size, line.tag);
    if (heard !== null) line.onReply(heard);
  }
}

/** Returns the sequence number. A request that cannot be sent is one without a reply. */
function send(line: Line, size: number): number {
  line.sequence = (line.sequence + 1) & 0xffff;
  const { family, fd, tag, to, sequence } = line;
  const packet = echoRequest(family, tag, sequence, size - IP_HEADER[family]);
  sys.sendto(fd, packet.buffer as ArrayBuffer, 0, packet.length, MSG_DONTWAIT, to);
  return sequence;
}

function ask(
  line: Line,
  sizes: readonly number[],
  gap: number,
  wait: number,
): Promise<(number | null)[]> {
  return new Promise((resolve) => {
    const times = sizes.map((): number | null => null);
    const sent = new Map<number, { readonly at: number; readonly time: number }>();
    let stop = (): void => {};
    const end = (): void => {
      stop();
      line.onReply = ignored;
      resolve(times);
    };
    line.onReply = (heard) => {
      const known = sent.get(heard);
      if (known === undefined || times[known.at] !== null) return;
      times[known.at] = now() - known.time;
      if (times.every((one) => one !== null)) end();
    };
    const next = (at: number): void => {
      if (at === sizes.length) {
        stop = after(wait, end);
        return;
      }
      const time = now();
      sent.set(send(line, sizes[at]!), { at, time });
      stop = after(gap, () => next(at + 1));
    };
    next(0);
  });
}

function fill(line: Line, size: number, milliseconds: number): Promise<Filled> {
  return new Promise((resolve) => {
    const open = new Map<number, number>();
    let [sent, replies, late] = [0, 0, 0];
    line.onReply = (heard) => {
      if (open.delete(heard)) replies += 1;
    };
    const stop = every(TURN, () => {
      for (const [one, at] of open) if (now() - at > LOST) open.delete(one);
      for (let i = 0; i < BURST && open.size < AHEAD; i++) {
        open.set(send(line, size), now());
        sent += 1;
      }
    });
    after(milliseconds, () => {
      stop();
      line.onReply = (heard) => {
        if (open.delete(heard)) late += 1;
      };
      after(LOST, () => {
        line.onReply = ignored;
        resolve({ sent, replies, lost: sent - replies - late });
      });
    });
  });
}
