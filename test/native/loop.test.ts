// The host's event loop: the order of handlers, and that none is starved.

import * as os from 'qjs:os';
import { monotonic } from 'whp:socket';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const one = new ArrayBuffer(1);

function pipe(): [number, number] {
  const ends = os.pipe();
  assert.ok(ends, 'pipe');
  return ends as [number, number];
}

/** Runs `work` until it calls its callback. */
function until(work: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => work(resolve));
}

/** Ends what a test with signals has opened. */
function endSignals(read: number, write: number): void {
  os.signal(os.SIGUSR1, null);
  os.setReadHandler(read, null);
  os.close(read);
  os.close(write);
}

test('every ready descriptor is served once a round', async () => {
  const pipes = [pipe(), pipe(), pipe()];
  const calls = [0, 0, 0];
  for (const [, write] of pipes) os.write(write, one, 0, 1);
  await until((done) => {
    pipes.forEach(([read], index) => {
      os.setReadHandler(read, () => {
        calls[index]! += 1; // never read: ready again in every round
        if (calls[2]! >= 50) done();
      });
    });
  });
  assert.ok(Math.max(...calls) - Math.min(...calls) <= 1, calls.join(' '));
  for (const [read, write] of pipes) {
    os.setReadHandler(read, null);
    os.close(read);
    os.close(write);
  }
});

test('a handler may take another away that was ready in the same round', async () => {
  const [a, b] = [pipe(), pipe()];
  let served = 0;
  for (const [, write] of [a, b]) os.write(write, one, 0, 1);
  await until((done) => {
    const only = (other: number) => () => {
      served += 1;
      os.setReadHandler(other, null);
      os.close(other);
      os.setTimeout(done, 5);
    };
    os.setReadHandler(a[0], only(b[0]));
    os.setReadHandler(b[0], only(a[0]));
  });
  assert.ok(served >= 1);
  os.setReadHandler(a[0], null);
  os.setReadHandler(b[0], null);
  for (const fd of [...a, ...b]) os.close(fd);
});

test('promises of one handler settle before the next handler runs', async () => {
  const [a, b] = [pipe(), pipe()];
  const order: string[] = [];
  for (const [, write] of [a, b]) os.write(write, one, 0, 1);
  await until((done) => {
    [a, b].forEach(([read], index) => {
      os.setReadHandler(read, () => {
        os.setReadHandler(read, null);
        order.push(`call ${index}`);
        void Promise.resolve().then(() => order.push(`then ${index}`));
        if (index === 1) os.setTimeout(done, 0);
      });
    });
  });
  assert.equal(order, ['call 0', 'then 0', 'call 1', 'then 1']);
  for (const fd of [...a, ...b]) os.close(fd);
});

test('a chain of timers of 0 ms does not starve a descriptor', async () => {
  const [read, write] = pipe();
  os.write(write, one, 0, 1);
  let chaining = true;
  const chain = () => {
    if (chaining) os.setTimeout(chain, 0);
  };
  chain();
  await until((done) => os.setReadHandler(read, done));
  chaining = false;
  os.setReadHandler(read, null);
  os.close(read);
  os.close(write);
});

test('a signal wakes a loop that waits for a descriptor, and the loop goes on', async () => {
  const [read, write] = pipe();
  os.setReadHandler(read, () => {});
  for (let i = 0; i < 20; i++)
    await until((done) => {
      os.signal(os.SIGUSR1, done);
      os.exec(['sh', '-c', `kill -USR1 ${os.getpid()}`], { block: false });
    });
  endSignals(read, write);
});

test('a signal that comes while JavaScript runs is not lost', async () => {
  const [read, write] = pipe();
  os.setReadHandler(read, () => {}); // without a timer the loop would wait for ever
  await until((done) => {
    os.signal(os.SIGUSR1, done);
    os.kill(os.getpid(), os.SIGUSR1);
  });
  endSignals(read, write);
});

test('a write handler is called when there is room, and the other end sees an end', async () => {
  const [read, write] = pipe();
  await until((done) => os.setWriteHandler(write, done));
  os.setWriteHandler(write, null);
  os.close(write);
  await until((done) => os.setReadHandler(read, done));
  assert.is(os.read(read, one, 0, 1), 0);
  os.setReadHandler(read, null);
  os.close(read);
});

test('a timer comes when it is due', async () => {
  const started = monotonic();
  await until((done) => os.setTimeout(done, 50));
  const late = monotonic() - started - 50;
  assert.ok(late >= -1 && late < 500, `${late} ms late`);
});

test('many descriptors at once', async () => {
  const pipes = Array.from({ length: 100 }, pipe);
  let left = pipes.length;
  await until((done) => {
    for (const [read, write] of pipes) {
      os.setReadHandler(read, () => {
        os.setReadHandler(read, null);
        left -= 1;
        if (left === 0) done();
      });
      os.write(write, one, 0, 1);
    }
  });
  for (const ends of pipes) for (const fd of ends) os.close(fd);
});

test.run();
