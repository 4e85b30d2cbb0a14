// whp:socket in the host (also built with ASan and UBSan): each function with valid arguments over real
// sockets, then with wrong arguments.

import * as os from 'qjs:os';
import * as sock from 'whp:socket';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAttributes, createReader, readAttributes } from '../../agent/src/netlink/message.ts';
import { seeded } from '../fixtures/seeded.ts';

const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const NETLINK_ROUTE = 0;
const RTM_GETLINK = 18;

function bytes(...values: number[]): ArrayBuffer {
  return new Uint8Array(values).buffer;
}

/** struct sockaddr_in of 127.0.0.1; the family is in host order, the port in network order. */
function inet(port: number, address = [127, 0, 0, 1]): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint16(0, sock.AF_INET, littleEndian);
  view.setUint16(2, port);
  address.forEach((byte, index) => {
    view.setUint8(4 + index, byte);
  });
  return view.buffer;
}

function unix(path: string): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(2 + path.length + 1));
  view.setUint16(0, sock.AF_UNIX, littleEndian);
  for (let i = 0; i < path.length; i++) view.setUint8(2 + i, path.charCodeAt(i));
  return view.buffer;
}

function int32(value: number): ArrayBuffer {
  return new Int32Array([value]).buffer;
}

function text(buffer: ArrayBuffer, length: number): string {
  return String.fromCharCode(...new Uint8Array(buffer, 0, length));
}

function ascii(value: string): ArrayBuffer {
  return bytes(...Array.from(value, (letter) => letter.charCodeAt(0)));
}

/** The descriptor that a system call returned; fails the test on -errno. */
function opened(fd: number): number {
  assert.ok(fd > 2, `descriptor: ${fd}`);
  return fd;
}

/** A bound UDP socket of 127.0.0.1 and its port. */
function udp(flags = 0): { fd: number; port: number } {
  const fd = opened(sock.socket(sock.AF_INET, sock.SOCK_DGRAM | flags, 0));
  assert.is(sock.bind(fd, inet(0)), 0);
  const own = new ArrayBuffer(16);
  assert.is(sock.getsockname(fd, own), 16);
  return { fd, port: new DataView(own).getUint16(2) };
}

test('UDP: sendto and recvfrom carry bytes, offsets and the sender', () => {
  const here = udp();
  const there = udp();
  assert.is(sock.sendto(here.fd, ascii('xxhelloxx'), 2, 5, 0, inet(there.port)), 5);
  const into = new ArrayBuffer(8);
  const from = new ArrayBuffer(28);
  new Uint8Array(from).fill(255);
  assert.is(sock.recvfrom(there.fd, into, 1, 7, 0, from), 5);
  assert.is(text(into, 7), '\0hello\0');
  assert.is(new DataView(from).getUint16(2), here.port);
  assert.equal(Array.from(new Uint8Array(from, 16)), new Array(12).fill(0));
  os.close(here.fd);
  os.close(there.fd);
});

test('a sender buffer shorter than the address is filled and not overrun', () => {
  const { fd, port } = udp();
  const room = new ArrayBuffer(8);
  sock.sendto(fd, ascii('a'), 0, 1, 0, inet(port));
  assert.is(sock.recvfrom(fd, new ArrayBuffer(1), 0, 1, 0, room.slice(0, 2)), 1);
  sock.sendto(fd, ascii('a'), 0, 1, 0, inet(port));
  assert.is(sock.recvfrom(fd, new ArrayBuffer(1), 0, 1, 0, new ArrayBuffer(0)), 1);
  assert.is(sock.getsockname(fd, room), 16);
  assert.is(new DataView(room).getUint16(2), port);
  os.close(fd);
});

test('MSG_TRUNC tells the full length, MSG_PEEK leaves the datagram', () => {
  const { fd, port } = udp();
  sock.sendto(fd, new ArrayBuffer(100), 0, 100, 0, inet(port));
  assert.is(sock.recv(fd, new ArrayBuffer(4), 0, 4, sock.MSG_PEEK | sock.MSG_TRUNC), 100);
  assert.is(sock.recv(fd, new ArrayBuffer(4), 0, 4, 0), 4);
  assert.is(sock.recv(fd, new ArrayBuffer(4), 0, 4, sock.MSG_DONTWAIT), -sock.EAGAIN);
  os.close(fd);
});

test('TCP: listen, connect, accept, send, recv, end of stream, broken pipe', () => {
  const listener = opened(sock.socket(sock.AF_INET, sock.SOCK_STREAM | sock.SOCK_NONBLOCK, 0));
  assert.is(sock.bind(listener, inet(0)), 0);
  assert.is(sock.listen(listener, 4), 0);
  assert.is(sock.accept(listener), -sock.EAGAIN);
  const own = new ArrayBuffer(16);
  sock.getsockname(listener, own);
  const client = opened(sock.socket(sock.AF_INET, sock.SOCK_STREAM, 0));
  assert.is(sock.connect(client, own), 0);
  const server = opened(sock.accept(listener));
  const into = new ArrayBuffer(16);
  assert.is(sock.recv(server, into, 0, 16, 0), -sock.EAGAIN, 'non-blocking as its listener');
  assert.is(sock.send(client, ascii('ping'), 0, 4, 0), 4);
  assert.is(sock.recv(server, into, 0, 16, 0), 4);
  assert.is(text(into, 4), 'ping');
  os.close(server);
  assert.is(sock.recv(client, into, 0, 16, 0), 0);
  let result = 0;
  for (let i = 0; i < 10 && result >= 0; i++) result = sock.send(client, into, 0, 16, 0);
  assert.ok(result === -sock.EPIPE || result === -sock.ECONNRESET, `send: ${result}`);
  os.close(client);
  os.close(listener);
});

test('a non-blocking connect to a closed port reports through SO_ERROR or at once', () => {
  const { fd, port } = udp();
  os.close(fd);
  const client = opened(sock.socket(sock.AF_INET, sock.SOCK_STREAM | sock.SOCK_NONBLOCK, 0));
  const result = sock.connect(client, inet(port));
  assert.ok(result === -sock.EINPROGRESS || result === -sock.ECONNREFUSED, `connect: ${result}`);
  os.close(client);
});

test('Unix: a path with a mode from umask, and an unnamed peer', () => {
  const path = `/tmp/whp-test-${os.getpid()}.sock`;
  const old = sock.umask(0o077);
  const listener = opened(sock.socket(sock.AF_UNIX, sock.SOCK_STREAM, 0));
  assert.is(sock.bind(listener, unix(path)), 0);
  assert.is(sock.umask(old), 0o077);
  assert.is((os.stat(path)[0]?.mode ?? 0) & 0o777, 0o700);
  assert.is(sock.bind(listener, unix(path)), -sock.EADDRINUSE);
  assert.is(sock.listen(listener, 1), 0);
  const client = opened(sock.socket(sock.AF_UNIX, sock.SOCK_STREAM, 0));
  assert.is(sock.connect(client, unix(path)), 0);
  const server = opened(sock.accept(listener));
  sock.send(client, ascii('hi'), 0, 2, 0);
  const from = bytes(9, 9, 9, 9);
  assert.is(sock.recvfrom(server, new ArrayBuffer(4), 0, 4, 0, from), 2);
  assert.equal(Array.from(new Uint8Array(from)), [0, 0, 0, 0]);
  for (const fd of [client, server, listener]) os.close(fd);
  assert.is(os.remove(path), 0);
  const again = sock.socket(sock.AF_UNIX, sock.SOCK_STREAM, 0);
  assert.is(sock.connect(again, unix(path)), -sock.ENOENT);
  os.close(again);
});

test('netlink: a request for all links is answered', () => {
  const fd = opened(sock.socket(sock.AF_NETLINK, sock.SOCK_RAW, NETLINK_ROUTE));
  const local = new DataView(new ArrayBuffer(12));
  local.setUint16(0, sock.AF_NETLINK, littleEndian);
  assert.is(sock.bind(fd, local.buffer), 0);
  const request = new DataView(new ArrayBuffer(32));
  request.setUint32(0, 32, littleEndian);
  request.setUint16(4, RTM_GETLINK, littleEndian);
  request.setUint16(6, 0x301, littleEndian); // NLM_F_REQUEST | NLM_F_DUMP
  assert.is(sock.send(fd, request.buffer, 0, 32, 0), 32);
  const reply = new ArrayBuffer(32768);
  const count = sock.recv(fd, reply, 0, reply.byteLength, 0);
  assert.ok(count >= 32, `recv: ${count}`);
  assert.is(new DataView(reply).getUint16(4, littleEndian), 16); // RTM_NEWLINK
  os.close(fd);
});

test('IPv6 and packet sockets open, or the kernel says why not', () => {
  const possible = [-sock.EAFNOSUPPORT, -sock.EPERM, -sock.EACCES];
  for (const fd of [
    sock.socket(sock.AF_INET6, sock.SOCK_DGRAM, 0),
    sock.socket(sock.AF_PACKET, sock.SOCK_RAW, 0),
  ]) {
    assert.ok(fd > 2 || possible.includes(fd), `socket: ${fd}`);
    if (fd > 2) os.close(fd);
  }
});

test('options are set, read back, and cut to the buffer', () => {
  const { fd } = udp();
  assert.is(sock.setsockopt(fd, sock.SOL_SOCKET, sock.SO_BROADCAST, int32(1)), 0);
  const value = new ArrayBuffer(4);
  assert.is(sock.getsockopt(fd, sock.SOL_SOCKET, sock.SO_BROADCAST, value), 4);
  assert.is(new Int32Array(value)[0], 1);
  assert.is(sock.getsockopt(fd, sock.SOL_SOCKET, sock.SO_BROADCAST, new ArrayBuffer(64)), 4);
  assert.is(sock.getsockopt(fd, sock.SOL_SOCKET, sock.SO_BROADCAST, new ArrayBuffer(0)), 0);
  assert.is(sock.setsockopt(fd, sock.SOL_SOCKET, sock.SO_BROADCAST, bytes(1)), -sock.EINVAL);
  assert.is(sock.setsockopt(fd, sock.SOL_SOCKET, sock.SO_BROADCAST, bytes()), -sock.EINVAL);
  os.close(fd);
});

test('a socket does not pass into a program that is started', () => {
  const { fd } = udp();
  assert.is(os.exec(['test', '-e', `/proc/self/fd/${fd}`]), 1);
  os.close(fd);
});

test('a closed descriptor is EBADF everywhere', () => {
  const { fd } = udp();
  os.close(fd);
  const some = new ArrayBuffer(16);
  const calls = [
    sock.bind(fd, inet(0)),
    sock.connect(fd, inet(1)),
    sock.listen(fd, 1),
    sock.accept(fd),
    sock.send(fd, some, 0, 16, 0),
    sock.sendto(fd, some, 0, 16, 0, inet(1)),
    sock.recv(fd, some, 0, 16, 0),
    sock.recvfrom(fd, some, 0, 16, 0, some),
    sock.setsockopt(fd, sock.SOL_SOCKET, sock.SO_BROADCAST, int32(1)),
    sock.getsockopt(fd, sock.SOL_SOCKET, sock.SO_BROADCAST, some),
    sock.getsockname(fd, some),
  ];
  assert.equal(calls, new Array(calls.length).fill(-sock.EBADF));
});

test('a descriptor that is no socket is ENOTSOCK', () => {
  assert.is(sock.accept(os.open('/dev/null', os.O_RDONLY)), -sock.ENOTSOCK);
});

test('what the kernel refuses comes back as -errno', () => {
  assert.is(sock.socket(9999, sock.SOCK_STREAM, 0), -sock.EAFNOSUPPORT);
  assert.ok(sock.socket(2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1) < 0);
  const { fd } = udp();
  assert.is(sock.listen(fd, 1), -sock.EOPNOTSUPP);
  assert.is(sock.bind(fd, new ArrayBuffer(0)), -sock.EINVAL);
  assert.is(sock.bind(fd, bytes(0)), -sock.EINVAL);
  assert.is(sock.sendto(fd, new ArrayBuffer(70000), 0, 70000, 0, inet(9)), -sock.EMSGSIZE);
  os.close(fd);
});

// --- hostile arguments ---------------------------------------------------------------------

type Loose = (...values: unknown[]) => number;

/** The functions that take (fd, buffer, offset, length, flags [, address]). */
function transfers(fd: number): [string, (...rest: unknown[]) => number][] {
  const address = inet(9);
  return [
    ['send', (...rest) => (sock.send as Loose)(fd, ...rest, 0)],
    ['recv', (...rest) => (sock.recv as Loose)(fd, ...rest, sock.MSG_DONTWAIT)],
    ['sendto', (...rest) => (sock.sendto as Loose)(fd, ...rest, 0, address)],
    ['recvfrom', (...rest) => (sock.recvfrom as Loose)(fd, ...rest, sock.MSG_DONTWAIT, address)],
  ];
}

test('a range outside its buffer throws', () => {
  const { fd } = udp();
  const buffer = new ArrayBuffer(16);
  const ranges = [
    [-1, 1],
    [0, -1],
    [0, 17],
    [16, 1],
    [17, 0],
    [1, 16],
    [0, 2 ** 31],
    [2 ** 31, 0],
    [0, 2 ** 32],
    [2 ** 32 + 1, 1],
    [1, 2 ** 53],
    [2 ** 53, 2 ** 53],
    [0, Number.POSITIVE_INFINITY],
    [Number.NEGATIVE_INFINITY, 1],
    [Number.NaN, 1],
    [0.5, 1],
    [0, 1.5],
    [0, 1e300],
  ];
  for (const [name, call] of transfers(fd))
    for (const [offset, length] of ranges)
      assert.throws(
        () => call(buffer, offset, length),
        (error: unknown) => error instanceof RangeError,
        `${name} ${offset} ${length}`,
      );
  os.close(fd);
});

test('an empty range at the very end is allowed', () => {
  const { fd } = udp();
  assert.is(sock.sendto(fd, new ArrayBuffer(4), 4, 0, 0, inet(9)), 0);
  assert.is(sock.sendto(fd, new ArrayBuffer(0), 0, 0, 0, inet(9)), 0);
  assert.is(sock.recv(fd, new ArrayBuffer(0), 0, 0, sock.MSG_DONTWAIT), -sock.EAGAIN);
  os.close(fd);
});

test('a wrong type throws, and is never converted by running its code', () => {
  const { fd } = udp();
  const buffer = new ArrayBuffer(16);
  const trap = {
    valueOf(): number {
      throw new Error('valueOf ran');
    },
  };
  const numbers = [undefined, null, '0', true, {}, [], trap, 0n, Symbol('x'), () => 0];
  const buffers = [...numbers, 5, new Uint8Array(16), new DataView(buffer), { byteLength: 16 }];
  const refuses = (what: () => unknown) =>
    assert.throws(what, (error: unknown) => error instanceof TypeError);
  for (const [, call] of transfers(fd)) {
    for (const wrong of numbers) {
      refuses(() => call(buffer, wrong, 1));
      refuses(() => call(buffer, 0, wrong));
    }
    for (const wrong of buffers) refuses(() => call(wrong, 0, 0));
  }
  for (const wrong of numbers) {
    for (const call of [sock.socket, sock.bind, sock.connect, sock.listen, sock.accept] as Loose[])
      refuses(() => call(wrong, wrong, wrong));
    for (const call of [sock.setsockopt, sock.getsockopt, sock.getsockname] as Loose[])
      refuses(() => call(wrong, buffer, buffer, buffer));
    refuses(() => (sock.send as Loose)(fd, buffer, 0, 1, wrong));
    refuses(() => (sock.recv as Loose)(fd, buffer, 0, 1, wrong));
    refuses(() => (sock.umask as Loose)(wrong));
  }
  for (const wrong of buffers) {
    for (const call of [sock.bind, sock.connect, sock.getsockname] as Loose[])
      refuses(() => call(fd, wrong));
    refuses(() => (sock.setsockopt as Loose)(fd, 1, 1, wrong));
    refuses(() => (sock.getsockopt as Loose)(fd, 1, 1, wrong));
    refuses(() => (sock.sendto as Loose)(fd, buffer, 0, 1, 0, wrong));
    refuses(() => (sock.recvfrom as Loose)(fd, buffer, 0, 1, 0, wrong));
  }
  os.close(fd);
});

test('missing arguments throw', () => {
  const { monotonic, ...rest } = sock;
  assert.type(monotonic(), 'number');
  for (const call of Object.values(rest))
    if (typeof call === 'function')
      assert.throws(
        () => (call as Loose)(),
        (error: unknown) => error instanceof TypeError,
      );
});

test('numbers out of range throw', () => {
  const outside = (what: () => unknown) =>
    assert.throws(what, (error: unknown) => error instanceof RangeError);
  for (const wrong of [-1, 2 ** 31, 1.5, Number.NaN]) {
    outside(() => sock.socket(wrong, 1, 0));
    outside(() => sock.socket(1, wrong, 0));
    outside(() => sock.socket(1, 1, wrong));
    outside(() => sock.accept(wrong));
    outside(() => sock.listen(wrong, 1));
    outside(() => sock.getsockname(wrong, new ArrayBuffer(16)));
  }
  for (const wrong of [-1, 0o1000, 1.5]) outside(() => sock.umask(wrong));
});

test('an address longer than any sockaddr throws', () => {
  const { fd } = udp();
  const long = new ArrayBuffer(129);
  for (const call of [sock.bind, sock.connect])
    assert.throws(
      () => call(fd, long),
      (error: unknown) => error instanceof RangeError,
    );
  assert.throws(() => sock.sendto(fd, long, 0, 1, 0, long), /longer than 128/);
  os.close(fd);
});

test('a detached buffer throws; a resized one is measured anew', () => {
  const { fd, port } = udp();
  const gone = new ArrayBuffer(16);
  structuredDetach(gone);
  for (const [name, call] of transfers(fd))
    assert.throws(
      () => call(gone, 0, 0),
      (error: unknown) => error instanceof TypeError,
      name,
    );
  assert.throws(() => sock.bind(fd, gone), /detached/);
  assert.throws(() => sock.getsockname(fd, gone), /detached/);
  assert.throws(() => sock.setsockopt(fd, 1, 1, gone), /detached/);

  const ResizableBuffer = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(length: number): void };
  const small = new ResizableBuffer(16, { maxByteLength: 64 });
  small.resize(4);
  assert.throws(() => sock.sendto(fd, small, 0, 16, 0, inet(port)), /length/);
  small.resize(64);
  assert.is(sock.sendto(fd, small, 0, 64, 0, inet(port)), 64);
  os.close(fd);
});

test('an immutable buffer can be sent and not received into', () => {
  const { fd, port } = udp();
  const buffer = new ArrayBuffer(4) as ArrayBuffer & { transferToImmutable?(): ArrayBuffer };
  const fixed = buffer.transferToImmutable?.();
  if (fixed) {
    assert.is(sock.sendto(fd, fixed, 0, 4, 0, inet(port)), 4);
    assert.throws(() => sock.recv(fd, fixed, 0, 4, 0), /immutable/);
    assert.throws(() => sock.recvfrom(fd, new ArrayBuffer(4), 0, 4, 0, fixed), /immutable/);
    assert.throws(() => sock.getsockname(fd, fixed), /immutable/);
    assert.throws(() => sock.getsockopt(fd, 1, 1, fixed), /immutable/);
  }
  os.close(fd);
});

/** Moves the storage of `buffer` away, which leaves it detached. */
function structuredDetach(buffer: ArrayBuffer): void {
  (buffer as ArrayBuffer & { transfer(): ArrayBuffer }).transfer();
}

test('monotonic never steps back', () => {
  let last = sock.monotonic();
  for (let i = 0; i < 1000; i++) {
    const now = sock.monotonic();
    assert.ok(now >= last);
    last = now;
  }
});

test('netlink attributes are read as by the loop of the script, malformed ones refused', () => {
  const random = seeded(7);
  let good = 0;
  for (let round = 0; round < 4000; round++) {
    const buffer = new ArrayBuffer(random(96));
    const all = new Uint8Array(buffer);
    // Lengths and types that are often right, beside any bytes.
    for (let at = 0; at < all.length; at++) all[at] = random(random(4) === 0 ? 256 : 12);
    const order = littleEndian ? 0 : 1;
    for (let at = 0; at + 4 <= all.length; at += 4 + 4 * random(3)) {
      all[at + order] = 4 + random(9);
      all[at + 1 - order] = random(16) === 0 ? 1 : 0;
    }
    const from = 4 * random(4);
    const end = random(8) === 0 ? all.length + random(3) : all.length - random(3);
    if (end < 0) continue;
    const native = createAttributes(11);
    const script = createAttributes(11);
    const reason = readAttributes(createReader(all), from, end, script);
    assert.is(sock.attributes(buffer, from, end, native.buffer), reason === undefined);
    if (reason !== undefined) continue;
    good += 1;
    assert.equal([native.at, native.size], [script.at, script.size]);
  }
  assert.ok(good > 500, `${good} well-formed ones`);
});

test('netlink attributes: wrong arguments throw', () => {
  const into = new ArrayBuffer(8);
  assert.throws(() => sock.attributes(new Uint8Array(4) as never, 0, 4, into), /bytes/);
  assert.throws(() => sock.attributes(bytes(4, 0, 0, 0), -1, 4, into), /at/);
  assert.throws(() => sock.attributes(bytes(4, 0, 0, 0), 0, 0.5, into), /end/);
  assert.throws(() => sock.attributes(bytes(4, 0, 0, 0), 0, 4, 8 as never), /into/);
  assert.is(sock.attributes(bytes(4, 0, 0, 0), 8, 4, into), true, 'nothing between');
  assert.is(sock.attributes(new ArrayBuffer(0), 0, 0, new ArrayBuffer(0)), true);
});

test.run();
