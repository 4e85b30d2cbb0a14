// The fuzzer in Node, which runs most of the inputs.
import { run } from './main.ts';
import { TARGETS } from './targets.ts';

const found = run(TARGETS, {
  words: process.argv.slice(2),
  print: (line) => console.log(line),
  clock: () => performance.now(),
});
process.exitCode = found === 0 ? 0 : 1;
