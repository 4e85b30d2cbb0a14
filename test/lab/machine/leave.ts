// The end of every program of the lab: its verdict as exit status, after its last word is out.

/** Waits for `work`; leaves with 0 when it is true, with 1 when it is false or rejects. */
export function leave(work: Promise<boolean>, name = 'lab'): void {
  // What is still on its way into a pipe would be lost with the process.
  const end = (status: number): void => void process.stdout.write('', () => process.exit(status));
  work.then(
    (ok) => end(ok ? 0 : 1),
    (error: Error) => {
      console.error(`${name}: ${error.stack ?? error.message}`);
      end(1);
    },
  );
}
