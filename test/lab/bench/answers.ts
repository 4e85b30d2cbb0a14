// DNS answers through the router without and with the agent: the time that each is held, the highest rate. The phases
// run first, each with its letter and the number of the run in the names; then the captures of both wires are read.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../machine/lab.ts';
import type { Machine } from '../machine/machine.ts';
import { queueCounters, status } from './agent.ts';
import { beside, type Reading, reading } from './figures.ts';
import { durations, type Passage, quantile } from './wires.ts';
import { ask, RESOLVER, ROUTER } from './world.ts';

/** A rate at which no answer waits for another. */
const RATE = 20;
const SECONDS = 5;
const MATCH_SECONDS = 60;
const RAMP = [100, 200, 500, 1000] as const;
const RAMP_SECONDS = 3;
const RAMP_PERCENT = 5;
/** An answer held this long in the router (ms) counts as lost. */
const LATE_MILLISECONDS = 100;

/** The phases of latency: letter, path, and seconds; those that match have a capital letter. */
const PHASES = {
  'forwarded, without': { letter: 'a', forwarded: true, seconds: SECONDS * 2 },
  'through dnsmasq, without': { letter: 'b', forwarded: false, seconds: SECONDS },
  'forwarded, no match': { letter: 'c', forwarded: true, seconds: SECONDS * 3 },
  'forwarded, match': { letter: 'D', forwarded: true, seconds: MATCH_SECONDS },
  'through dnsmasq, no match': { letter: 'e', forwarded: false, seconds: SECONDS },
  'through dnsmasq, match': { letter: 'F', forwarded: false, seconds: SECONDS },
  'C accepts all': { letter: 'g', forwarded: true, seconds: SECONDS * 2 },
  'C teaches all': { letter: 'H', forwarded: true, seconds: SECONDS * 2 },
  'script alone': { letter: 'v', forwarded: true, seconds: SECONDS * 2 },
  follower: { letter: 'I', forwarded: true, seconds: SECONDS },
  nftset: { letter: 'J', forwarded: false, seconds: SECONDS },
} as const;
const RAMP_WITHOUT = 'klmn';
const RAMP_WITH = 'pqrs';

type PhaseName = keyof typeof PHASES;

interface Step {
  readonly rate: number;
  readonly arrived: number;
  readonly lost: number;
  readonly late: number;
  /** Answers that passed unheld because a queue was full. */
  readonly unheld: number;
  readonly p99: number;
}

export interface RampQueue {
  readonly held: number;
  readonly dropped: number;
}

/** Asks the queries of one phase; `run` is 1 to 9. */
export async function askPhase({ world }: Lab, run: number, name: PhaseName): Promise<void> {
  const { letter, forwarded, seconds } = PHASES[name];
  const percent = letter === letter.toUpperCase() ? 100 : 0;
  const server = forwarded ? RESOLVER : ROUTER;
  await ask(world, server, `${letter}${run}`, RATE, RATE * seconds, percent);
}

async function askStep(world: Machine, run: number, letters: string, at: number): Promise<void> {
  const rate = RAMP[at]!;
  const phase = `${letters[at]}${run}`;
  await ask(world, RESOLVER, phase, rate, rate * RAMP_SECONDS, RAMP_PERCENT);
}

export async function rampWithout({ world }: Lab, run: number): Promise<void> {
  for (const at of RAMP.keys()) await askStep(world, run, RAMP_WITHOUT, at);
}

export async function rampWith({ world, router }: Lab, run: number): Promise<RampQueue[]> {
  const queues: RampQueue[] = [];
  for (const at of RAMP.keys()) {
    const before = await queueCounters(router);
    await askStep(world, run, RAMP_WITH, at);
    const after = await queueCounters(router);
    const dropped = after.dropped + after.userDropped - before.dropped - before.userDropped;
    queues.push({ held: after.held - before.held, dropped });
    // Waits, so that queued answers do not count in the next step.
    await settled(router);
  }
  return queues;
}

/** Seconds that a slow host's agent may need for what it was asked. */
const PATIENCE = 180;

/** Waits until the agent's queue is empty. */
export async function settled(router: Machine): Promise<void> {
  const until = Date.now() + PATIENCE * 1000;
  for (let before = -1; Date.now() < until; ) {
    // A busy agent does not answer in time.
    const seen = await status(router).then(
      ({ counters }) => counters.answers + counters.queries,
      () => -1,
    );
    if (seen >= 0 && seen === before) return;
    before = seen;
    await sleep(300);
  }
}

export type Seen = ReadonlyMap<string, readonly Passage[]>;

/** The readings of one run. */
export function answerReadings(seen: Seen, run: number, queues: readonly RampQueue[]): Reading[] {
  const times = (name: PhaseName): number[] =>
    durations(seen.get(`${PHASES[name].letter}${run}`) ?? []);
  const steps = (letters: string, ramp: readonly RampQueue[] | null): Step[] =>
    RAMP.map((rate, at) =>
      stepOf(rate, seen.get(`${letters[at]}${run}`) ?? [], ramp === null ? null : ramp[at]!),
    );
  return [...heldReadings(times), rampReading(steps(RAMP_WITH, queues), steps(RAMP_WITHOUT, null))];
}

interface Held {
  readonly kind: 'no match' | 'match';
  readonly part: 'p50' | 'p99';
  readonly limit: number;
  readonly question: string;
}

const HELD: readonly Held[] = [
  {
    kind: 'no match',
    part: 'p50',
    limit: 0.8,
    question: 'a DNS answer that has nothing to do with an application arrives later by (median)',
  },
  {
    kind: 'no match',
    part: 'p99',
    limit: 2,
    question: 'the slowest of a hundred such answers, by',
  },
  {
    kind: 'match',
    part: 'p50',
    limit: 3,
    question: 'a DNS answer of an application arrives later by (median)',
  },
  { kind: 'match', part: 'p99', limit: 10, question: 'the slowest of a hundred of these, by' },
];
const PARTS = { p50: 0.5, p99: 0.99 };

/** What each adds: the same quantile with it, less that without an agent. */
function heldReadings(times: (name: PhaseName) => number[]): Reading[] {
  return (['forwarded', 'through dnsmasq'] as const).flatMap((path) =>
    HELD.map(({ kind, part, limit, question }) => {
      const quantileOf = (name: PhaseName): number => quantile(times(name), PARTS[part]);
      const without = quantileOf(`${path}, without`);
      const added = (name: PhaseName): number => quantileOf(name) - without;
      const forwarded = path === 'forwarded';
      const program: PhaseName = kind === 'match' ? 'C teaches all' : 'C accepts all';
      const others = forwarded
        ? [
            beside('least possible, in C', added(program), 'ms'),
            ...(kind === 'match'
              ? []
              : [beside('by the script (`WHP_GLANCE=0`)', added('script alone'), 'ms')]),
            beside('not held (`hold 0`)', added('follower'), 'ms'),
          ]
        : [beside("dnsmasq's nftset", added('nftset'), 'ms')];
      return reading(`held, ${path}, ${kind}, ${part}`, added(`${path}, ${kind}`), 'ms', {
        atMost: limit,
        beside: [...others, beside('the whole way without `whp`', without, 'ms')],
        ...(forwarded ? { question } : {}),
      });
    }),
  );
}

function stepOf(rate: number, phase: readonly Passage[], queue: RampQueue | null): Step {
  const times = durations(phase);
  return {
    rate,
    arrived: phase.length,
    lost: phase.length - times.length,
    late: times.filter((time) => time > LATE_MILLISECONDS).length,
    unheld: queue === null ? 0 : Math.max(0, times.length - queue.held) + queue.dropped,
    p99: quantile(times, 0.99),
  };
}

/** The last rate before the first at which an answer is lost, late or unheld. */
function rampReading(steps: readonly Step[], plain: readonly Step[]): Reading {
  const bad = firstBad(steps);
  const without = bestRate(plain);
  const note =
    bad === undefined
      ? `the whole ramp; p99 ${steps.at(-1)!.p99.toFixed(1)} ms at its end`
      : `at ${bad.rate}: ${bad.lost} lost, ${bad.late} late, ${bad.unheld} unheld of ${bad.arrived}`;
  return reading('answers a second before a drop, 5 % match', bestRate(steps), '/s', {
    atLeast: 1000,
    beside: [beside('without an agent', without, '/s')],
    note,
  });
}

function firstBad(steps: readonly Step[]): Step | undefined {
  return steps.find(({ lost, late, unheld }) => lost + late + unheld > 0);
}

function bestRate(steps: readonly Step[]): number {
  const bad = firstBad(steps);
  return (bad === undefined ? steps.at(-1) : steps[steps.indexOf(bad) - 1])?.rate ?? 0;
}
