// preflight/looks: the list of all looks in the order of output. `whp check` and `whp status` print these and
// no others; a new look is added here. Pure.
import { type Problem, problemText } from '../syntax/result.ts';
import { addressesLook } from './addresses.ts';
import { clockLook } from './clock.ts';
import { configurationLook } from './configuration.ts';
import { forwardingLook } from './forwarding.ts';
import { hostsLook } from './hosts.ts';
import { partsLook } from './kernel-parts.ts';
import { lanLook } from './lan-devices.ts';
import type { Look, Stop } from './look.ts';
import { offloadLook } from './offload.ts';
import { ownerRulesLook } from './owner-rules.ts';
import { profilesLook } from './profiles.ts';
import { resolversLook } from './resolvers.ts';
import { COLLISIONS, collisionsLook } from './rules.ts';
import type { LookedAt, RouterSeen } from './seen.ts';
import { timeZoneLook } from './time-zone.ts';
import { trafficLook } from './traffic.ts';
import { wayOutLook } from './way-out.ts';

/** Looks that need only the configuration. */
const OF_FILE: readonly ((subject: LookedAt) => Look)[] = [
  configurationLook,
  addressesLook,
  profilesLook,
  ownerRulesLook,
];

/** Looks that need the state of this router. */
const OF_ROUTER: readonly ((subject: LookedAt, seen: RouterSeen) => Look)[] = [
  agentLook,
  lanLook,
  trafficLook,
  wayOutLook,
  forwardingLook,
  collisionsLook,
  resolversLook,
  partsLook,
  offloadLook,
  clockLook,
  timeZoneLook,
  hostsLook,
];

export function looksOf(subject: LookedAt): Look[] {
  const { router } = subject;
  const looks = OF_FILE.map((look) => look(subject));
  if (router === null) return looks;
  const more = OF_ROUTER.map((look) => look(subject, router));
  // Without an enabled app no problem has an effect yet: all problems become notes.
  const isIdle = subject.policy.apps.length === 0;
  return [...looks, ...(isIdle ? more.map(softened) : more)];
}

/**
 * What was seen of the router, for a configuration that cannot be read: without problems and notes, which are of
 * another configuration. `by`: that one in words.
 */
export function seenAlone(subject: LookedAt, router: RouterSeen, by: string): Look[] {
  const none = { problems: [], notes: [] };
  const seen = `cannot be read; this router is seen by ${by}`;
  const looks = OF_ROUTER.map((look) => ({ ...look(subject, router), ...none }));
  return [{ subject: 'configuration', seen, ...none }, ...looks];
}

function softened({ problems, notes, ...look }: Look): Look {
  return { ...look, problems: [], notes: [...problems, ...notes] };
}

function agentLook({ policy }: LookedAt, { hasAgent }: RouterSeen): Look {
  const isMissing = !hasAgent && policy.apps.length > 0;
  const what =
    'no agent runs: nothing of this is in force; /etc/init.d/whp enable; /etc/init.d/whp start';
  return {
    subject: 'agent',
    seen: hasAgent ? 'runs' : 'none runs',
    problems: [],
    notes: isMissing ? [{ where: 'agent', what }] : [],
  };
}

/** The problems for `whp status`. */
export function problemsOf(looks: readonly Look[]): Problem[] {
  return looks.flatMap(({ subject, problems }) =>
    problems.map((one) =>
      subject === COLLISIONS ? { ...one, where: `collision: ${one.where}` } : one,
    ),
  );
}

/** What the looks found to stop new flows. */
export function stopsOf(looks: readonly Look[]): Stop[] {
  return looks.flatMap(({ stops = [] }) => stops);
}

/** The problems as lines for the log. */
export function linesOf(looks: readonly Look[]): string[] {
  return problemsOf(looks).map(problemText);
}
