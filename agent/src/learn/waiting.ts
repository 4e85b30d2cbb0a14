// learn/waiting: matching answers that have passed (nothing is held) and are more than their device may
// teach at once: they wait for its next tokens (bounds/token-bucket), so that each is learned, a little later.
// Bounded: beyond it the oldest of the device that has most is given up, which is counted. Pure.

import { fairEvictions } from '../bounds/fair-share.ts';
import type { Said } from './endpoints.ts';

export interface WaitingAnswer {
  /** Whose tokens it waits for. */
  readonly asker: string;
  /** The address that it was sent to. */
  readonly device: string;
  /** Who answered, to which device as its MAC tells it; `outside`: not the router's own resolver. */
  readonly said: Said;
  readonly outside: boolean;
  /** The DNS message alone. */
  readonly bytes: Uint8Array;
}

export interface Waiting {
  /** In order of arrival. */
  answers: WaitingAnswer[];
  count: number;
  bytes: number;
  /** Given up since the start. */
  lost: number;
}

/** Answers, and bytes of them: what an application resolves at its start many times over. */
const MOST = 512;
const MOST_BYTES = 262144;

export function createWaiting(): Waiting {
  return { answers: [], count: 0, bytes: 0, lost: 0 };
}

/** Keeps `answer`, which owns its bytes. False when another, or this one, had to be given up. */
export function waitFor(waiting: Waiting, answer: WaitingAnswer): boolean {
  waiting.answers.push(answer);
  waiting.bytes += answer.bytes.length;
  const before = waiting.lost;
  while (waiting.answers.length > MOST || waiting.bytes > MOST_BYTES) giveUpOne(waiting);
  waiting.count = waiting.answers.length;
  return waiting.lost === before;
}

function giveUpOne(waiting: Waiting): void {
  const held = waiting.answers.map((one) => ({ one, device: one.asker }));
  const [gone] = fairEvictions(held, 1);
  if (gone === undefined) return;
  remove(waiting, gone.one);
  waiting.lost += 1;
}

function remove(waiting: Waiting, answer: WaitingAnswer): void {
  waiting.answers = waiting.answers.filter((one) => one !== answer);
  waiting.bytes -= answer.bytes.length;
  waiting.count = waiting.answers.length;
}

/** Takes up to `most` answers whose device has a token now, the oldest first; `admit` takes the token. */
export function takeWaiting(
  waiting: Waiting,
  admit: (asker: string) => boolean,
  most: number,
): WaitingAnswer[] {
  const taken: WaitingAnswer[] = [];
  const without = new Set<string>();
  for (const one of waiting.answers) {
    if (taken.length >= most) break;
    if (without.has(one.asker)) continue;
    if (admit(one.asker)) taken.push(one);
    else without.add(one.asker);
  }
  for (const one of taken) remove(waiting, one);
  return taken;
}
