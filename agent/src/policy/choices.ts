// policy/choices: what the owner decides by command while the agent runs (pause, pin, proxy use), and
// what the clock decides by the schedules; laid over the configured policy. Pure: the agent asks
// again whenever one of them changes, and enforces the answer as it enforces a reload.
import { type Cidr, canonicalAddress } from '../wire/address.ts';
import { ownRange } from './build-rules.ts';
import { MOST_NAMED, mappedBlocks, nat64Prefixes } from './nat64.ts';
import type { App, Policy } from './policy.ts';
import { isInside } from './schedule.ts';

/** An address that is an app's until the owner says otherwise. */
export interface Pin {
  readonly app: string;
  readonly address: string;
}

export interface Choices {
  readonly pins: readonly Pin[];
  /** The one proxy that apps which may use it shall use, or null: as configured. */
  readonly preferred: string | null;
  /** Paused apps, until when (milliseconds, as `now`); null: until resumed. Not kept over a restart:
   * forgetting a pause hides the home again, forgetting its end would not. */
  readonly paused: ReadonlyMap<string, number | null>;
}

export const NO_CHOICES: Choices = { pins: [], preferred: null, paused: new Map() };

export const MOST_PINS = 256;
/** An address that is pinned may stand behind the well-known prefix and each that is named. */
export const MOST_PINNED6 = MOST_PINS * (2 + MOST_NAMED);

export interface Moment {
  /** Milliseconds, monotonic. */
  readonly now: number;
  /** Minute of the week in local time; null: the clock is not set. */
  readonly minute: number | null;
}

/** Why the app's new flows are direct at this moment, or null: they are proxied. A schedule does not
 * count while the clock is not set: then the app is proxied all the time. */
export function directReason(app: App, { paused }: Choices, at: Moment): string | null {
  const until = paused.get(app.name);
  if (until !== undefined && (until === null || until > at.now)) return 'paused';
  const { schedule } = app;
  if (schedule === undefined || at.minute === null) return null;
  return isInside(schedule, at.minute) ? null : 'schedule';
}

/** A text that differs whenever `decided` would. */
export function decisionKey(policy: Policy, choices: Choices, at: Moment): string {
  const directs = policy.apps.map((app) => `${app.name} ${directReason(app, choices, at) ?? ''}`);
  const pins = choices.pins.map(({ app, address }) => `${app} ${address}`);
  return [choices.preferred ?? '', ...directs, ...pins].join('\n');
}

/** The configured policy with the owner's choices and the hour laid over it. */
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
    'pinned by the owner',
  );
  return {
    ...app,
    ...(pinned.length === 0 ? {} : { pins }),
    proxies: preferred !== null && app.proxies.includes(preferred) ? [preferred] : app.proxies,
    ...(direct === null ? {} : { direct }),
  };
}

/** The choices as they are kept: JSON text. */
export function choicesText({ pins, preferred }: Choices): string {
  return `${JSON.stringify({ pins, preferred })}\n`;
}

/** What was understood of a text, and what was not, in words; null: all of it was. */
export interface ChoicesRead {
  readonly value: Choices;
  readonly wrong: string | null;
}

/** Reads what choicesText wrote; what is not understood is left out, and said. */
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
