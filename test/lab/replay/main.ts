// `lab.sh replay [FILE.pcap...]`: real captures through the router at their pace. Packets of the devices enter
// by the LAN wire, replies by the ISP wire, DNS answers through the home's dnsmasq. The wires show for every
// flow what was tunnelled, direct or refused; `whp replay --json` of the same packets with the same times must
// agree.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { FOLDER, SESSIONS } from '../../captures/samples.ts';
import { type Scheduled, scheduleOf } from '../../captures/schedule.ts';
import type { Timed } from '../../fixtures/pcap.ts';
import { HOST_BUNDLE } from '../../lib/host-bundle.ts';
import { type Lab, startLab } from '../machine/lab.ts';
import { leave } from '../machine/leave.ts';
import { labOptions } from '../machine/options.ts';
import { configText, startAgent } from '../mode.ts';
import { RESOLVER_ADDRESS } from '../world/plan.ts';
import { HOME, judge, portsText, type Run, type Session } from './judge.ts';
import { replay, tunnelledAt } from './model.ts';
import { buildWorld, cardsOf, exposeDevice, invalidPackets, witnessInvalid } from './setting.ts';
import {
  answersText,
  type Cards,
  entrances,
  fittedToTunnel,
  type Played,
  scheduleText,
  spaced,
} from './stage.ts';
import { arrivals, outcome } from './wires.ts';

const say = (line: string): void => console.error(`lab: ${line}`);

function sessionOf(file: string): Session {
  const schedule = spaced(fittedToTunnel(scheduleOf(relative(FOLDER, file))));
  const devices = [...new Set(schedule.map(({ device }) => device))].sort();
  const strange = devices.filter((device) => !device.startsWith(HOME));
  if (schedule.length === 0) throw new Error(`${file}: nothing in it crosses a router`);
  if (strange.length > 0) throw new Error(`${file}: ${strange[0]} is not in the lab's ${HOME}0/24`);
  const folder = resolve('out/lab/replay', basename(file).replace(/\.[^.]*$/, ''));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config'), configText(true));
  return { sample: relative(FOLDER, file), folder, schedule, devices };
}

async function bundlePlayer(folder: string): Promise<string> {
  const outfile = join(folder, 'player.mjs');
  await build({
    ...HOST_BUNDLE,
    entryPoints: ['test/lab/replay/player.ts'],
    outfile,
  });
  return outfile;
}

/** Plays the schedule; returns the largest delay in milliseconds. */
async function perform(lab: Lab, session: Session, played: readonly Played[], cards: Cards[]) {
  const [lan, isp] = cards as [Cards, Cards];
  const { world } = lab;
  await world.put('/tmp/player.mjs', readFileSync(await bundlePlayer(session.folder)));
  await world.put('/tmp/schedule', scheduleText(played, lan, isp));
  await world.put('/tmp/answers', answersText(session.schedule));
  let late = '';
  let ready: () => void = () => {};
  const listening = new Promise<void>((done) => {
    ready = done;
  });
  const line =
    'WHP_WATCHDOG_SECONDS=60 WHP_MEMORY_MB=200 exec /usr/lib/whp/whp-host /tmp/player.mjs ' +
    `/tmp/schedule /tmp/answers ${RESOLVER_ADDRESS} 2>&1`;
  const lines: string[] = [];
  let over: () => void = () => {};
  const end = new Promise<void>((done) => {
    over = done;
  });
  const player = await world.spawn(line, (text) => {
    lines.push(text);
    if (text === 'ready') ready();
    if (text.startsWith('played ')) {
      late = text.split(' ')[2] ?? '';
      over();
    }
  });
  player.done.then(over, over);
  await Promise.race([listening, end]);
  player.write('go\n');
  await end;
  await sleep(1500);
  await player.kill();
  if (late === '') throw new Error(`player: ${lines.join('\n')}`);
  return late;
}

function modelPackets(schedule: readonly Scheduled[]): Timed[] {
  return schedule.map(({ time, bytes }): Timed => [time, bytes]);
}

async function play(session: Session): Promise<Run> {
  const { folder, schedule, devices } = session;
  const plan = replay(folder, 'plan', modelPackets(schedule));
  const played = entrances(schedule, ({ key, time }) => tunnelledAt(plan, key, time));
  const lab = await startLab({ router: 'mipsel', out: folder, say });
  try {
    await buildWorld(lab, devices);
    await exposeDevice(lab, schedule);
    await witnessInvalid(lab);
    await startAgent(lab.router, 'hold', say);
    const cards = [
      await cardsOf(lab, 'wire-lan', 'br-lan'),
      await cardsOf(lab, 'wire-wan', 'eth1'),
    ] as const;
    const [lan, isp] = cards;
    say(`${session.sample}: ${played.length} packets, ${schedule.at(-1)?.time.toFixed(0)} s`);
    const late = await perform(lab, session, played, [...cards]);
    const invalid = await invalidPackets(lab);
    const learned = JSON.parse(await lab.router.must('/usr/bin/whp learned --json'));
    const state = await lab.router.run(
      'cat /tmp/whp.log; /usr/bin/whp status; nft list ruleset; conntrack -L 2>/dev/null',
      { timeout: 60_000 },
    );
    writeFileSync(join(folder, 'router-state.txt'), state.stdout);
    await lab.stop();
    const wires = {
      lan: new Uint8Array(readFileSync(join(folder, 'lan.pcap'))),
      isp: new Uint8Array(readFileSync(join(folder, 'isp.pcap'))),
      lanRouter: lan.router,
      ispRouter: isp.router,
    };
    const { packets, missing } = arrivals(wires, played);
    const report = replay(folder, 'arrived', packets);
    const ports = portsText(learned.ports);
    return { played, outcome: outcome(wires, played), report, missing, invalid, late, ports };
  } finally {
    await lab.stop();
  }
}

async function main(): Promise<boolean> {
  const { words } = labOptions('replay', {}, 'any');
  const named = words.map((file) => resolve(file));
  if (named.length === 0 && !existsSync(FOLDER)) {
    console.log(`replay through the router: 0 passed, 0 failed, 1 skipped (${FOLDER} is absent)`);
    return true;
  }
  const files = named.length > 0 ? named : Object.keys(SESSIONS).map((name) => join(FOLDER, name));
  let [passed, failed] = [0, 0];
  for (const file of files) {
    const session = sessionOf(file);
    const counted = judge(session, await play(session));
    passed += counted.passed;
    failed += counted.failed;
  }
  console.log(`replay through the router: ${passed} passed, ${failed} failed`);
  return failed === 0;
}

leave(main());
