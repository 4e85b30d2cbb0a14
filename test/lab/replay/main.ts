// `lab.sh replay [FILE.pcap...]`: real captures through the real router. What the devices sent goes
// in by the LAN wire, what came back by the ISP wire, DNS answers by the home's own dnsmasq, at the
// capture's pace; then both wires say of every flow what was tunnelled, direct or refused, and
// `whp replay --json`, given the same packets with the same times, has to say the same.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import type { ReplayReport } from '../../../agent/src/replay/report.ts';
import { isSkype, ndpiAbsence, ndpiFlows } from '../../captures/ndpi.ts';
import { FOLDER, SESSIONS } from '../../captures/samples.ts';
import { type Scheduled, scheduleOf } from '../../captures/schedule.ts';
import type { Timed } from '../../lib/pcap.ts';
import { type Lab, startLab } from '../machine/lab.ts';
import { configText, startAgent } from '../mode.ts';
import { RESOLVER_ADDRESS } from '../world/plan.ts';
import { type Counts, countsOf, countsText, replay, tunnelledAt } from './model.ts';
import {
  answersText,
  type Cards,
  cutToTunnel,
  entrances,
  type Played,
  scheduleText,
} from './stage.ts';
import { arrivals, type Outcome, outcome } from './wires.ts';

const HOME = '192.168.1.';
const say = (line: string): void => console.error(`lab: ${line}`);

interface Session {
  readonly sample: string;
  readonly folder: string;
  readonly schedule: readonly Scheduled[];
  readonly devices: readonly string[];
}

interface Run {
  readonly played: readonly Played[];
  readonly outcome: Outcome;
  /** Replay of what the router was given, when it was given. */
  readonly report: ReplayReport;
  readonly missing: number;
  readonly late: string;
  readonly ports: string;
}

function sessionOf(file: string): Session {
  const schedule = cutToTunnel(scheduleOf(relative(FOLDER, file)));
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
    entryPoints: ['test/lab/replay/player.ts'],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    external: ['qjs:*', 'whp:*'],
    logLevel: 'warning',
  });
  return outfile;
}

/**
 * The world has the devices' and the provider's addresses for ARP, and says nothing by itself: its
 * kernel would refuse connections that it has not made.
 */
async function buildWorld({ world }: Lab, devices: readonly string[]): Promise<void> {
  await world.must(`set -e
    nft -f - <<'NFT'
    table inet quiet {
      chain in {
        type filter hook prerouting priority raw; policy drop;
        ip daddr ${RESOLVER_ADDRESS} udp dport 53 accept
      }
      chain out {
        type filter hook output priority raw; policy drop;
        ip saddr ${RESOLVER_ADDRESS} udp sport 53 accept
      }
    }
NFT
    for device in ${devices.join(' ')}; do ip address add $device/24 dev wire-lan; done
    for host in 198.51.100.1 ${RESOLVER_ADDRESS}; do ip address add $host/24 dev wire-wan; done
    ip link set wire-lan up
    ip link set wire-wan up`);
}

/**
 * Whatever is in a capture has reached the device: its home's router let it in. So does this one,
 * for the device with the most packets from outside.
 */
async function exposeDevice({ router }: Lab, schedule: readonly Scheduled[]): Promise<void> {
  const counts = new Map<string, number>();
  for (const { way, device } of schedule) {
    if (way === 'in') counts.set(device, (counts.get(device) ?? 0) + 1);
  }
  const [device] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [];
  if (device === undefined) return;
  await router.must(
    `nft add rule inet fw4 dstnat iifname eth1 meta l4proto '{ tcp, udp }' dnat ip to ${device}`,
  );
}

async function cardsOf({ world, router }: Lab, wire: string, device: string): Promise<Cards> {
  const read = `cat /sys/class/net/${wire}/ifindex /sys/class/net/${wire}/address`;
  const [index = '', own = ''] = (await world.must(read)).trim().split('\n');
  const behind = await router.must(`cat /sys/class/net/${device}/address`);
  const digits = (address: string) => address.trim().replaceAll(':', '');
  return { index: Number(index), own: digits(own), router: digits(behind) };
}

/** Plays and answers how late the latest packet was, in milliseconds. */
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
    await startAgent(lab.router, 'hold', say);
    const cards = [
      await cardsOf(lab, 'wire-lan', 'br-lan'),
      await cardsOf(lab, 'wire-wan', 'eth1'),
    ] as const;
    const [lan, isp] = cards;
    say(`${session.sample}: ${played.length} packets, ${schedule.at(-1)?.time.toFixed(0)} s`);
    const late = await perform(lab, session, played, [...cards]);
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
    return { played, outcome: outcome(wires, played), report, missing, late, ports };
  } finally {
    await lab.stop();
  }
}

type Port = { readonly protocol: string; readonly device: string; readonly port: number };

function portsText(ports: readonly Port[]): string {
  const names = ports.map(({ protocol, device, port }) => `${protocol} ${port} of ${device}`);
  return names.sort().join(', ') || 'none';
}

/** Flows whose packets went elsewhere than the replay says. */
function differences({ outcome: { counts, strangers }, report }: Run): string[] {
  const wanted = countsOf(report);
  const keys = [...new Set([...wanted.keys(), ...counts.keys()])];
  const flows = keys.flatMap((key) => {
    const [want, got] = [countsText(wanted.get(key)), countsText(counts.get(key))];
    return want === got ? [] : [`${key}: replay ${want}; router ${got}`];
  });
  return [...flows, ...strangers.map((text) => `not of any played flow: ${text}`)];
}

function share(name: string, counts: readonly Counts[]): string {
  const sum = (path: keyof Counts) => counts.reduce((total, one) => total + one[path], 0);
  const flows = (path: keyof Counts) => counts.filter((one) => one[path] > 0).length;
  const part = (path: keyof Counts) => `${flows(path)} / ${sum(path)} ${path}`;
  return `${name} (flows / packets): ${part('tunnel')}, ${part('direct')}, ${part('refused')}`;
}

/** How much of what nDPI calls Skype, DNS aside, was seen inside GRE. */
function skypeShare(sample: string, { outcome: { counts } }: Run): string {
  const absent = ndpiAbsence();
  if (absent !== null) return `Skype by nDPI: ${absent}`;
  const flows = ndpiFlows(sample, false).filter((one) => {
    return isSkype(one) && !one.name.startsWith('DNS');
  });
  const packets = flows.reduce((sum, one) => sum + one.packets, 0);
  const carried = flows.map(({ key }) => counts.get(key)?.tunnel ?? 0);
  const proxied = carried.filter((count) => count > 0).length;
  const inside = carried.reduce((sum, count) => sum + count, 0);
  const percent = (part: number, all: number) => `${Math.round((100 * part) / all)} %`;
  return (
    `Skype by nDPI that leaves the home: ${proxied} of ${flows.length} flows ` +
    `(${percent(proxied, flows.length)}), ${inside} of ${packets} packets ` +
    `(${percent(inside, packets)}) in the tunnel`
  );
}

/** Prints what came of one capture; answers the claims that hold and those that do not. */
function judge(session: Session, run: Run): { passed: number; failed: number } {
  const { report, outcome: seen } = run;
  const known = SESSIONS[session.sample];
  const nodes = report.supernodes.filter((address) => seen.tunnelRemotes.has(address)).length;
  const differing = differences(run);
  const replayed = portsText(report.ports);
  console.log(
    `${session.sample}: ${run.played.length} packets played, at most ${run.late} ms late`,
  );
  console.log(`  learned by the router: ${run.ports}; by replay: ${replayed}`);
  console.log(`  supernodes in the tunnel: ${nodes} of ${report.supernodes.length}`);
  console.log(`  ${share('router', [...seen.counts.values()])}`);
  console.log(`  ${share('replay', [...countsOf(report).values()])}`);
  console.log(`  ${skypeShare(session.sample, run)}`);
  console.log(`  flows that differ: ${differing.length} of ${seen.counts.size}`);
  for (const text of differing) console.log(`    ${text}`);
  const wanted = known === undefined ? replayed : `udp ${known.port} of ${known.device}`;
  const claims: [string, boolean][] = [
    ['every packet reached the router', run.missing === 0],
    [`learned: ${wanted}`, run.ports === replayed && run.ports.includes(wanted)],
    ['every supernode was reached through the tunnel', nodes === report.supernodes.length],
    ['every flow as replayed', differing.length === 0],
  ];
  for (const [claim, holds] of claims) console.log(`  ${holds ? 'ok' : 'not ok'} ${claim}`);
  const failed = claims.filter(([, holds]) => !holds).length;
  return { passed: claims.length - failed, failed };
}

async function main(): Promise<boolean> {
  const { positionals } = parseArgs({ allowPositionals: true });
  const named = positionals.slice(1).map((file) => resolve(file));
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

main().then(
  (ok) => process.exit(ok ? 0 : 1),
  (error: Error) => {
    console.error(`lab: ${error.stack ?? error.message}`);
    process.exit(1);
  },
);
