// learn/waiting: matching answers in watch mode (not held, already delivered) above their device's rate. They
// wait for the device's next tokens (bounds/token-bucket), so each is learned a little later. Bounded: beyond it
// the oldest answer of the device with the most is dropped and counted. Pure.

import { fairEvictions } from '../bounds/fair-share.ts';
import type { Said } from './endpoints.ts';

export interface WaitingAnswer {
  /** The device whose tokens it needs (askerOf). */
  readonly asker: string;
  /** The address it was sent to. */
  readonly device: string;
  /** The device's MAC and the resolver; `outside`: not the router's own resolver. */
  readonly said: Said;
  readonly outside: boolean;
  /** The DNS message without its headers. */
  readonly bytes: Uint8Array;
}

export interface Waiting {
  /** In order of arrival. */
  answers: WaitingAnswer[];
  count: number;
  bytes: number;
  /** Answers dropped since the start. */
  lost: number;
}

/** Most answers and most bytes: many times what an application resolves at its start. */
const MOST = 512;
const MOST_BYTES = 262144;

export function createWaiting(): Waiting {
  return { answers: [], count: 0, bytes: 0, lost: 0 };
}

/** Keeps `answer`, which must own its bytes. False: this or another answer was dropped. */
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

/** Takes up to `most` answers, oldest first, for which `admit` takes a token of the device. */
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
