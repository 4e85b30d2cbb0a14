// The yardstick of a run: milliseconds of a million turns of an empty loop in the script. Differs between hosts of the
// emulator, and between boots on one host, as no processor does. Usage: loop
import * as std from 'qjs:std';
import { monotonic } from 'whp:socket';

const TURNS = 1_000_000;

function turns(): number {
  let sum = 0;
  for (let i = 0; i < TURNS; i++) sum = (sum + i) & 0xffff;
  return sum;
}

const began = monotonic();
turns();
std.out.puts(`${monotonic() - began}\n`);
