// The fuzzer in the quickjs host with sanitizers: the targets of targets.ts and those that only the host can run: the
// native modules and the control socket.
import * as std from 'qjs:std';
import { monotonic } from 'whp:socket';
import { fuzzControl } from './host/control.ts';
import { setElements } from './host/elements.ts';
import { glanceArrays, questionsBeside, strangers } from './host/glance.ts';
import { nft } from './host/nft.ts';
import { socket } from './host/socket.ts';
import { type Platform, readOptions, run } from './main.ts';
import { TARGETS } from './targets.ts';

const platform: Platform = {
  words: scriptArgs.slice(1),
  print: (line) => {
    std.out.puts(`${line}\n`);
    std.out.flush();
  },
  clock: monotonic,
};

const { seed, seconds, target } = readOptions(platform.words);
let found = run(
  [...TARGETS, socket, nft, setElements, strangers, questionsBeside, glanceArrays],
  platform,
);
if (target === '' || target === 'control') {
  const milliseconds = Math.min(60, seconds / 6) * 1000;
  try {
    const lines = await fuzzControl(seed, milliseconds);
    const rate = Math.round((lines / milliseconds) * 1000);
    platform.print(`${'control'.padEnd(18)} ${String(lines).padStart(9)} lines  ${rate}/s`);
    platform.print('fuzz: 1 passed, 0 failed');
  } catch (error) {
    found += 1;
    platform.print(
      `control: ${error instanceof Error ? `${error.message}\n${error.stack}` : error}`,
    );
    platform.print('fuzz: 0 passed, 1 failed');
  }
}
std.exit(found === 0 ? 0 : 1);
