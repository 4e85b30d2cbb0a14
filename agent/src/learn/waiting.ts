// learn/waiting: matching answers in watch mode (not held, already delivered) above their device's rate. They
// wait for the device's next tokens (bounds/token-bucket), so each is learned a little later. Bounded: beyond it
// the oldest answer of the device with the most is dropped and counted. Pure.

import { fairEvictions } from '../bounds/fair-share.ts';
import type { Exchange } from './endpoints.ts';

export interface WaitingAnswer {
  /** The device whose tokens it needs (askerOf). */
  readonly asker: string;
  /** The address it was sent to. */
  readonly device: string;
  /** The device's MAC and the resolver; `outside`: not the router's own resolver. */
  readonly exchange: Exchange;
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
  waiting.count = waiting.answers.length;
  const gone = surplusOf(waiting);
  waiting.lost += gone.length;
  remove(waiting, gone);
  return gone.length === 0;
}

/** The fewest answers to drop so that the rest is within the bounds. Each trial is a pass over all answers: one large
 * answer may need many of the small ones to go. */
function surplusOf({ answers, bytes }: Waiting): readonly WaitingAnswer[] {
  if (answers.length <= MOST && bytes <= MOST_BYTES) return [];
  const held = answers.map((one) => ({ one, device: one.asker }));
  const dropped = (count: number) => fairEvictions(held, count).map(({ one }) => one);
  const suffices = (count: number): boolean =>
    count >= answers.length - MOST && bytes - bytesOf(dropped(count)) <= MOST_BYTES;
  let high = 1;
  while (!suffices(high)) high *= 2;
  let low = high >> 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (suffices(middle)) high = middle;
    else low = middle;
  }
  return dropped(high);
}

function bytesOf(answers: readonly WaitingAnswer[]): number {
  return answers.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

function remove(waiting: Waiting, gone: readonly WaitingAnswer[]): void {
  if (gone.length === 0) return;
  const all = new Set(gone);
  waiting.answers = waiting.answers.filter((one) => !all.has(one));
  waiting.bytes -= bytesOf(gone);
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
  remove(waiting, taken);
  return taken;
}
