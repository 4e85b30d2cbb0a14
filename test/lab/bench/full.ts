// A full home: many endpoints that an application's names have taught, and many open flows of a device. Endpoints
// expire with their answers, after five minutes.
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusAnswer } from '../../../agent/src/answers/status.ts';
import type { Lab } from '../machine/lab.ts';
import type { Machine } from '../machine/machine.ts';
import { status } from './agent.ts';
import { settled } from './answers.ts';
import { ask, openFlows, ROUTER } from './world.ts';

/** Seconds after a start in which the agent looks at everything once. */
export const CALM = 6;
const FLOWS = 2000;
const ENDPOINTS = 2000;
/** Names a second that teach them, two endpoints each: fewer than the home's share of lessons. */
const LEARNING = 30;

export interface Full {
  /** Bytes of the agent. */
  readonly memory: number;
  /** What it holds, in words. */
  readonly text: string;
}

/** Teaches the endpoints, and opens the flows. `phase`: of the names, as in answers.ts. */
export async function fill(lab: Lab, phase: string, lasting: number): Promise<Full> {
  await ask(lab.world, ROUTER, phase, LEARNING, ENDPOINTS / 2, 100);
  return fillFlows(lab, lasting, ENDPOINTS);
}

/** Opens the flows alone. `lasting`: seconds that one of a single packet lasts, more than it takes to open all.
 * `least`: endpoints that the agent must have. */
export async function fillFlows({ world, router }: Lab, lasting: number, least = 0): Promise<Full> {
  await router.must(`sysctl -qw net.netfilter.nf_conntrack_udp_timeout=${lasting}`);
  await openFlows(world, FLOWS);
  const { memory_bytes: memory, apps } = await whenFull(router, least);
  const { endpoints = 0, peers = 0, flows = 0 } = apps[0] ?? {};
  return { memory, text: `${endpoints} endpoints, ${peers} pairs, ${flows} flows` };
}

/** The status once the agent has read all flows, which it does at its own pace. */
async function whenFull(router: Machine, least: number): Promise<StatusAnswer> {
  await settled(router);
  for (let tries = 0; ; tries += 1) {
    const found = await status(router);
    const { endpoints = 0, flows = 0 } = found.apps[0] ?? {};
    if (flows >= FLOWS && endpoints >= least) return found;
    if (tries === 60) throw new Error(`the agent has ${flows} flows, ${endpoints} endpoints`);
    await sleep(2000);
  }
}
