// Runs a program of the host (apt-get, dpkg-deb, mksquashfs) while images are made. Its failure
// is an Error that holds the command line, the exit status and the end of what it printed.
import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Milliseconds until the program is killed. */
  readonly timeout?: number;
}

/** Runs `program` and resolves to its standard output; rejects when it fails or takes too long. */
export function command(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const timeout = options.timeout ?? 600_000;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C', ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout,
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => out.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => err.push(bytes));
    const line = [program, ...args].join(' ').slice(0, 400);
    child.on('error', (error) => reject(new Error(`${line}: ${error.message}`)));
    child.on('close', (status, signal) => {
      if (status === 0) return resolve(Buffer.concat(out).toString());
      const tail = Buffer.concat([...err, ...out])
        .toString()
        .slice(-2000);
      reject(new Error(`${line}: ${signal ?? `exit status ${status}`}\n${tail}`));
    });
  });
}
