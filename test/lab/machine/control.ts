// The driver's end of a machine's control channel: a virtio-serial port that appears on the host
// as a Unix socket, with image/root/usr/lib/lab/control at its other end (the framing is described
// there). One channel carries one request at a time; commands and files never touch the network.
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

export interface Finished {
  /** Exit status of the command; 128 + signal when one ended it. */
  readonly status: number;
  readonly stderr: string;
}

export interface Request {
  readonly script: string;
  /** Standard input: bytes, or 'port' to go on writing with `Channel.write`. */
  readonly input: Uint8Array | 'port';
  readonly onStart?: (pid: number) => void;
  readonly onOutput: (bytes: Buffer) => void;
}

export interface Channel {
  /** Resolves when the machine's end has said that it listens. */
  readonly ready: Promise<void>;
  /** Sends one request; resolves when its command has ended. Rejects when the channel closes. */
  request(request: Request): Promise<Finished>;
  write(bytes: Uint8Array): void;
  close(): void;
}

interface Exchange {
  readonly token: string;
  readonly request: Request;
  readonly resolve: (finished: Finished) => void;
  readonly reject: (error: Error) => void;
  started: boolean;
}

/** Connects to the Unix socket `path`; `name` is used in errors ("router control 0"). */
export function openChannel(path: string, name: string): Channel {
  const socket: Socket = connect(path);
  let pending: Buffer = Buffer.alloc(0);
  let current: Exchange | undefined;
  let announce: () => void = () => {};
  let refuse: (error: Error) => void = () => {};
  const ready = new Promise<void>((resolve, reject) => {
    announce = resolve;
    refuse = reject;
  });
  ready.catch(() => {});

  const broken = (reason: string): void => {
    const error = new Error(`${name}: ${reason}`);
    refuse(error);
    current?.reject(error);
    current = undefined;
  };
  socket.on('error', (error) => broken(error.message));
  socket.on('close', () => broken('channel closed'));
  socket.on('data', (bytes: Buffer) => {
    pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes]);
    while (advance()) {}
  });

  /** Takes one step through `pending`; false when more bytes are needed. */
  const advance = (): boolean => {
    if (current === undefined) return skipGreeting();
    return current.started ? takeOutput(current) : takeStart(current);
  };
  const takeLine = (): string | undefined => {
    const end = pending.indexOf(10);
    if (end < 0) return undefined;
    const line = pending.toString('latin1', 0, end);
    pending = pending.subarray(end + 1);
    return line;
  };
  const skipGreeting = (): boolean => {
    const line = takeLine();
    if (line?.startsWith('@ready')) announce();
    return line !== undefined;
  };
  const takeStart = (exchange: Exchange): boolean => {
    const line = takeLine();
    const { input } = exchange.request;
    if (line === `@${exchange.token} go` && input !== 'port') socket.write(input);
    if (line?.startsWith(`@${exchange.token} pid `)) {
      exchange.started = true;
      exchange.request.onStart?.(Number(line.split(' ')[2]));
    }
    return line !== undefined;
  };
  const takeOutput = (exchange: Exchange): boolean => {
    // Not "@TOKEN ": a command that lists processes prints that.
    const marker = Buffer.from(`@=${exchange.token} `);
    const at = pending.indexOf(marker);
    if (at < 0) {
      // All but what may be the beginning of the marker is output.
      const last = pending.lastIndexOf(64);
      const begun = last >= 0 && marker.indexOf(pending.subarray(last)) === 0;
      const sure = begun ? last : pending.length;
      if (sure > 0) {
        exchange.request.onOutput(pending.subarray(0, sure));
        pending = pending.subarray(sure);
      }
      return false;
    }
    const end = pending.indexOf(10, at);
    if (end < 0) return false;
    const fields = pending.toString('latin1', at + marker.length, end).split(' ');
    const [status, errors] = [Number(fields[0]), Number(fields[1])];
    if (pending.length < end + 1 + errors) return false;
    if (at > 0) exchange.request.onOutput(pending.subarray(0, at));
    const stderr = pending.toString('utf8', end + 1, end + 1 + errors);
    pending = pending.subarray(end + 1 + errors);
    current = undefined;
    exchange.resolve({ status, stderr });
    return true;
  };

  return {
    ready,
    request(request) {
      if (current !== undefined) return Promise.reject(new Error(`${name}: busy`));
      return new Promise((resolve, reject) => {
        const token = randomBytes(12).toString('hex');
        current = { token, request, resolve, reject, started: false };
        const script = Buffer.from(request.script, 'utf8');
        const input = request.input === 'port' ? '-' : String(request.input.length);
        socket.write(`@whp ${token} ${script.length} ${input}\n`);
        socket.write(script);
      });
    },
    write: (bytes) => void socket.write(bytes),
    close: () => void socket.destroy(),
  };
}
