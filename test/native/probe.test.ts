// whp:probe in the host: echo requests to loopback, sent and answered without the script, until one is not.
import * as os from 'qjs:os';
import * as probe from 'whp:probe';
import * as sock from 'whp:socket';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openRaw } from '../../agent/src/kernel/probes.ts';
import { hostInt, inetAddress } from '../../agent/src/netlink/endian.ts';
import { type Family, parseAddress } from '../../agent/src/wire/address.ts';
import { echoRequest } from '../../agent/src/wire/echo.ts';

const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const;
const numbers = new Float64Array(48);

function open(family: Family): number {
  return openRaw(family, 'lo');
}

function start(fd: number, family: Family, sequence = 0, first = 0, interval = 20, timeout = 300) {
  const tag = { identifier: 0x1234, token: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) };
  const packet = echoRequest(family, tag, 0).buffer as ArrayBuffer;
  const to = inetAddress(parseAddress(LOOPBACK[family])!);
  return probe.start(fd, packet, to, sequence, first, interval, timeout);
}

const wait = (milliseconds: number) =>
  new Promise<void>((done) => os.setTimeout(done, milliseconds));

for (const family of [4, 6] as const) {
  test(`requests are sent and answered by themselves: IPv${family}`, async () => {
    const fd = open(family);
    // Raw sockets are for root, and not everywhere is there IPv6.
    if (fd < 0) return;
    os.setReadHandler(fd, () => assert.unreachable('the script is called for a reply'));
    let called = 0;
    const timer = start(fd, family, 0xfffe);
    assert.ok(timer >= 0);
    os.setReadHandler(timer, () => {
      called += 1;
    });
    await wait(200);
    os.setReadHandler(timer, null);
    const count = probe.stop(fd, numbers.buffer);
    os.setReadHandler(fd, null);
    os.close(fd);
    if (family === 6 && count === 1) return; // no address on lo: the first one cannot be sent
    assert.is(called, 0);
    assert.ok(count >= 3 && count <= 12, `${count} requests`);
    const rows = Array.from({ length: count }, (_, i) =>
      Array.from(numbers.slice(i * 3, i * 3 + 3)),
    );
    assert.equal(
      rows.map(([sequence]) => sequence),
      rows.map((_, i) => (0xffff + i) & 0xffff),
    );
    for (const [i, [, sent, answered]] of rows.entries()) {
      if (i === count - 1 && answered === 0) continue;
      assert.ok(answered! >= sent!, 'answered');
    }
  });
}

test('a missing reply calls the script, once its time is over', async () => {
  const fd = open(4);
  if (fd < 0) return;
  sock.setsockopt(fd, 255, 1, hostInt(-1)); // ICMP_FILTER: nothing passes
  const began = sock.monotonic();
  const timer = start(fd, 4, 0, 0, 20, 60);
  const ended = await new Promise<number>((resolve) =>
    os.setReadHandler(timer, () => resolve(sock.monotonic())),
  );
  os.setReadHandler(timer, null);
  assert.ok(ended - began >= 60, `${ended - began} ms`);
  assert.is(probe.stop(fd, numbers.buffer), 1);
  assert.equal([numbers[0], numbers[2]], [1, 0]);
  assert.is(probe.stop(fd, numbers.buffer), 0, 'it has ended');
  os.close(fd);
});

test('after sixteen the script is called to take them', async () => {
  const fd = open(4);
  if (fd < 0) return;
  const timer = start(fd, 4, 0, 0, 5);
  await new Promise<void>((resolve) => os.setReadHandler(timer, () => resolve()));
  os.setReadHandler(timer, null);
  assert.is(probe.stop(fd, numbers.buffer), 16);
  os.close(fd);
});

test('wrong arguments throw', () => {
  // biome-ignore lint/suspicious/noExplicitAny: wrong arguments are what this is about
  const any = probe as any;
  const [packet, to] = [new ArrayBuffer(16), new ArrayBuffer(16)];
  const calls: readonly (() => unknown)[] = [
    () => any.start(-1, packet, to, 0, 0, 1, 1),
    () => any.start(9, new ArrayBuffer(7), to, 0, 0, 1, 1),
    () => any.start(9, new ArrayBuffer(65), to, 0, 0, 1, 1),
    () => any.start(9, packet, new ArrayBuffer(0), 0, 0, 1, 1),
    () => any.start(9, packet, new ArrayBuffer(200), 0, 0, 1, 1),
    () => any.start(9, packet, to, 65536, 0, 1, 1),
    () => any.start(9, packet, to, 0, 0, 0, 1),
    () => any.start(9, packet, to, 0, 0, 1, 60001),
    () => any.stop(9, new ArrayBuffer(8)),
  ];
  for (const [i, call] of calls.entries()) assert.throws(call, undefined, `call ${i}`);
});

test.run();
