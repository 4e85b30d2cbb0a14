// DNS answers through the router without and with the agent: the time that each is held, the highest rate, and
// the agent's memory. The phases run first, each with its letter in the names; then the captures of both wires
// are read.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusAnswer } from '../../../agent/src/answers/status.ts';
import type { Lab } from '../machine/lab.ts';
import type { Machine } from '../machine/machine.ts';
import { queueCounters, startAgent, status, stopAgent } from './agent.ts';
import { atLeast, atMost, type Figure, figure, median } from './figures.ts';
import { watchHost } from './host.ts';
import { durations, type Passage, passages, quantile } from './wires.ts';
import { ask, RESOLVER, ROUTER } from './world.ts';

/** Latency phases: a rate at which no answer waits for another. */
const RATE = 20;
const COUNT = 400;
/** Matching answers: each is one transaction, and its query another. */
const MATCH_RATE = 5;
const MATCH_COUNT = 120;
const RAMP = [50, 100, 200, 500, 1000, 2000];
const RAMP_SECONDS = 3;
/** An answer held this long in the router (ms) counts as lost. */
const LATE_MILLISECONDS = 100;
const STARTS = 3;
const MEGABYTE = 1048576;

/** Phase letters: in phases with a capital letter an answer has twenty addresses. */
const PHASES = {
  'forwarded, without': 'a',
  'through dnsmasq, without': 'b',
  'forwarded, no match': 'c',
  'forwarded, match': 'd',
  'through dnsmasq, no match': 'e',
  'through dnsmasq, match': 'f',
} as const;
const RAMP_WITHOUT = 'hijklm';
const RAMP_WITH = 'nopqrs';
const LEARN = 'T';

interface Step {
  readonly rate: number;
  readonly sent: number;
  readonly arrived: number;
  readonly lost: number;
  readonly late: number;
  /** Answers that passed unheld because a queue was full. */
  readonly unheld: number;
  readonly p50: number;
  readonly p99: number;
}

interface RampQueue {
  readonly sent: number;
  readonly held: number;
  readonly dropped: number;
}

/** Runs all phases; needs the two hosts of world.ts and a router without an agent, and leaves a running one. */
export async function measureAnswers(
  lab: Lab,
  say: (line: string) => void,
): Promise<{ figures: Figure[]; details: unknown }> {
  const { world, router } = lab;
  const disturbed: Record<string, number> = {};
  const latency = async (name: keyof typeof PHASES): Promise<void> => {
    const others = watchHost();
    const match = name.endsWith(', match');
    const server = name.startsWith('forwarded') ? RESOLVER : ROUTER;
    const [rate, count] = match ? [MATCH_RATE, MATCH_COUNT] : [RATE, COUNT];
    await ask(world, server, PHASES[name], rate, count, match ? 100 : 0);
    disturbed[name] = others();
    say(`answers ${name}: others used ${disturbed[name].toFixed(2)} of the host's processors`);
  };
  await latency('forwarded, without');
  await latency('through dnsmasq, without');
  for (const [at, rate] of RAMP.entries()) {
    await ask(world, RESOLVER, RAMP_WITHOUT[at]!, rate, rate * RAMP_SECONDS, 5);
  }
  const starts = [await startAgent(router)];
  while (starts.length < STARTS) {
    await stopAgent(router, starts.at(-1)!);
    starts.push(await startAgent(router));
  }
  say(`started ${STARTS} times`);
  await sleep(1000);
  const idle = await status(router);
  await latency('forwarded, no match');
  await latency('through dnsmasq, no match');
  await latency('forwarded, match');
  await latency('through dnsmasq, match');
  const queues: RampQueue[] = [];
  for (const [at, rate] of RAMP.entries()) {
    const others = watchHost();
    const before = await queueCounters(router);
    const { sent } = await ask(world, RESOLVER, RAMP_WITH[at]!, rate, rate * RAMP_SECONDS, 5);
    const after = await queueCounters(router);
    const dropped = after.dropped + after.userDropped - before.dropped - before.userDropped;
    queues.push({ sent, held: after.held - before.held, dropped });
    disturbed[rate] = others();
    say(`${rate} answers a second: others used ${disturbed[rate].toFixed(2)}`);
    // Waits, so that queued answers do not count in the next step.
    await settled(router);
  }
  const ramped = await status(router);
  await ask(world, RESOLVER, LEARN, 50, 60, 100);
  await sleep(500);
  await settled(router);
  const learned = await status(router);
  const seen = passages(
    readFileSync(join(lab.out, 'isp.pcap')),
    readFileSync(join(lab.out, 'lan.pcap')),
  );
  const held = Object.fromEntries(
    Object.entries(PHASES).map(([name, letter]) => [name, durations(seen.get(letter) ?? [])]),
  ) as Record<keyof typeof PHASES, number[]>;
  const steps = RAMP.map((rate, at) => stepOf(rate, seen.get(RAMP_WITH[at]!) ?? [], queues[at]!));
  const plain = RAMP.map((rate, at) => stepOf(rate, seen.get(RAMP_WITHOUT[at]!) ?? [], null));
  const figures = [
    ...heldFigures(held),
    rampFigure(steps, plain),
    ...memoryFigures(idle.memory_bytes, ramped.memory_bytes, learned),
    ...startFigures(starts),
  ];
  const spread = Object.entries(held).map(([name, times]) => ({
    name,
    count: times.length,
    p50: quantile(times, 0.5),
    p90: quantile(times, 0.9),
    p99: quantile(times, 0.99),
    max: quantile(times, 1),
  }));
  const details = { disturbed, spread, steps, plain, starts, idle, ramped, learned };
  return { figures, details };
}

/** Waits until the agent's queue is empty. */
async function settled(router: Machine): Promise<void> {
  let before = -1;
  for (let tries = 0; tries < 60; tries += 1) {
    const { counters } = await status(router);
    const seen = counters.answers + counters.queries;
    if (seen === before) return;
    before = seen;
    await sleep(300);
  }
}

function heldFigures(held: Record<keyof typeof PHASES, number[]>): Figure[] {
  const figures: Figure[] = [];
  for (const path of ['forwarded', 'through dnsmasq'] as const) {
    const plain = held[`${path}, without`];
    for (const kind of ['no match', 'match'] as const) {
      const times = held[`${path}, ${kind}`];
      for (const [part, name] of [
        [0.5, 'p50'],
        [0.99, 'p99'],
      ] as const) {
        const [all, without] = [quantile(times, part), quantile(plain, part)];
        const label = `held, ${path}, ${kind}, ${name}`;
        const note = `${all.toFixed(2)} ms in the router, ${without.toFixed(2)} without the agent`;
        const limit = kind === 'no match' ? 1 : 10;
        figures.push(
          name === 'p99'
            ? atMost(limit, label, all - without, 'ms', note)
            : figure(label, all - without, 'ms', note),
        );
      }
    }
  }
  return figures;
}

function stepOf(rate: number, phase: readonly Passage[], queue: RampQueue | null): Step {
  const times = durations(phase);
  return {
    rate,
    sent: queue?.sent ?? rate * RAMP_SECONDS,
    arrived: phase.length,
    lost: phase.length - times.length,
    late: times.filter((time) => time > LATE_MILLISECONDS).length,
    unheld: queue === null ? 0 : Math.max(0, times.length - queue.held) + queue.dropped,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
  };
}

/** The last rate before the first at which an answer is lost, late or unheld. */
function rampFigure(steps: readonly Step[], plain: readonly Step[]): Figure {
  const good = (step: Step): boolean => step.lost + step.late + step.unheld === 0;
  const first = steps.findIndex((step) => !good(step));
  const best = first < 0 ? steps.at(-1) : steps[first - 1];
  const bad = first < 0 ? undefined : steps[first];
  const base = bad === undefined ? undefined : plain[first];
  const note =
    bad === undefined
      ? `the whole ramp; p99 ${steps.at(-1)!.p99.toFixed(1)} ms at its end`
      : `at ${bad.rate}: ${bad.lost} lost, ${bad.late} late, ${bad.unheld} unheld of ${bad.arrived} ` +
        `(without the agent: ${base!.lost} lost, ${base!.late} late)`;
  return atLeast(1000, 'answers a second before a drop, 5 % match', best?.rate ?? 0, '/s', note);
}

function memoryFigures(
  idle: number,
  ramped: number,
  learned: Pick<StatusAnswer, 'memory_bytes' | 'apps'>,
): Figure[] {
  const endpoints = learned.apps[0]?.endpoints ?? 0;
  return [
    atMost(6, 'resident memory, idle', idle / MEGABYTE, 'MB'),
    atMost(6, 'resident memory, after the ramp', ramped / MEGABYTE, 'MB'),
    atMost(
      6,
      'resident memory, many endpoints learned',
      learned.memory_bytes / MEGABYTE,
      'MB',
      `${endpoints} endpoints in the set`,
    ),
  ];
}

function startFigures(starts: readonly { table: number; queue: number }[]): Figure[] {
  const [first] = starts;
  const later = starts.slice(1);
  const note = `then ${later.map(({ table }) => (table / 1000).toFixed(2)).join(' and ')} s`;
  return [
    atMost(2, 'start to table loaded, first start', first!.table / 1000, 's', note),
    figure('start to answers held', median(starts.map(({ queue }) => queue)) / 1000, 's', 'median'),
  ];
}
