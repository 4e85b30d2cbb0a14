// step/lesson: turns the lessons of an answer into changes of the kernel's sets: for the whole home, or for the
// device that asked.

import { learnAliases } from '../learn/aliases.ts';
import type { Effect } from '../learn/effect.ts';
import { type Exchange, learnEndpoints } from '../learn/endpoints.ts';
import type { Lesson } from '../learn/observe-dns.ts';
import { learnPairs } from '../learn/pairs.ts';
import { noteStandIn } from '../learn/stand-ins.ts';
import { addressKey } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import { FAMILIES } from '../wire/address.ts';
import { report } from './packet.ts';
import type { State } from './state.ts';

export interface LessonEffects {
  readonly effects: readonly Effect[];
  /** False: a store was too small, and a part of the lesson was not learned. */
  readonly isWhole: boolean;
}

const NOTHING: LessonEffects = { effects: [], isWhole: true };

/** Effects of the lessons of one message: set changes, evictions, monitor events. `outside`: told by a resolver
 * other than the router's. */
export function teach(
  state: State,
  lessons: readonly Lesson[],
  exchange: Exchange,
  outside: boolean,
): LessonEffects {
  if (lessons.length > 0) state.counters.matched += 1;
  const taken = lessons.map((lesson) => take(state, lesson, exchange, outside));
  return {
    effects: taken.flatMap(({ effects }) => effects),
    isWhole: taken.every(({ isWhole }) => isWhole),
  };
}

/** Addresses told by the router's resolver count for the home; those told by other resolvers, and hearsay
 * (LearnedAddress.isHearsay), for the asking device alone. */
function take(state: State, lesson: Lesson, exchange: Exchange, outside: boolean): LessonEffects {
  noteStandIn(state.standIns, lesson);
  const { aliases } = state.observer;
  learnAliases(aliases, lesson.device, lesson);
  if (exchange.mac !== null) learnAliases(aliases, exchange.mac, lesson);
  const own = lesson.addresses.filter(({ isHearsay }) => !outside && isHearsay === undefined);
  const others = lesson.addresses.filter(({ isHearsay }) => outside || isHearsay);
  const home =
    own.length === 0 ? NOTHING : takeForHome(state, { ...lesson, addresses: own }, exchange);
  const device =
    others.length === 0
      ? NOTHING
      : takeForDevice(state, { ...lesson, addresses: others }, exchange);
  const shown: Effect = { kind: 'monitor', event: { kind: 'lesson', lesson } };
  return {
    effects: [...home.effects, ...device.effects, shown],
    isWhole: home.isWhole && device.isWhole,
  };
}

function takeForHome(state: State, lesson: Lesson, exchange: Exchange): LessonEffects {
  const app = state.apps.get(lesson.app)!;
  const change = learnEndpoints(state.learned, lesson, app.profile.caps.endpoints, exchange);
  const effects: Effect[] = [];
  for (const family of FAMILIES) {
    const set = setName(app.name, 'addr', family);
    const fresh = change.endpoints.filter((endpoint) => endpoint.family === family);
    const gone = change.evicted.filter((endpoint) => endpoint.family === family);
    // The kernel's set is as large as the cap, so evicted elements are deleted before others are added.
    if (gone.length > 0) {
      effects.push({ kind: 'forget', set, keys: gone.map(({ address }) => addressKey(address)!) });
    }
    if (fresh.length > 0) {
      const elements = fresh.map(({ address, kept }) => ({
        key: addressKey(address)!,
        timeout: kept - lesson.at,
      }));
      effects.push({ kind: 'renew', set, elements });
    }
  }
  if (change.report !== null) {
    effects.push(...report(state, `endpoints ${app.name}`, change.report, lesson.at));
  }
  for (const { address: remote, firstSeen } of change.endpoints) {
    if (firstSeen === lesson.at) {
      effects.push({ kind: 'late', recheck: { kind: 'address', app: app.name, remote } });
    }
  }
  return { effects, isWhole: change.isWhole };
}

function takeForDevice(state: State, lesson: Lesson, exchange: Exchange): LessonEffects {
  const { name, profile } = state.apps.get(lesson.app)!;
  const { change, effects } = learnPairs(state, lesson, exchange, profile.caps.peers);
  const full =
    change.report === null ? [] : report(state, `pairs ${name}`, change.report, lesson.at);
  return { effects: [...effects, ...full], isWhole: change.isWhole };
}
