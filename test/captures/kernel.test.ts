// The two Skype sessions through a real kernel: a router in a namespace with the built agent, packets at the
// pace of the capture. For every flow `whp replay` and the kernel must agree on how many packets went by the
// tunnel, how many direct, and how many were refused. Takes two minutes: only with FULL=1, as root.
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LearnedAnswer } from '../../agent/src/answers/flows.ts';
import type { ReplayReport } from '../../agent/src/replay/report.ts';
import { decodePacket, destinationText, sourceText } from '../../agent/src/wire/packet.ts';
import { captureFrames } from '../../agent/src/wire/pcap.ts';
import { readdressed } from '../fixtures/packets.ts';
import type { Timed } from '../fixtures/pcap.ts';
import {
  type CounterValues,
  countsOf,
  countsText,
  replay,
  tunnelledAt,
} from '../lab/replay/model.ts';
import { answerOf } from '../lib/answers.ts';
import { flowKey } from './ndpi.ts';
import { type AgentRouter, type Entrance, INNER, startRouter } from './router.ts';
import { absence, SESSIONS } from './samples.ts';
import { ROUTER, type Scheduled, scheduleOf } from './schedule.ts';

/** TTL of injected packets; the router's own resets and errors have 64. */
const TTL = { in: 77, tunnel: 87, out: 97, own: 107 } as const;

function absent(): string | null {
  if (!process.env.FULL || process.env.FULL === '0') return 'only with FULL=1';
  if (process.getuid?.() !== 0) return 'needs root';
  return absence();
}

interface Played {
  readonly name: string;
  readonly router: AgentRouter;
  readonly schedule: readonly Scheduled[];
  readonly report: ReplayReport;
  /** Largest delay of a packet in milliseconds. */
  readonly late: number;
}

/** The model runs first: it decides on which wire an answer enters. */
async function play(name: string): Promise<Played> {
  const schedule = scheduleOf(name);
  const id = `whp-${name.startsWith('ndpi') ? 'a' : 'b'}${process.pid}`;
  const router = await startRouter(id);
  const report = model(id, schedule);
  const sides = schedule.map((one) => entranceOf(report, one));
  const times = await sendAll(router, schedule, sides);
  const late = schedule.reduce((most, { time }, i) => Math.max(most, times[i]! - time), 0);
  // On a busy machine packets are late: the model gets the times at which the kernel got them.
  const sent = schedule.map((one, i) => ({ ...one, time: times[i]! }));
  return { name, router, schedule, report: model(id, sent), late: late * 1000 };
}

/** The differences between replay and kernel. */
async function judge({ router, schedule, report }: Played): Promise<string[]> {
  const learned = answerOf<LearnedAnswer>(['learned'], router.ask('learned', '--json'));
  const kernel = tally(await router.stop(), schedule);
  const wanted = countsOf(report);
  const differences = [...wanted.keys()]
    .map((key) => [key, countsText(wanted.get(key)), countsText(kernel.get(key))])
    .filter(([, want, got]) => want !== got)
    .map(([key, want, got]) => `${key}: replay ${want}, kernel ${got}`);
  const ports = (list: readonly { address: string; port: number }[]) =>
    list.map(({ address, port }) => `${address} ${port}`).join();
  const [want, got] = [ports(report.ports), ports(learned.ports)];
  if (want !== got) differences.push(`ports: replay ${want}, kernel ${got}`);
  return differences;
}

function model(id: string, schedule: readonly Scheduled[]): ReplayReport {
  const packets = schedule.map(({ time, bytes }): Timed => [time, bytes]);
  return replay(`out/captures/${id}`, 'short', packets);
}

function entranceOf(report: ReplayReport, { way, key, time, bytes }: Scheduled): Entrance {
  if (way === 'out') return 'out';
  if (way === 'local') return bytes.subarray(12, 16).join('.') === ROUTER ? 'own' : 'out';
  return tunnelledAt(report, key, time) ? 'tunnel' : 'in';
}

/** Sends by the clock; returns when each packet was sent, in seconds since the first. */
async function sendAll(
  router: AgentRouter,
  schedule: readonly Scheduled[],
  sides: readonly Entrance[],
): Promise<number[]> {
  const start = performance.now() + 100;
  const times: number[] = [];
  for (const [index, { time, bytes }] of schedule.entries()) {
    const wait = start + time * 1000 - performance.now();
    if (wait > 1) await sleep(wait);
    const side = sides[index]!;
    const marked = bytes.slice();
    marked[8] = TTL[side];
    const to = side === 'tunnel' ? INNER : bytes.subarray(16, 20).join('.');
    times.push((performance.now() - start) / 1000);
    router.send(side, readdressed(marked, to));
  }
  return times.map((time) => time - times[0]!);
}

type Wires = Awaited<ReturnType<AgentRouter['stop']>>;

/** The wire on which packets left, by flow; a packet that did not leave was refused. */
function tally(wires: Wires, schedule: readonly Scheduled[]): Map<string, CounterValues> {
  const counts = new Map<string, CounterValues>();
  const devices = new Map<string, string>();
  for (const { way, key, device } of schedule) {
    if (way === 'local') continue;
    const one = counts.get(key) ?? { tunnel: 0, direct: 0, refused: 0 };
    one.refused += 1;
    counts.set(key, one);
    for (const end of key.split(' ').slice(1)) {
      if (end.startsWith(`${device}:`)) devices.set(end.slice(device.length), device);
    }
  }
  const add = (key: string, path: 'tunnel' | 'direct') => {
    const one = counts.get(key);
    if (one === undefined) return;
    one[path] += 1;
    one.refused -= 1;
  };
  for (const { key } of framesOf(wires.in, TTL.out, devices)) add(key, 'direct');
  for (const { key } of framesOf(wires.tunnel, TTL.out, devices)) add(key, 'tunnel');
  for (const { key } of framesOf(wires.out, TTL.in, devices)) add(key, 'direct');
  for (const { key } of framesOf(wires.out, TTL.tunnel, devices)) add(key, 'tunnel');
  return counts;
}

/** Forwarded packets that entered with `ttl`; behind the tunnel's NAT the device's address is restored. */
function* framesOf(file: Uint8Array, ttl: number, devices: ReadonlyMap<string, string>) {
  for (const frame of captureFrames(file)) {
    if ('malformed' in frame) throw new Error(frame.malformed);
    const packet = decodePacket(frame.bytes, frame.offset, frame.end);
    if ('malformed' in packet || packet.bytes[packet.offset + 8] !== ttl - 1) continue;
    const port = `:${packet.sourcePort}`;
    const source = sourceText(packet);
    const device = source === INNER ? (devices.get(port) ?? source) : source;
    const to = `${destinationText(packet)}:${packet.destinationPort}`;
    yield { key: flowKey(packet.protocol, `${device}${port}`, to) };
  }
}

const missing = absent();
// Both sessions at the same time; the process only waits while packets are due.
const played = missing === null ? await Promise.all(Object.keys(SESSIONS).map(play)) : [];

for (const one of played) {
  test(`${one.name} through the kernel, as replayed`, async () => {
    const differences = await judge(one);
    const { flows, totals } = one.report;
    console.log(`${one.name}: ${one.schedule.length} packets, ${flows.length} rows,`);
    console.log(`  ${totals.proxied_flows} proxied, at most ${one.late.toFixed(1)} ms late`);
    assert.equal(differences, []);
  });
}
if (missing !== null) test.skip(`sessions through the kernel (${missing})`, () => {});
test('the sessions were played, or there is a reason', () => {
  assert.is(played.length, missing === null ? Object.keys(SESSIONS).length : 0);
});

test.run();
