// ruleset/trace/result: input and result of the tracer for one packet.
import type { Hook } from '../model.ts';
import type { FlowState } from './fake-conntrack.ts';

export interface TracedPacket {
  /** From the IP header on. */
  readonly bytes: Uint8Array;
  /** Input device; empty for the router's own packets. */
  readonly iif: string;
  /** Output device by the main table; ignored for `input`. */
  readonly oif: string;
  readonly hooks: 'forward' | 'input' | 'output';
  /** Source MAC, if known. */
  readonly ether?: Uint8Array;
  /** Packet mark on arrival: foreign bits, normally 0. */
  readonly mark?: number;
}

export interface Trace {
  /** `queue`: held for the agent, accepted by all other chains. */
  readonly verdict: 'accept' | 'drop' | 'reject' | 'queue';
  readonly mark: number;
  readonly ctmark: number;
  readonly state: FlowState;
  readonly logs: readonly { readonly prefix: string; readonly group: number }[];
  /** Comments of the matching rules, in order. */
  readonly path: readonly string[];
  /** Number of rules evaluated, for each hook. */
  readonly cost: { readonly [hook in Hook]?: number };
  readonly route: 'tunnel' | 'direct' | 'local' | 'none';
  /** Output device; empty if the packet does not leave. */
  readonly device: string;
  /** Whether the flow was source-translated to the tunnel's inner address. */
  readonly masqueraded: boolean;
  /** Whether the packet was redirected to a port of the router. */
  readonly redirected: boolean;
  readonly clamps: readonly (number | 'route')[];
  /** Why the bytes are no valid packet (verdict drop); absent: they are. */
  readonly malformed?: string;
}
