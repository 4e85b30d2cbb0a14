// The parts of Node's `process` that uvu needs, for quickjs: the first import of every test bundle for the
// host. Without it a failing test would end with exit status 0.
import * as std from 'qjs:std';
import { monotonic } from 'whp:socket';

let exitCode = 0;

const process = {
  argv: ['whp-host', ...scriptArgs],
  env: { NO_COLOR: std.getenv('NO_COLOR') },
  stdout: {
    isTTY: false,
    write(text: string): boolean {
      std.out.puts(text);
      return true;
    },
  },
  /** [seconds, nanoseconds] of the monotonic clock, or since `from`. */
  hrtime(from: [number, number] = [0, 0]): [number, number] {
    const nanoseconds = monotonic() * 1e6 - (from[0] * 1e9 + from[1]);
    return [Math.floor(nanoseconds / 1e9), Math.floor(nanoseconds % 1e9)];
  },
  exit: (status: number = exitCode): never => std.exit(status),
  get exitCode(): number {
    return exitCode;
  },
  set exitCode(status: number) {
    exitCode = status;
  },
  /** uvu's handlers are never called: the host itself exits with status 1 when a test never ends. */
  on(): void {},
};

Object.assign(globalThis, { process });
