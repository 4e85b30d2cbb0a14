// The faults: boots the lab once and plays one session after the other, in each of which something
// on the router or around it breaks. Prints a row a session (what was injected, what was seen, time
// to recover) and as the last line "N passed, N failed".
//
//   scripts/lab.sh faults [NAME...] [--router mipsel|x86_64] [--out DIRECTORY] [--list]
//
// Adding a session: a file in this directory that exports a Fault (fault.ts says what it gets and
// answers), and a line in sessions.ts. Before each session the router is as after a boot, with the
// agent freshly started under a supervisor; during it
//   const call = await lab.call({ device: 'iphone' })      a call that goes on, packets numbered
//   const seconds = await lab.inject('nft flush ruleset', 'nft list chain inet whp prerouting')
//   const { lost, silence } = await call.stop()             packet numbers, milliseconds
//   lab.isp.leaks(mark)                                     application packets outside the tunnel
// After it, packets of the application seen outside the tunnel since its start fail it, unless it
// says why they may (mayLeak); one that failed for another reason is played once more. A session leaves
// what it changed in the world as it was.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { startLab } from '../machine/lab.ts';
import { leave } from '../machine/leave.ts';
import type { Machine } from '../machine/machine.ts';
import { labOptions, ROUTER } from '../machine/options.ts';
import type { Fault, Finding } from './fault.ts';
import { echoes, judged, type Row, told } from './row.ts';
import { FAULTS } from './sessions.ts';
import { openSetting, type Setting } from './setting.ts';

const { values, words } = labOptions(
  'faults',
  { router: ROUTER, out: { text: 'out/faults' }, list: false },
  FAULTS.map(({ name }) => name),
);

const say = (line: string): void => console.error(`faults: ${line}`);

/** All sessions, or the named ones in the given order and number. */
function chosen(): readonly Fault[] {
  if (words.length === 0) return FAULTS;
  return words.flatMap((name) => FAULTS.filter((fault) => fault.name === name));
}

/** Remotes of flows that were direct in earlier sessions: their servers resend for minutes. */
const echoed = new Set<string>();

/** Of each session: seconds from the router's boot state to the end of its flows, and milliseconds of `pace`
 * before it. */
const times: Record<string, { seconds: number; yardstick: number | null }> = {};

/** Milliseconds of `pace` for which the times of the promises are: an estimate of a 24Kc of 400 MHz, of which none
 * was measured. */
const YARDSTICK = 400;

/** Milliseconds of a fixed computation on the idle router: the emulated processor's speed differs by a
 * factor of two from hour to hour. */
async function pace(router: Machine): Promise<number> {
  const between = await router.must(
    `read a rest </proc/uptime; i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done
    read b rest </proc/uptime; echo "$a $b"`,
  );
  const [from = 0, to = 0] = between.trim().split(' ').map(Number);
  return Math.round((to - from) * 1000);
}

async function play(setting: Setting, fault: Fault, out: string): Promise<Row> {
  const { lab } = setting;
  const { name: session } = fault;
  const began = Date.now();
  let mark = lab.isp.mark();
  let yardstick: number | null = null;
  let finding: Finding;
  try {
    yardstick = await pace(lab.router);
    await setting.prepare(fault);
    mark = lab.isp.mark();
    finding = await fault.run(lab, Math.max(1, yardstick / YARDSTICK));
  } catch (error) {
    say(`${session}: ${(error as Error).stack}`);
    finding = { ok: false, verdict: (error as Error).message.split('\n')[0]!, seconds: null };
  }
  if (!finding.ok) {
    const log = await lab.agent.log().catch(() => '');
    const file = `${out}/${session}.log`;
    writeFileSync(file, log);
    say(
      `${session}: the agent's log (${file}) ends with\n${log.split('\n').slice(-15).join('\n')}`,
    );
  }
  await lab.sleep(300);
  const leaks = lab.isp.leaks(mark).filter((one) => !echoed.has(told(one)));
  for (const echo of echoes(leaks)) echoed.add(echo);
  await setting.clear();
  const row = judged(fault, finding, leaks);
  times[session] = { seconds: (Date.now() - began) / 1000, yardstick };
  if (row.leaks > 0) say(`${session}: ${row.leaks} leaked, first ${told(leaks[0]!)}`);
  return row;
}

/** A session that failed without a leak runs once more: most limits are times, and the emulator can stall
 * for seconds. Both verdicts are printed. */
function again(first: Row, second: Row): Row {
  return {
    ...second,
    verdict: `${second.verdict} (at the second attempt; FIRST: ${first.verdict})`,
  };
}

function table(rows: readonly Row[]): string {
  const cells = rows.map(({ session, injected, ok, verdict, seconds }) => [
    session,
    injected,
    `${ok ? 'ok' : 'FAILED'}: ${verdict}`,
    seconds === null ? '-' : `${seconds.toFixed(2)} s`,
  ]);
  const head = ['session', 'injected', 'verdict', 'time to recover'];
  return [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** The kernel says so every five seconds. Nothing passes then,
 * whatever the agent does. */
function hasLostCard(router: Machine): boolean {
  return /NETDEV WATCHDOG.*timed out/.test(router.consoleTail(20));
}

async function main(): Promise<boolean> {
  if (values.list) {
    for (const { name, injected } of FAULTS) console.log(`${name}: ${injected}`);
    return true;
  }
  const faults = chosen();
  const { router } = values;
  const out = resolve(values.out);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const begin = () => startLab({ router, out, say });
  let lab = await begin();
  const rows: Row[] = [];
  try {
    let setting = await openSetting(lab, say);
    for (const fault of faults) {
      let row = await play(setting, fault, out);
      if (!row.ok && hasLostCard(lab.router)) {
        say(`${fault.name}: the emulator's network card has stopped; again in a new lab`);
        await lab.stop();
        lab = await begin();
        setting = await openSetting(lab, say);
        row = await play(setting, fault, out);
      }
      const mayRepeat = row.leaks === 0 || fault.mayLeak !== undefined;
      if (!row.ok && mayRepeat) row = again(row, await play(setting, fault, out));
      rows.push(row);
      const { seconds, yardstick } = times[row.session]!;
      const how = `${row.ok ? 'ok' : 'FAILED'} in ${seconds.toFixed(0)} s, ${yardstick ?? '?'} ms a yardstick`;
      say(`${row.session}: ${how}: ${row.verdict}`);
    }
  } finally {
    await lab.stop();
  }
  writeFileSync(`${out}/faults.json`, `${JSON.stringify({ router, rows, times }, null, 2)}\n`);
  console.log(table(rows));
  const passed = rows.filter(({ ok }) => ok).length;
  console.log(`${passed} passed, ${rows.length - passed} failed`);
  return passed === rows.length;
}

leave(main());
