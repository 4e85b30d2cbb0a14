// answers/why-parts: what an answer to `whp why` holds, and what it is made of beside the policy. Pure.
// Before: daemon/serve, daemon/surroundings. After: why, home, cli/text.
import type { FlowEvidence } from '../learn/evidence.ts';
import type { App } from '../policy/policy.ts';
import type { Host } from '../syntax/dhcp-hosts.ts';
import { flowText } from '../wire/flow-text.ts';
import { seconds } from './flows.ts';
import type { NowAnswer, Present } from './now.ts';

export interface WhyAnswer {
  readonly query: string;
  /** What a packet meets now; "home": the address is one of this home; "unknown": the kernel does not
   * say what it has learned. */
  readonly state: NowAnswer['state'] | 'home' | 'unknown';
  /** The same in words. */
  readonly verdict: string;
  readonly reasons: readonly string[];
}

/** What is known of the home beside the policy. */
export interface Surroundings extends Present {
  readonly hosts: readonly Host[];
  /** Addresses of the router's own devices. */
  readonly own: readonly string[];
  /** Whether the address is in a network of a lan device. */
  isHome(address: string): boolean;
  /** Of a device's address, by DHCP or by the neighbour table; null: not known. */
  macOf(address: string): string | null;
}

/** A flow that was heard of, with its reason. */
export function said(one: FlowEvidence, now: number): string {
  const ago = seconds(now - one.last);
  return `${one.app}: ${flowText(one.flow)}: ${one.kind}: ${one.detail} (${ago} s ago)`;
}

/** What a new flow of `app` meets, in words; `what` makes it the application's. */
export function sentence(now: NowAnswer, what: string, around: Surroundings, app: App): string {
  if (now.state === 'proxied') return `proxied: ${what}, by proxy ${now.proxy}`;
  if (now.state === 'refused') return `REFUSED now: ${what}; ${now.reason}`;
  const until = around.paused.get(app.name) ?? null;
  const left =
    until === null || app.direct !== 'paused' ? '' : `, ${seconds(until - around.now)} s more`;
  return `DIRECT now: ${what}; ${now.reason}${left}`;
}
