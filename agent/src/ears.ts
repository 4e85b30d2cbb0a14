// ears: the feeds a policy needs: the queue of held answers, that of held ClientHellos and the group of
// what the ruleset announces. Each packet of theirs goes through step.ts.
import { type KernelPart, weakerWithout } from './policy/lacking.ts';
import type { Policy } from './policy/policy.ts';
import { helloQueue } from './ruleset/compile-hello.ts';
import { ANSWER_PREFIX, HELLO_PREFIX, QUERY_PREFIX, UNJUDGED_PREFIX } from './ruleset/names.ts';
import type { Daemon } from './running.ts';
import type { Event, PacketSpan } from './state.ts';
import { step } from './step.ts';
import { now } from './system/clock.ts';
import { openAnnounced, openHeld } from './system/feeds.ts';
import { holdFirst } from './system/first.ts';
import { log } from './system/log.ts';

/** ClientHellos held at once: what a page of a browser opens. Beyond that they pass unread. */
const HELLOS_AT_MOST = 64;

/**
 * Opens the feeds the policy needs, unless the same ones are open: closing a queue drops what it
 * holds. A kernel without one of them is lived with, and said.
 */
export function listen(daemon: Daemon, policy: Policy): void {
  const { queue, group, hold } = policy.globals;
  const hello = policy.escape?.hello ?? 'off';
  const wanted =
    policy.apps.length === 0 ? 'none' : `${hold ? queue : 'watch'} ${group} ${hello} ${queue}`;
  if (daemon.ears === wanted) return;
  daemon.held?.close();
  daemon.hellos?.close();
  daemon.announced?.close();
  daemon.held = null;
  daemon.hellos = null;
  daemon.announced = null;
  daemon.effects.held = null;
  daemon.effects.hellos = null;
  daemon.problems.delete('queue');
  daemon.problems.delete('hello');
  daemon.problems.delete('announce');
  daemon.ears = wanted;
  if (wanted === 'none') return;
  if (hold) {
    const held = openHeld(queue, (id, { bytes, offset, end }, _, isOwn) => {
      const event = { kind: 'answer', id, outside: !isOwn, bytes, offset, end } as const;
      const heard = daemon.announced === null ? null : false;
      const effects = step(daemon.state, { ...event, heard }, now());
      if (effects[0]?.kind !== 'hear') {
        daemon.effects.run(effects);
        return;
      }
      daemon.announced?.takeAll();
      daemon.effects.run(step(daemon.state, { ...event, heard: true }, now()));
    });
    if (typeof held === 'string') lacks(daemon, 'queue', held);
    else {
      daemon.held = held;
      daemon.effects.held = held;
      holdFirst(held.takeOne);
    }
  }
  if (hello === 'hold') listenHellos(daemon, helloQueue(queue));
  const announced = openAnnounced(
    group,
    (prefix, span, mac, age, isOwn) => {
      if (prefix === UNJUDGED_PREFIX) {
        daemon.happened({ kind: 'unjudged' });
        return;
      }
      const event = announcedEvent(prefix, span, mac, age, isOwn);
      daemon.effects.run(step(daemon.state, event, now()));
    },
    () => daemon.happened({ kind: 'unjudged' }),
  );
  if (typeof announced === 'string') lacks(daemon, 'announce', announced);
  else daemon.announced = announced;
}

function listenHellos(daemon: Daemon, queue: number): void {
  const onPacket = (id: number, span: PacketSpan, sender: () => string | null): void => {
    const { bytes, offset, end } = span;
    const event = { kind: 'hello', id, mac: sender(), bytes, offset, end } as const;
    daemon.effects.run(step(daemon.state, event, now()));
  };
  const hellos = openHeld(queue, onPacket, HELLOS_AT_MOST);
  if (typeof hellos === 'string') lacks(daemon, 'hello', hellos);
  else {
    daemon.hellos = hellos;
    daemon.effects.hellos = hellos;
  }
}

function announcedEvent(
  prefix: string,
  span: PacketSpan,
  mac: string | null,
  age: number,
  isOwn: boolean,
): Event {
  const { bytes, offset, end } = span;
  if (prefix === QUERY_PREFIX) return { kind: 'query', age, mac, bytes, offset, end };
  if (prefix === ANSWER_PREFIX) {
    // One feed, in the order in which packets passed: its query has been heard.
    return { kind: 'answer', id: null, outside: !isOwn, heard: true, bytes, offset, end };
  }
  if (prefix === HELLO_PREFIX) return { kind: 'hello', id: null, mac, bytes, offset, end };
  return { kind: 'evidence', prefix, mac, bytes, offset, end };
}

/** Says what is weaker while a part of the kernel is missing. */
export function lacks(daemon: Daemon, part: KernelPart, why: string): void {
  const what = weakerWithout(part, why);
  if (daemon.problems.get(part) !== what) log('error', what);
  daemon.problems.set(part, what);
}
