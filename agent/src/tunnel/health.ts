// tunnel/health: health of one proxy, a state machine fed with sent probes and their answers. select decides which
// app uses which proxy. Pure: time is an argument, in milliseconds.
//   probing  unknown: at the start, after the first lost probe, and while coming back up
//   up       probes are answered
//   down     several probes in a row were lost, or too large a share of the last ones

import { createRoundTrip, measure, type RoundTrip, timeoutOf } from './round-trip.ts';

export type HealthState = 'probing' | 'up' | 'down';

/** Milliseconds between probes. DOUBT_INTERVAL determines how fast a failure is detected. */
const STEADY_INTERVAL = 1000;
/** For a proxy that no app uses: recent enough to fail over to it without a new probe. */
const SPARE_INTERVAL = 5000;
const DOUBT_INTERVAL = 250;
const DOWN_INTERVAL = 2000;

/** Probes lost in a row until a proxy is down. */
const LOST_IN_A_ROW = 4;
/** The same while its device still receives data: a router or path too busy for probes gets two seconds more.
 * Bounded, since received data does not prove the other direction. */
const LOST_WITH_DATA = 12;
const DATA_MILLISECONDS = 1000;
/** Probes answered in a row until a proxy that was down is up; the maximum applies after repeated failures. */
const ANSWERED_IN_A_ROW = 5;
const MOST_IN_A_ROW = 40;
/** A proxy that fails again within this time needs twice as many answers. */
const FLAP_MILLISECONDS = 60000;

/** Number of last probes from which the loss is computed; one bit each. */
const WINDOW = 32;
/** Down by loss: this share of the window, from LOSS_LEAST results on. */
const LOSS_DOWN = 0.5;
const LOSS_LEAST = 16;

/** How long a lost probe is remembered, milliseconds: a late answer still corrects the round trip time. */
const REMEMBER = 10000;

interface Probe {
  /** When it was sent, milliseconds. */
  readonly at: number;
  lost: boolean;
}

export interface Health extends RoundTrip {
  readonly proxy: string;
  state: HealthState;
  /** Start of the state, milliseconds. */
  since: number;
  /** Whether flows may use it: true until it is down, and again when it is up. */
  usable: boolean;
  /** Whether an app uses it now; determines the probe interval. */
  used: boolean;
  /** Why it is down, as text. */
  reason: string;
  /** By sequence number: probes without a result, and lost ones that may still be answered. */
  readonly sent: Map<number, Probe>;
  sequence: number;
  /** When the next probe is due, milliseconds. */
  next: number;
  /** When the host program was to send the first of the probes that are left to it (kernel/probes); null: it sends
   * none. Then `next` is infinite, unless a probe is needed before. */
  left: number | null;
  lostInARow: number;
  answeredInARow: number;
  /** Answers in a row needed to come up. */
  needed: number;
  /** When it last came up, milliseconds. */
  cameUp: number;
  /** Last results, newest in bit 0: 1 = lost. */
  history: number;
  results: number;
  /** Packets received by its device at the last reading (-1: none yet), and when a reading last showed more. */
  received: number;
  heard: number;
}

export function createHealth(proxy: string, now: number): Health {
  return {
    proxy,
    state: 'probing',
    since: now,
    usable: true,
    used: false,
    reason: '',
    sent: new Map(),
    sequence: 0,
    next: now,
    left: null,
    lostInARow: 0,
    answeredInARow: 0,
    needed: 1,
    cameUp: now,
    history: 0,
    results: 0,
    received: -1,
    heard: Number.NEGATIVE_INFINITY,
    ...createRoundTrip(),
  };
}

/** Share of the last probes that were lost, 0..1. */
export function lossOf(health: Health): number {
  return health.results === 0 ? 0 : ones(health.history) / health.results;
}

function ones(bits: number): number {
  let count = 0;
  for (let left = bits >>> 0; left !== 0; left = (left & (left - 1)) >>> 0) count += 1;
  return count;
}

/** Sequence number (0..65535) of a probe to send now; null: none is due. */
export function dueProbe(health: Health, now: number): number | null {
  if (now < health.next) return null;
  health.sequence = (health.sequence + 1) & 0xffff;
  health.sent.set(health.sequence, { at: now, lost: false });
  health.next = now + intervalOf(health);
  return health.sequence;
}

/** Sets whether an app uses the proxy. One that comes into use is probed at once, since its last probe may be old. */
export function setUsed(health: Health, used: boolean, now: number): void {
  if (used && !health.used) health.next = Math.min(health.next, now);
  health.used = used;
}

function intervalOf(health: Health): number {
  if (health.state === 'probing') return DOUBT_INTERVAL;
  if (health.state === 'down') return DOWN_INTERVAL;
  return health.used ? STEADY_INTERVAL : SPARE_INTERVAL;
}

/** Processes an answer. False: no such probe, or already answered. */
export function takeAnswer(health: Health, sequence: number, now: number): boolean {
  const probe = health.sent.get(sequence);
  if (probe === undefined) return false;
  health.sent.delete(sequence);
  measure(health, now - probe.at);
  // The probe was counted as lost. The answer updates the round trip time and so the timeout, and resets lostInARow,
  // since a slow proxy is not dead.
  if (probe.lost) {
    health.lostInARow = 0;
    return true;
  }
  count(health, false);
  health.lostInARow = 0;
  health.answeredInARow += 1;
  if (health.state === 'down') {
    enter(health, 'probing', now);
    health.next = Math.min(health.next, now);
  } else if (health.state === 'probing' && (health.usable || isProven(health))) comeUp(health, now);
  return true;
}

function isProven(health: Health): boolean {
  return health.answeredInARow >= health.needed;
}

function comeUp(health: Health, now: number): void {
  if (!health.usable) {
    health.cameUp = now;
    // Losses while it was down do not count for the new state.
    health.history = 0;
    health.results = 0;
  }
  health.usable = true;
  health.reason = '';
  enter(health, 'up', now);
}

function count(health: Health, lost: boolean): void {
  health.history = ((health.history << 1) | (lost ? 1 : 0)) >>> 0;
  health.results = Math.min(WINDOW, health.results + 1);
}

/** Whether the packets received by the proxy's device are needed (event `traffic`). */
export function isDoubted(health: Health): boolean {
  return health.usable && health.lostInARow > 0;
}

/** Processes a reading of the packets received by the proxy's device. */
export function takeTraffic(health: Health, packets: number, now: number): void {
  if (health.received >= 0 && packets > health.received) health.heard = now;
  health.received = packets;
}

/** A probe could not be sent (the device is missing or down): lost at once. */
export function takeUnsent(health: Health, sequence: number, reason: string, now: number): void {
  if (!health.sent.delete(sequence)) return;
  lose(health, reason, now);
}

/** Counts probes that have timed out as lost. */
export function expireProbes(health: Health, now: number): void {
  const timeout = timeoutOf(health);
  for (const [sequence, probe] of health.sent) {
    if (now - probe.at < timeout) break;
    if (!probe.lost) {
      probe.lost = true;
      lose(health, 'probes are not answered', now);
    }
    if (now - probe.at >= REMEMBER) health.sent.delete(sequence);
  }
}

function lose(health: Health, reason: string, now: number): void {
  count(health, true);
  health.answeredInARow = 0;
  health.lostInARow += 1;
  if (health.state === 'up') {
    enter(health, 'probing', now);
    // Probe at once to settle the doubt.
    health.next = now;
  }
  const most = now - health.heard < DATA_MILLISECONDS ? LOST_WITH_DATA : LOST_IN_A_ROW;
  const inARow = health.lostInARow >= most;
  const loss = lossOf(health);
  const byShare = health.results >= LOSS_LEAST && loss >= LOSS_DOWN;
  if (!health.usable) {
    if (health.state === 'probing') enter(health, 'down', now);
    return;
  }
  if (!inARow && !byShare) return;
  fall(health, inARow ? reason : `${Math.round(loss * 100)} % of the probes are lost`, now);
}

function fall(health: Health, reason: string, now: number): void {
  const flapped = health.needed > 1 && now - health.cameUp < FLAP_MILLISECONDS;
  health.needed = flapped ? Math.min(MOST_IN_A_ROW, health.needed * 2) : ANSWERED_IN_A_ROW;
  health.usable = false;
  health.reason = reason;
  health.history = 0;
  health.results = 0;
  enter(health, 'down', now);
  health.next = now + DOWN_INTERVAL;
}

function enter(health: Health, state: HealthState, now: number): void {
  if (health.state === state) return;
  health.state = state;
  health.since = now;
}

/** How the host program is to send the probes. */
export interface SteadyPlan {
  /** Of the last probe. */
  readonly sequence: number;
  /** Milliseconds until the next one, between two, and until one is lost. */
  readonly first: number;
  readonly interval: number;
  readonly timeout: number;
}

/** A probe that the host program has sent, and when it was answered; null: not. Milliseconds. */
export interface SteadyProbe {
  readonly sequence: number;
  readonly at: number;
  readonly answered: number | null;
}

/** The plan while every probe is answered; null: each result counts at once. */
export function steadyPlan(health: Health, now: number): SteadyPlan | null {
  const { state, left, lostInARow, sent, sequence, next } = health;
  if (state !== 'up' || left !== null || lostInARow > 0 || sent.size > 0) return null;
  const first = Math.max(0, Math.ceil(next - now));
  return { sequence, first, interval: intervalOf(health), timeout: Math.ceil(timeoutOf(health)) };
}

/** The host program has taken the plan. */
export function leaveSteady(health: Health): void {
  health.left = health.next;
  health.next = Number.POSITIVE_INFINITY;
}

/** The probes of the host program, as if they had been sent and answered here. It sends no more. */
export function takeSteady(health: Health, probes: readonly SteadyProbe[]): void {
  const last = probes.at(-1);
  const due = last === undefined ? health.left! : last.at + intervalOf(health);
  health.left = null;
  health.next = Math.min(health.next, due);
  for (const { sequence, at, answered } of probes) {
    health.sequence = sequence;
    health.sent.set(sequence, { at, lost: false });
    if (answered !== null) takeAnswer(health, sequence, answered);
  }
}

/** When the next probe is due or the next one times out, milliseconds. */
export function nextLook(health: Health): number {
  const timeout = timeoutOf(health);
  let next = health.next;
  for (const probe of health.sent.values()) {
    if (!probe.lost) next = Math.min(next, probe.at + timeout);
  }
  return next;
}
