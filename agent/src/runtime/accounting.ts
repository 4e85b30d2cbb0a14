// runtime/accounting: keeps the ledger (account/ledger). Dumps the conntrack entries of the apps from time to time,
// a few in each turn of the event loop so that no held answer waits, and takes the last counters of each entry from
// its DESTROY event.
import * as os from 'qjs:os';
import { historyText, restoreHistory } from '../account/history.ts';
import {
  beginRound,
  createLedger,
  type EndedFlow,
  endFlow,
  endRound,
  type FlowFacts,
  type Ledger,
  noteSaved,
  seeAgain,
  seeFlow,
} from '../account/ledger.ts';
import type { ConntrackWatch } from '../kernel/conntrack-watch.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { heldFirst } from '../kernel/yield-to-held.ts';
import type { Connection } from '../netlink/conntrack.ts';
import { done, type KernelResult } from '../netlink/kernel-error.ts';
import { after, now, unattended, wallTime } from '../os/clock.ts';
import { errnoText, errorText } from '../os/errno.ts';
import { readText, writeText } from '../os/file.ts';
import { readKept } from '../os/kept-file.ts';
import { log } from '../os/log.ts';
import { type Checked, invalid, ok } from '../syntax/result.ts';

const BEGINNING = 'the agent begins: flows are counted once it enforces';
/** Time between two dumps: ten seconds, or more with many flows, since each entry costs time. */
const LEAST_SECONDS = 10;
const FLOWS_A_SECOND = 20;
/** The history is written to flash every six hours, and at the end. */
const SAVE_MILLISECONDS = 6 * 3_600_000;

export interface WatchedPolicy {
  readonly mask: number;
  /** Marks of the apps. */
  readonly marks: readonly number[];
  facts(connection: Connection): FlowFacts | null;
  ended(flow: EndedFlow): void;
}

export interface FlowWatch {
  readonly kernel: Kernel;
  /** Path of the file with the ledger. */
  readonly history: string;
  /** Called for each dump and each event. */
  readonly policy: () => WatchedPolicy;
  readonly ledger: Ledger;
  watch: ConntrackWatch;
  /** Mask of the filter for DESTROY events. */
  mask: number;
  /** When the last dump ended, `now()`; -1: none has yet. */
  readAt: number;
  savedAt: number;
  stopTimer: () => void;
}

export interface AccountingState {
  /** null: counting has not begun; it begins after the first policy is enforced. */
  flows: KernelResult<FlowWatch> | null;
}

export function createAccounting(): AccountingState {
  return { flows: null };
}

/** Begins to count. If the kernel refuses, the log and `whp status` report it. */
export function startAccounting(
  accounting: AccountingState,
  kernel: Kernel,
  history: string,
  policy: () => WatchedPolicy,
): void {
  accounting.flows = watchFlows(kernel, history, policy);
  if (!accounting.flows.ok) log('error', errorText(accounting.flows.error));
}

/** The ledger, or the reason why nothing is counted. */
export function ledgerOf({ flows }: AccountingState): Checked<Ledger> {
  if (flows?.ok) return ok(flows.value.ledger);
  return invalid(flows === null ? BEGINNING : errorText(flows.error));
}

function watchFlows(
  kernel: Kernel,
  history: string,
  policy: () => WatchedPolicy,
): KernelResult<FlowWatch> {
  const ledger = createLedger();
  const { mask } = policy();
  const watch = kernel.conntrack.watch(mask, (one) => takeEnd(ledger, policy(), one));
  if (!watch.ok) return watch;
  const counting = readText('/proc/sys/net/netfilter/nf_conntrack_acct');
  if (counting.ok && counting.text.trim() === '0') {
    log('error', 'no bytes are counted: sysctl net.netfilter.nf_conntrack_acct is 0');
  }
  const restore = (text: string) => ({
    value: null,
    wrong: restoreHistory(ledger, text) ? null : 'is not a history',
  });
  readKept(history, restore, 1 << 20);
  noteSaved(ledger);
  const flows: FlowWatch = {
    kernel,
    history,
    policy,
    ledger,
    watch: watch.value,
    mask,
    readAt: -1,
    savedAt: now(),
    stopTimer: () => {},
  };
  readAgain(flows);
  return done(flows);
}

/** Stops, and writes the history if it changed. */
export function stopAccounting({ flows }: AccountingState): void {
  if (!flows?.ok) return;
  flows.value.stopTimer();
  flows.value.watch.close();
  saveHistory(flows.value);
}

function readAgain(flows: FlowWatch): void {
  const { ledger, readAt } = flows;
  const seconds = readAt < 0 ? 1 : Math.max(LEAST_SECONDS, ledger.live.size / FLOWS_A_SECOND);
  flows.stopTimer = after(seconds * 1000, () => {
    followMask(flows);
    unattended(
      readList(flows).then(() => {
        flows.readAt = now();
        if (now() - flows.savedAt > SAVE_MILLISECONDS) saveHistory(flows);
        readAgain(flows);
      }),
    );
  });
}

/** A reload may have moved the mask: opens the filter for DESTROY events anew. */
function followMask(flows: FlowWatch): void {
  const { kernel, ledger, policy } = flows;
  const { mask } = policy();
  if (mask === flows.mask) return;
  const watch = kernel.conntrack.watch(mask, (one) => takeEnd(ledger, policy(), one));
  if (!watch.ok) {
    log('error', errorText(watch.error));
    return;
  }
  flows.watch.close();
  flows.watch = watch.value;
  flows.mask = mask;
}

function saveHistory(flows: FlowWatch): void {
  const { history, ledger } = flows;
  flows.savedAt = now();
  if (!ledger.changed) return;
  os.mkdir(history.slice(0, history.lastIndexOf('/')), 0o700);
  const errno = writeText(history, historyText(ledger));
  if (errno !== 0) log('error', `${history}: cannot be written: ${errnoText(errno)}`);
  else noteSaved(ledger);
}

function takeEnd(ledger: Ledger, policy: WatchedPolicy, one: Connection): void {
  const ended = endFlow(ledger, one, () => policy.facts(one), wallTime());
  if (ended !== null) policy.ended(ended);
}

/** Dumps the entries of each app's mark. */
async function readList({ ledger, watch, policy: policyNow }: FlowWatch): Promise<void> {
  const policy = policyNow();
  beginRound(ledger);
  const { whole } = await watch.list(policy.marks, policy.mask, (counts, decode) => {
    if (seeAgain(ledger, counts, wallTime())) return;
    const one = decode();
    if (one !== null) seeFlow(ledger, one, () => policy.facts(one), wallTime());
  });
  // An incomplete dump may lack live entries: then no flow is taken as ended.
  const began = now();
  for (const ended of whole ? endRound(ledger, wallTime()) : []) {
    policy.ended(ended);
    heldFirst(now() - began);
  }
}
