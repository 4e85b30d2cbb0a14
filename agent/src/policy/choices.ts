// policy/choices: applies the owner's commands (pause, pin, proxy use) and the schedules to the configured
// policy. Pure: the agent calls `decided` after each change and enforces its result like a reload.
import { type Cidr, canonicalAddress } from '../wire/address.ts';
import { ownRange } from './build-rules.ts';
import { MOST_NAMED, mappedBlocks, nat64Prefixes } from './nat64.ts';
import type { App, Policy } from './policy.ts';
import { isInside } from './schedule.ts';

/** An address that belongs to an app until the owner unpins it. */
export interface Pin {
  readonly app: string;
  readonly address: string;
}

export interface Choices {
  readonly pins: readonly Pin[];
  /** The only proxy for apps that list it; null: as configured. */
  readonly preferred: string | null;
  /**
   * Paused apps with the end of the pause (milliseconds, monotonic); null: until resumed. Not kept over a
   * restart: losing a pause is safe (flows are proxied again), losing a resume is not.
   */
  readonly paused: ReadonlyMap<string, number | null>;
}

export const NO_CHOICES: Choices = { pins: [], preferred: null, paused: new Map() };

export const MOST_PINS = 256;
/** A pinned IPv4 address is also matched behind the well-known NAT64 prefix and each configured one. */
export const MOST_PINNED6 = MOST_PINS * (2 + MOST_NAMED);

export interface Moment {
  /** Milliseconds, monotonic. */
  readonly now: number;
  /** Minute of the week in local time; null: the clock is not set. */
  readonly minute: number | null;
}

/**
 * Why new flows of the app are direct at this moment; null: they are proxied. While the clock is not set,
 * schedules do not count: the app is proxied at all hours.
 */
export function directReason(app: App, { paused }: Choices, at: Moment): string | null {
  const until = paused.get(app.name);
  if (until !== undefined && (until === null || until > at.now)) return 'paused';
  const { schedule } = app;
  if (schedule === undefined || at.minute === null) return null;
  return isInside(schedule, at.minute) ? null : 'schedule';
}

/** A text that differs if the result of `decided` differs. */
export function decisionKey(policy: Policy, choices: Choices, at: Moment): string {
  const directs = policy.apps.map((app) => `${app.name} ${directReason(app, choices, at) ?? ''}`);
  const pins = choices.pins.map(({ app, address }) => `${app} ${address}`);
  return [choices.preferred ?? '', ...directs, ...pins].join('\n');
}

/** The configured policy with the owner's choices and the schedules applied. */
export function decided(policy: Policy, choices: Choices, at: Moment): Policy {
  const prefixes = nat64Prefixes(policy.globals.nat64);
  return { ...policy, apps: policy.apps.map((app) => decidedApp(app, choices, at, prefixes)) };
}

function decidedApp(app: App, choices: Choices, at: Moment, prefixes: readonly Cidr[]): App {
  const { preferred } = choices;
  const pinned = choices.pins.filter((one) => one.app === app.name).map(({ address }) => address);
  const direct = directReason(app, choices, at);
  const pins = ownRange(
    [...pinned, ...mappedBlocks(pinned, prefixes)],
    ['tcp', 'udp'],
    [[0, 65535]],
    'pinned by you',
  );
  return {
    ...app,
    ...(pinned.length === 0 ? {} : { pins }),
    proxies: preferred !== null && app.proxies.includes(preferred) ? [preferred] : app.proxies,
    ...(direct === null ? {} : { direct }),
  };
}

/** The choices as JSON text, for the file. */
export function choicesText({ pins, preferred }: Choices): string {
  return `${JSON.stringify({ pins, preferred })}\n`;
}

/** The choices that were read, and what could not be read, in words; null: everything was read. */
export interface ChoicesRead {
  readonly value: Choices;
  readonly wrong: string | null;
}

/** Parses the output of choicesText. Unreadable parts are left out and named in `wrong`. */
export function readChoices(text: string): ChoicesRead {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { value: NO_CHOICES, wrong: text.trim() === '' ? 'is empty' : 'is not JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { value: NO_CHOICES, wrong: 'holds no choices of the owner' };
  const { pins, preferred, ...others } = value as { pins?: unknown; preferred?: unknown };
  const list: unknown[] = Array.isArray(pins) ? pins : [];
  const known = list.flatMap((one): Pin[] => {
    const { app, address } = (one ?? {}) as { app?: unknown; address?: unknown };
    if (typeof app !== 'string' || typeof address !== 'string') return [];
    const canonical = canonicalAddress(address);
    return canonical === null ? [] : [{ app, address: canonical }];
  });
  const kept = known.slice(0, MOST_PINS);
  const lost = Array.isArray(pins) ? list.length - kept.length : 1;
  const isProxy = preferred === null || typeof preferred === 'string';
  const wrong = [
    ...(lost > 0 ? [`${lost} of its pins cannot be read`] : []),
    ...(isProxy ? [] : ['its preferred proxy cannot be read']),
    ...Object.keys(others).map((name) => `"${name}" is not known to this version`),
  ];
  return {
    value: { pins: kept, preferred: isProxy ? preferred : null, paused: new Map() },
    wrong: wrong.length === 0 ? null : wrong.join(', '),
  };
}
