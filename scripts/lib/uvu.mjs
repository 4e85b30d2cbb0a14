// Reads the result of a uvu run from its output and exit status; for the runners.

/** A crash, an early end or an empty run is a failure even if every test that ran has passed. `run` is the
 * result of spawnSync. */
export function countTests(run) {
  const number = (word) =>
    Number(new RegExp(`^\\s*${word}:\\s+(\\d+)`, 'm').exec(run.stdout ?? '')?.[1] ?? 0);
  const passed = number('Passed');
  const total = number('Total');
  const sound = run.status === 0 && total > 0;
  return { passed, failed: Math.max(total - passed, sound ? 0 : 1), skipped: number('Skipped') };
}

/** Prints the output of a failed run, and its status or signal if it did not exit by itself. */
export function showFailure(run) {
  process.stdout.write(`${run.stdout ?? ''}${run.stderr ?? ''}`);
  if (run.error) console.log(String(run.error));
  else if (run.status !== 0 && run.status !== 1)
    console.log(`ended early: status ${run.status}, signal ${run.signal}`);
}

/** Prints the line that scripts/test.sh reads: "NAME: N passed, N failed, N skipped (S s)". */
export function report(name, { passed, failed, skipped }, started) {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const rest = skipped > 0 ? `, ${skipped} skipped` : '';
  console.log(`${name}: ${passed} passed, ${failed} failed${rest} (${seconds} s)`);
}
