// answers/flows: the answers of `whp flows`, `learned` and `evidence`, as plain objects made from the agent's
// state and the kernel's present sets and connections. cli/text prints them as text, --json as JSON. Pure: the
// kernel is an argument.

import { type Endpoint, learnedEndpoints } from '../learn/endpoints.ts';
import type { KernelElement, KeyFilter } from '../netlink/nft-element.ts';
import { slotOf } from '../policy/marks.ts';
import type { App } from '../policy/policy.ts';
import { addressOf, naming, pairOf, portOf } from '../ruleset/elements.ts';
import { setName } from '../ruleset/names.ts';
import { FAMILIES } from '../ruleset/terms.ts';
import type { State } from '../step/state.ts';
import { type Checked, ok } from '../syntax/result.ts';
import { familyOf, formatAddress } from '../wire/address.ts';
import { flowText } from '../wire/flow-text.ts';
import { byWhich, type FlowEntry, type Present } from './now.ts';

/** What answers read from the kernel. An error is shown as it is. */
export interface KernelView {
  /** The first `most` elements (default: all), only those whose key `wanted` accepts. */
  readSet(set: string, most?: number, wanted?: KeyFilter | null): Checked<readonly KernelElement[]>;
  /** Number of elements; they are not decoded. */
  countSet(set: string): number;
  /** Conntrack entries with our mark. */
  connections(): Checked<readonly FlowEntry[]>;
}

export interface LearnedAnswer {
  readonly endpoints: readonly (Omit<Endpoint, 'expires'> & { readonly seconds: number })[];
  readonly ports: readonly LearnedPort[];
  readonly peers: readonly LearnedPeer[];
  /** Servers that a device named in a TLS hello, which belong to the application. */
  readonly named: readonly LearnedPeer[];
  readonly windows: readonly { readonly app: string; readonly device: string }[];
}

export interface LearnedPort {
  readonly app: string;
  readonly device: string;
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  /** Seconds until it expires unless renewed. */
  readonly seconds: number;
}

export interface LearnedPeer {
  readonly app: string;
  readonly device: string;
  readonly peer: string;
  readonly seconds: number;
}

export interface FlowAnswer {
  readonly app: string;
  readonly flow: string;
  /** The proxy's name; "direct": outside the tunnels; "none": refused. */
  readonly proxy: string;
  readonly packets: number;
  readonly bytes: number;
  readonly evidence: string;
  readonly detail: string;
}

export function seconds(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds / 1000));
}

/** All that is learned: the agent's endpoints and the sets that the ruleset fills. At most `limit` of each; with
 * `about` (bytes of an address), only what names that address. */
export function learnedAnswer(
  state: State,
  kernel: KernelView,
  now: number,
  limit = Number.POSITIVE_INFINITY,
  about: Uint8Array | null = null,
): LearnedAnswer {
  const wanted = about === null ? null : formatAddress(about, 0, familyOf(about));
  const endpoints = learnedEndpoints(state.learned)
    .filter(({ address }) => wanted === null || address === wanted)
    .slice(0, limit)
    .map(({ expires, ...rest }) => ({ ...rest, seconds: seconds(expires - now) }));
  const wantedKey = about === null ? null : naming(about);
  const elements = (set: string): readonly KernelElement[] => read(kernel, set, limit, wantedKey);
  const ports: LearnedPort[] = [];
  const peers: LearnedPeer[] = [];
  const named: LearnedPeer[] = [];
  const windows: { app: string; device: string }[] = [];
  for (const { name: app } of state.policy.apps) {
    for (const family of FAMILIES) {
      for (const protocol of ['udp', 'tcp'] as const) {
        for (const element of elements(setName(app, protocol, family))) {
          const found = portOf(element.key);
          const left = seconds(element.expiration ?? 0);
          if (found !== null) ports.push({ app, ...found, protocol, seconds: left });
        }
      }
      for (const [kind, list] of [
        ['peer', peers],
        ['hello', named],
      ] as const) {
        for (const element of elements(setName(app, kind, family))) {
          const found = pairOf(element.key);
          if (found !== null)
            list.push({ app, ...found, seconds: seconds(element.expiration ?? 0) });
        }
      }
      for (const element of elements(setName(app, 'request', family))) {
        const device = addressOf(element.key);
        if (device !== null) windows.push({ app, device });
      }
    }
  }
  return {
    endpoints,
    ports: ports.slice(0, limit),
    peers: peers.slice(0, limit),
    named: named.slice(0, limit),
    windows: windows.slice(0, limit),
  };
}

export function read(
  kernel: KernelView,
  set: string,
  most?: number,
  wanted: KeyFilter | null = null,
): readonly KernelElement[] {
  const found = kernel.readSet(set, most, wanted);
  return found.ok ? found.value : [];
}

/** The flows with an app's mark, each with its proxy and its first evidence, most bytes first; or why the kernel does
 * not list them. */
export function flowAnswers(
  state: State,
  kernel: KernelView,
  present: Pick<Present, 'choices'>,
): Checked<FlowAnswer[]> {
  const found = kernel.connections();
  if (!found.ok) return found;
  const { mask } = state.policy.globals;
  const flows: FlowAnswer[] = [];
  for (const connection of found.value) {
    const app = appOfSlot(state, slotOf(mask, connection.mark));
    if (app === null) continue;
    const text = flowText(connection.original);
    const evidence = state.evidence.flows.get(`${app.name} ${text}`);
    flows.push({
      app: app.name,
      flow: text,
      proxy: byWhich(connection, app, state.policy.proxies, present),
      packets: sum(connection.packets),
      bytes: sum(connection.bytes),
      evidence: evidence?.kind ?? 'unknown',
      detail: evidence?.detail ?? 'announced before this agent listened',
    });
  }
  return ok(flows.sort((a, b) => b.bytes - a.bytes));
}

function sum(both: FlowEntry['packets']): number {
  if (both === undefined || typeof both === 'number') return both ?? 0;
  return both.original + both.reply;
}

export function appOfSlot(state: State, slot: number): App | null {
  return state.policy.apps.find((app) => app.slot === slot) ?? null;
}

export interface EvidenceAnswer {
  readonly app: string;
  readonly flow: string;
  readonly evidence: string;
  readonly detail: string;
  /** Seconds since the last announcement. */
  readonly ago: number;
}

/** Flows announced in the last hour, ended ones too, oldest first; the last `limit`. */
export function evidenceAnswer(
  state: State,
  now: number,
  limit = Number.POSITIVE_INFINITY,
): EvidenceAnswer[] {
  return Array.from(state.evidence.flows.values())
    .slice(-limit)
    .map((one) => ({
      app: one.app,
      flow: flowText(one.flow),
      evidence: one.kind,
      detail: one.detail,
      ago: seconds(now - one.last),
    }));
}
