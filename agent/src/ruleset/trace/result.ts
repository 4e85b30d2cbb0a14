// ruleset/trace/result: a packet as it is handed to the tracer, and what became of it.
import type { Hook } from '../model.ts';
import type { State } from './fake-conntrack.ts';

export interface TracedPacket {
  /** From the IP header on. */
  readonly bytes: Uint8Array;
  /** Where it came from; empty for the router's own. */
  readonly iif: string;
  /** Where the main table sends it; ignored for `input`. */
  readonly oif: string;
  readonly hooks: 'forward' | 'input' | 'output';
  /** Hardware address of the sender, where there is one. */
  readonly ether?: Uint8Array;
  /** Packet mark it arrives with: foreign bits, normally 0. */
  readonly mark?: number;
}

export interface Trace {
  /** `queue`: held for the agent, accepted by everything else. */
  readonly verdict: 'accept' | 'drop' | 'reject' | 'queue';
  readonly mark: number;
  readonly ctmark: number;
  readonly state: State;
  readonly logs: readonly { readonly prefix: string; readonly group: number }[];
  /** Comments of the rules that matched, in order. */
  readonly path: readonly string[];
  /** How many rules were looked at, per hook. */
  readonly cost: { readonly [hook in Hook]?: number };
  readonly route: 'tunnel' | 'direct' | 'local' | 'none';
  /** Device it leaves by, empty when it does not. */
  readonly device: string;
  /** Whether the flow was source-translated to the tunnel's inner address. */
  readonly masqueraded: boolean;
  /** Whether it was turned round to the router's own port. */
  readonly redirected: boolean;
  readonly clamps: readonly (number | 'route')[];
  /** Why it is no packet at all, when it is none (verdict drop). */
  readonly malformed?: string;
}
