// daemon/actions: commands of the owner to the running agent: pause, resume, pin, unpin, use (which proxy), forget.
// Each changes the choices (config/settings) or the learned elements, and returns a text.

import type {
  Done,
  ForgetAnswer,
  PauseAnswer,
  PinAnswer,
  ResumeAnswer,
  UnpinAnswer,
  UseAnswer,
} from '../answers/actions.ts';
import { newFlows } from '../answers/now.ts';
import { pauseText } from '../answers/pause.ts';
import { choose } from '../config/settings.ts';
import { now, wallTime } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { type Choices, MOST_PINS } from '../policy/choices.ts';
import { isOwnAddress } from '../policy/own-addresses.ts';
import { readZone } from '../router/time-zone.ts';
import type { Agent } from '../runtime/agent.ts';
import { forgetLearned } from '../runtime/forget.ts';
import { type Checked, invalid, ok } from '../syntax/result.ts';
import { counted } from '../syntax/words.ts';
import { canonicalAddress, isRoutableText } from '../wire/address.ts';
import { namesOf, presentNow } from './surroundings.ts';

/** Enforces changed choices. Returns the error as text, or null. */
export type Refresh = (agent: Agent) => Promise<string | null>;

export type ActionReply =
  | { readonly ok: true; readonly answer: unknown }
  | { readonly ok: false; readonly error: string; readonly status?: number };

/** The answer without its text. */
type Fields<T extends Done> = Omit<T, 'text'>;

const ALL = 'all';
/** Minutes of a pause unless told. */
const MINUTES = 60;
/** A week, in minutes; a longer pause belongs into the configuration. */
const MOST_MINUTES = 10080;

function done<T extends Done>(fields: Fields<T>, text: string): ActionReply {
  return { ok: true, answer: { ...fields, text } };
}

function refuse(error: string): ActionReply {
  return { ok: false, error };
}

/** The operands are wrong, whatever the agent's state. */
function misused(error: string): ActionReply {
  return { ok: false, error, status: 2 };
}

/** Runs the action `method`; null: there is no such action. `words`: its operands. */
export function act(
  agent: Agent,
  refresh: Refresh,
  method: string,
  words: readonly string[],
): Promise<ActionReply> | ActionReply | null {
  switch (method) {
    case 'pause':
      return pause(agent, refresh, words);
    case 'resume':
      return resume(agent, refresh, words);
    case 'pin':
      return words.length === 0 ? pins(agent) : pin(agent, refresh, words);
    case 'unpin':
      return unpin(agent, refresh, words);
    case 'use':
      return use(agent, refresh, words);
    case 'forget':
      return forget(agent, words[0] ?? '');
    default:
      return null;
  }
}

async function decide<T extends Done>(
  agent: Agent,
  refresh: Refresh,
  change: Partial<Choices>,
  fields: Fields<T>,
  text: string | (() => string),
): Promise<ActionReply> {
  const unkept = choose(agent.settings, change);
  const failed = await refresh(agent);
  if (failed !== null) return refuse(failed);
  const said = typeof text === 'string' ? text : text();
  return done(
    fields,
    unkept === null ? said : `${said}; but only until a restart: ${errorText(unkept)}`,
  );
}

/** Names of the apps that pause, resume or pin is about. */
function steeredApps(agent: Agent, word: string): Checked<readonly string[]> {
  const apps = appsOf(agent, word);
  const isNone = apps.ok && apps.value.length === 0;
  return isNone ? invalid('no app is enabled; whp check') : apps;
}

/** Names of the apps that `word` selects: one, or all. */
function appsOf(agent: Agent, word: string): Checked<readonly string[]> {
  const known = agent.policy.apps.map(({ name }) => name);
  if (word === ALL) return ok(known);
  if (known.includes(word)) return ok([word]);
  return invalid(noApp(word, known));
}

function noApp(word: string, known: readonly string[]): string {
  return `there is no app "${word}"; known: ${known.join(', ') || 'none is enabled'}`;
}

function pause(
  agent: Agent,
  refresh: Refresh,
  words: readonly string[],
): Promise<ActionReply> | ActionReply {
  const [first = ALL, second] = words;
  const isTime = /^(\d+|forever)$/.test(first) && second === undefined;
  const [word, time = String(MINUTES)] = isTime ? [ALL, first] : [first, second];
  const minutes = time === 'forever' ? null : Number(time);
  if (minutes !== null && !(/^\d+$/.test(time) && minutes >= 1 && minutes <= MOST_MINUTES)) {
    return misused(`"${time}" is no number of minutes from 1 to ${MOST_MINUTES}, nor forever`);
  }
  const named = steeredApps(agent, word);
  if (!named.ok) return refuse(named.what);
  const apps = named.value;
  const paused = new Map(agent.settings.choices.paused);
  for (const app of apps) paused.set(app, minutes === null ? null : now() + minutes * 60000);
  const text = pauseText(apps, minutes, wallTime(), readZone().zone);
  const left_s = minutes === null ? null : minutes * 60;
  return decide<PauseAnswer>(agent, refresh, { paused }, { apps, left_s }, text);
}

function resume(
  agent: Agent,
  refresh: Refresh,
  words: readonly string[],
): Promise<ActionReply> | ActionReply {
  const named = steeredApps(agent, words[0] ?? ALL);
  if (!named.ok) return refuse(named.what);
  const apps = named.value;
  const paused = new Map(agent.settings.choices.paused);
  for (const app of apps) paused.delete(app);
  return decide<ResumeAnswer>(agent, refresh, { paused }, { apps }, () => resumedText(agent, apps));
}

/** What new flows of the apps meet after the pause. */
function resumedText(agent: Agent, apps: readonly string[]): string {
  const { policy } = agent;
  const present = presentNow(agent);
  const said = policy.apps
    .filter(({ name }) => apps.includes(name))
    .map((app) => {
      const { state, proxy, reason, partly } = newFlows(app, policy.proxies, present);
      const part = partly ? `, but not all of it: ${reason}` : '';
      if (state === 'proxied') return `${app.name}: proxied again, by proxy ${proxy}${part}`;
      const what = state === 'refused' ? 'REFUSED' : 'DIRECT';
      return `${app.name}: the pause is over, but new flows are ${what}: ${reason}`;
    });
  return said.join('; ');
}

function pins(agent: Agent): ActionReply {
  return { ok: true, answer: { rows: agent.settings.choices.pins } };
}

function pin(
  agent: Agent,
  refresh: Refresh,
  [text = '', app]: readonly string[],
): Promise<ActionReply> | ActionReply {
  const address = canonicalAddress(text);
  if (address === null) return refuse(`"${text}" is no IP address`);
  if (!isRoutableText(address)) return refuse(`${address} is no public address`);
  if (isOwnAddress(agent.policy, agent.inForce.addresses, address)) {
    return refuse(`${address} is the router's own or a proxy's: no packet to it takes a tunnel`);
  }
  const known = steeredApps(agent, ALL);
  if (!known.ok) return refuse(known.what);
  // With a single app, the operand may be left out.
  const wanted = app ?? (known.value.length === 1 ? known.value[0]! : null);
  if (wanted === null) {
    return refuse(`of which app? whp pin ${address} APP; known: ${known.value.join(', ')}`);
  }
  if (!known.value.includes(wanted)) return refuse(noApp(wanted, known.value));
  const others = agent.settings.choices.pins.filter((one) => one.address !== address);
  if (others.length >= MOST_PINS) return refuse(`there are ${MOST_PINS} pins; unpin some`);
  const pinned = { app: wanted, address };
  const said = `${address} is ${wanted}'s until whp unpin ${address}`;
  return decide<PinAnswer>(agent, refresh, { pins: [...others, pinned] }, pinned, said);
}

function unpin(
  agent: Agent,
  refresh: Refresh,
  [text = '']: readonly string[],
): Promise<ActionReply> | ActionReply {
  const address = canonicalAddress(text);
  const { pins } = agent.settings.choices;
  const left = pins.filter((one) => one.address !== address);
  if (left.length === pins.length) return refuse(`${text} is not pinned; whp pin lists what is`);
  const said = `${address} is no longer pinned`;
  return decide<UnpinAnswer>(agent, refresh, { pins: left }, { address: address ?? text }, said);
}

function use(
  agent: Agent,
  refresh: Refresh,
  [name = '']: readonly string[],
): Promise<ActionReply> | ActionReply {
  if (name === 'auto') {
    const apps = agent.policy.apps.map((app) => app.name);
    const text = 'proxies are used as configured';
    return decide<UseAnswer>(agent, refresh, { preferred: null }, { proxy: null, apps }, text);
  }
  const known = agent.settings.configured.proxies.map((one) => one.name);
  if (!known.includes(name)) {
    return refuse(`there is no proxy "${name}" in use; known: ${known.join(', ') || 'none'}`);
  }
  const apps = agent.settings.configured.apps
    .filter(({ proxies }) => proxies.includes(name))
    .map((app) => app.name);
  if (apps.length === 0) return refuse(`no app lists proxy ${name}; add it to one`);
  const text = `${apps.join(', ')}: proxy ${name} alone, until whp proxy use auto`;
  return decide<UseAnswer>(agent, refresh, { preferred: name }, { proxy: name, apps }, text);
}

/** Forgets everything learned about an app, a device (by name, MAC or address) or server, or all apps. */
async function forget(agent: Agent, word: string): Promise<ActionReply> {
  const known = agent.policy.apps.map(({ name }) => name);
  const address = canonicalAddress(word);
  const apps = appsOf(agent, word);
  const devices = address === null && !apps.ok ? namesOf(agent).named(word) : null;
  const about = address === null ? devices && [...devices.addresses, ...devices.macs] : [address];
  if (!apps.ok && about === null)
    return refuse(`${apps.what}; or give a device, an address, or all`);
  let forgotten = 0;
  for (const one of about ?? [null])
    forgotten += await forgetLearned(agent, apps.ok ? apps.value : known, one);
  const text = `${counted(forgotten, 'entry', 'entries')} forgotten`;
  return done<ForgetAnswer>({ forgotten }, text);
}
