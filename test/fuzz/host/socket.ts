// whp:socket under the sanitizers: calls with every kind of wrong argument. A wrong argument throws a TypeError
// or a RangeError; a valid call returns a number.
import * as os from 'qjs:os';
import * as sock from 'whp:socket';
import type { Random } from '../random.ts';
import { must, type Target } from '../target.ts';

/** Sockets that only reach this machine; opened anew after a number of inputs. */
const LIFE = 64;
let life = 0;
let pool: number[] = [];

function sockets(): readonly number[] {
  if (life-- > 0) return pool;
  for (const fd of pool) os.close(fd);
  life = LIFE;
  const quiet = sock.SOCK_NONBLOCK;
  pool = [
    sock.socket(sock.AF_INET, sock.SOCK_DGRAM | quiet, 0),
    sock.socket(sock.AF_INET, sock.SOCK_STREAM | quiet, 0),
    sock.socket(sock.AF_UNIX, sock.SOCK_STREAM | quiet, 0),
    sock.socket(sock.AF_UNIX, sock.SOCK_DGRAM | quiet, 0),
  ].filter((fd) => fd >= 0);
  return pool;
}

const NUMBERS: readonly unknown[] = [
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 31,
  2 ** 53,
  '1',
  null,
  undefined,
  {},
  1n,
  { valueOf: () => 1 },
];

function number(byte: number, random: Random): unknown {
  return random.once(12) ? random.pick(NUMBERS) : byte;
}

function buffer(size: number, random: Random): unknown {
  if (random.once(16)) return random.pick([null, 'x', new Uint8Array(8), [], new ArrayBuffer(0)]);
  const bytes = new ArrayBuffer(size);
  if (random.once(16)) (bytes as unknown as { transfer(): void }).transfer(); // detached from now on
  return bytes;
}

/** 127.0.0.1, an abstract AF_UNIX name, or bytes that are no address. */
function address(size: number, random: Random): unknown {
  if (random.once(12)) return buffer(size, random);
  const bytes = new Uint8Array(random.once(3) ? 16 : 4 + (size & 127));
  const low = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1;
  bytes[low] = bytes.length === 16 ? sock.AF_INET : sock.AF_UNIX;
  if (bytes.length === 16) bytes.set([0x30, size, 127, 0, 0, 1], 2);
  else bytes.fill(size, 3);
  return bytes.buffer;
}

type Call = (fd: unknown, a: number, b: number, random: Random) => unknown;
// biome-ignore lint/suspicious/noExplicitAny: wrong arguments are what this is about
const any = sock as any;

const CALLS: readonly Call[] = [
  (fd, a, _, random) => any.bind(fd, address(a, random)),
  (fd, a, _, random) => any.connect(fd, address(a, random)),
  (fd, a, _, random) => any.listen(fd, number(a & 7, random)),
  (fd) => {
    const client = any.accept(fd);
    if (typeof client === 'number' && client >= 0) os.close(client);
    return client;
  },
  (fd, a, b, random) =>
    any.send(fd, buffer(a, random), number(b, random), number(a, random), sock.MSG_DONTWAIT),
  (fd, a, b, random) =>
    any.sendto(
      fd,
      buffer(a, random),
      number(b, random),
      number(a - b, random),
      0,
      address(b, random),
    ),
  (fd, a, b, random) =>
    any.recv(fd, buffer(a, random), number(b, random), number(a - b, random), sock.MSG_DONTWAIT),
  (fd, a, b, random) =>
    any.recvfrom(fd, buffer(a, random), 0, number(a, random), sock.MSG_DONTWAIT, buffer(b, random)),
  (fd, a, b, random) =>
    any.setsockopt(fd, sock.SOL_SOCKET, number(a & 63, random), buffer(b, random)),
  (fd, a, b, random) =>
    any.getsockopt(fd, number(a & 1, random), number(a & 63, random), buffer(b, random)),
  (fd, a, _, random) => any.getsockname(fd, buffer(a, random)),
  (_, a, __, random) => any.umask(number(a, random)),
];

export const socket: Target = {
  name: 'socket',
  weight: 20,
  seeds: [
    Uint8Array.from({ length: 48 }, (_, i) => i * 7),
    Uint8Array.of(0, 2, 16, 1, 0, 2, 16, 1),
  ],
  run(input, random) {
    const fds = sockets();
    const umask = sock.umask(0o22);
    let reached = '';
    for (let at = 0; at + 4 <= Math.min(input.length, 64); at += 4) {
      const call = input[at]! % CALLS.length;
      const fd = random.once(16)
        ? random.pick([...NUMBERS, 9999])
        : fds[input[at + 1]! % fds.length];
      try {
        const answer = CALLS[call]!(fd, input[at + 2]!, input[at + 3]!, random);
        must(Number.isInteger(answer), `call ${call} answers ${String(answer)}`);
        reached += ` ${call}:${Number(answer) < 0 ? answer : '+'}`;
      } catch (error) {
        const isKnown = error instanceof TypeError || error instanceof RangeError;
        must(isKnown, `call ${call} throws ${String(error)}`);
      }
    }
    sock.umask(umask);
    return reached.slice(0, 40);
  },
};
