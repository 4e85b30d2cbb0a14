// ears: the feeds a policy needs: the queue of held answers, that of held ClientHellos and the group of
// what the ruleset announces. Each packet of theirs goes through step.ts.
import { type KernelPart, weakerWithout } from './policy/lacking.ts';
import type { Policy } from './policy/policy.ts';
import { helloQueue } from './ruleset/compile-hello.ts';
import { ANSWER_PREFIX, HELLO_PREFIX, QUERY_PREFIX, UNJUDGED_PREFIX } from './ruleset/names.ts';
import type { Daemon } from './running.ts';
import type { PacketSpan } from './state.ts';
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
    const held = openHeld(queue, (id, { bytes, offset, end }) => {
      const event = { kind: 'answer', id, bytes, offset, end } as const;
      daemon.effects.run(step(daemon.state, event, now()));
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
    (prefix, span, mac, age) => {
      if (prefix === UNJUDGED_PREFIX) daemon.happened({ kind: 'unjudged' });
      else daemon.effects.run(step(daemon.state, announcedEvent(prefix, span, mac, age), now()));
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

function announcedEvent(prefix: string, span: PacketSpan, mac: string | null, age: number) {
  const { bytes, offset, end } = span;
  if (prefix === QUERY_PREFIX) return { kind: 'query', age, mac, bytes, offset, end } as const;
  if (prefix === ANSWER_PREFIX) return { kind: 'answer', id: null, bytes, offset, end } as const;
  if (prefix === HELLO_PREFIX) return { kind: 'hello', id: null, mac, bytes, offset, end } as const;
  return { kind: 'evidence', prefix, mac, bytes, offset, end } as const;
}

/** Says what is weaker while a part of the kernel is missing. */
export function lacks(daemon: Daemon, part: KernelPart, why: string): void {
  const what = weakerWithout(part, why);
  if (daemon.problems.get(part) !== what) log('error', what);
  daemon.problems.set(part, what);
}
