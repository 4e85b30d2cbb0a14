// ruleset/trace/fake-kernel: the state of the model kernel that trace.ts sends packets through: ruleset, set
// elements, tracked flows. The clock is an argument.
import { CUT, foreignBits, markOf } from '../../policy/marks.ts';
import { decodePacket } from '../../wire/packet.ts';
import { isMalformed } from '../../wire/reader.ts';
import type { Chain, Hook, Ruleset } from '../model.ts';
import { flowOf, forget, type ModelConntrack } from './fake-conntrack.ts';
import {
  addElement,
  createSet,
  type Element,
  elementsOf,
  type NewElement,
  removeElement,
  type SetState,
} from './fake-sets.ts';
import type { Trace } from './result.ts';

/** The router's environment. */
export interface World {
  /** Broadcast addresses of its networks (besides 255.255.255.255). */
  readonly broadcast?: readonly string[];
  /** Whether a tunnel device is up; default: all are. */
  readonly isUp?: (device: string) => boolean;
}

export interface ModelKernel {
  readonly ruleset: Ruleset;
  readonly world: World;
  readonly chains: ReadonlyMap<string, Chain>;
  readonly bases: ReadonlyMap<Hook, readonly Chain[]>;
  readonly sets: ReadonlyMap<string, SetState>;
  readonly counters: Map<string, { packets: number; bytes: number }>;
  readonly flows: ModelConntrack;
  /** Results of first fragments, which also apply to the other fragments (the kernel reassembles). */
  readonly fragments: Map<string, Trace>;
}

const HOOKS: readonly Hook[] = ['prerouting', 'input', 'forward', 'output', 'postrouting'];

export function createKernel(ruleset: Ruleset, world: World = {}): ModelKernel {
  const bases = HOOKS.map((hook): [Hook, Chain[]] => [
    hook,
    ruleset.chains
      .filter((chain) => chain.base?.hook === hook)
      .sort((a, b) => a.base!.priority - b.base!.priority),
  ]);
  return {
    ruleset,
    world,
    chains: new Map(ruleset.chains.map((chain) => [chain.name, chain])),
    bases: new Map(bases),
    sets: new Map(ruleset.sets.map((set) => [set.name, createSet(set)])),
    counters: new Map(ruleset.counters.map((name) => [name, { packets: 0, bytes: 0 }])),
    flows: new Map(),
    fragments: new Map(),
  };
}

/** Adds or renews elements as the agent does; returns how many found no room. */
export function addElements(
  kernel: ModelKernel,
  set: string,
  elements: readonly NewElement[],
  now: number,
): number {
  const state = stateOf(kernel, set);
  return elements.filter((element) => !addElement(state, element, now)).length;
}

export function removeElements(
  kernel: ModelKernel,
  set: string,
  keys: readonly Uint8Array[],
): number {
  const state = stateOf(kernel, set);
  return keys.filter((key) => removeElement(state, key)).length;
}

/** Live elements of a learned set. */
export function listElements(kernel: ModelKernel, set: string, now: number): Element[] {
  return elementsOf(stateOf(kernel, set), now);
}

/** Deletes the conntrack entry of the packet's flow, as the agent does with late ones. */
export function deleteFlow(kernel: ModelKernel, bytes: Uint8Array, now: number): boolean {
  const packet = decodePacket(bytes);
  if (isMalformed(packet)) return false;
  const flow = flowOf(kernel.flows, packet, now);
  if (flow !== null) forget(kernel.flows, flow);
  return flow !== null;
}

/** Marks the packet's flow as cut, as the agent does with a flow that it ends. */
export function cutFlow(kernel: ModelKernel, bytes: Uint8Array, now: number): boolean {
  const packet = decodePacket(bytes);
  if (isMalformed(packet)) return false;
  const flow = flowOf(kernel.flows, packet, now);
  const { mask } = kernel.ruleset;
  if (flow !== null) flow.mark = ((flow.mark & foreignBits(mask)) | markOf(mask, CUT)) >>> 0;
  return flow !== null;
}

function stateOf(kernel: ModelKernel, set: string): SetState {
  const state = kernel.sets.get(set);
  if (state === undefined) throw new Error(`trace: there is no set ${set}`);
  return state;
}
