// replay/run: the state of one replay: the agent's state and the traced table, the capture's clock, and what was
// counted and learned so far.
import { isOwnAddress } from '../policy/own-addresses.ts';
import type { Policy } from '../policy/policy.ts';
import { compile } from '../ruleset/compile/compile.ts';
import { createKernel, type ModelKernel } from '../ruleset/trace/fake-kernel.ts';
import { createState, type State } from '../step/state.ts';
import type { Cidr } from '../wire/address.ts';
import { isHomeText } from './direction.ts';
import { type Book, createBook } from './flow-table.ts';
import { createHarvest, type Harvest } from './learned.ts';
import type { Senders } from './routers.ts';

export interface Run {
  readonly policy: Policy;
  readonly home: readonly Cidr[];
  readonly lan: string;
  readonly kernel: ModelKernel;
  readonly state: State;
  readonly book: Book;
  readonly harvest: Harvest;
  /** Time of the first packet, seconds since 1970; null: none so far. */
  start: number | null;
  /** Milliseconds since `start`. */
  now: number;
  ticked: number;
  packets: number;
  malformed: number;
  local: number;
  foreign: number;
  cut: number;
  cutUnread: number;
  hellos: number;
  /** Addresses by the MAC that sent from them. */
  readonly senders: Senders;
  /** Packets of home devices in frames without a MAC. */
  macless: number;
}

/** A run before the first packet: the table is loaded, its sets are empty. */
export function startRun(policy: Policy, home: readonly Cidr[]): Run {
  const isOwn = (address: string): boolean =>
    isHomeText(home, address) || isOwnAddress(policy, [], address);
  return {
    policy,
    home,
    lan: policy.globals.lan[0] ?? 'lan',
    kernel: createKernel(compile(policy)),
    state: createState(policy, isOwn),
    book: createBook(),
    harvest: createHarvest(),
    senders: new Map(),
    start: null,
    now: 0,
    ticked: 0,
    packets: 0,
    malformed: 0,
    local: 0,
    foreign: 0,
    cut: 0,
    cutUnread: 0,
    hellos: 0,
    macless: 0,
  };
}
