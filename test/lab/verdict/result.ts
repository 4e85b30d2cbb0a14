// The content of result.json, field by field.
import type { StepRecord } from './records.ts';

/** One application packet on the ISP wire outside GRE. */
export interface Leak {
  /** Seconds since 1970, the capture's clock. */
  readonly time: number;
  /** `out` leaves the home, `in` comes to it. */
  readonly direction: 'out' | 'in';
  /** IP protocol number. */
  readonly protocol: number;
  /** As on the wire, after NAT. */
  readonly flow: string;
  /** IP total length. */
  readonly length: number;
  readonly device: string | null;
}

/** Source address -> how often it was seen. Only the proxy's may occur. */
export interface Views {
  readonly peers: Record<string, number>;
  readonly directory: Record<string, number>;
  /** Supernodes, login and other servers of the application. */
  readonly servers: Record<string, number>;
}

export interface SessionResult {
  readonly session: string;
  readonly device: string;
  /** normal, mapped (the port is known by its mapping only) or adversary. */
  readonly kind: string;
  readonly port: number;
  /** Seconds since 1970, the world's clock; no end when its program died. */
  readonly start: number;
  readonly end: number | null;
  readonly steps: readonly StepRecord[];
  /** "step: reason" of those that failed. */
  readonly missedSteps: readonly string[];
  /** Application packets of both directions: on the LAN wire, and inside GRE on the ISP wire. */
  readonly applicationSeen: { readonly lan: number; readonly tunnel: number };
  /** Application packets on the ISP wire outside GRE, both directions, RST and ICMP included. */
  readonly leaked: number;
  /** The first of them. */
  readonly leaks: readonly Leak[];
  /** Unrelated packets on the ISP wire: outside GRE; inside; inside because their flow began within
   * the 200 ms after a stranger's request, when every new flow of the device is proxied by rule. */
  readonly unrelatedDirect: number;
  readonly unrelatedProxied: number;
  readonly unrelatedInWindow: number;
  /** Application flows of the LAN that never reached the ISP wire: refused or lost. */
  readonly heldBack: number;
  readonly views: Views;
  readonly ok: boolean;
}

export interface Totals {
  readonly sessions: number;
  readonly expectedSessions: number;
  readonly sessionsOk: number;
  readonly applicationLan: number;
  readonly applicationTunnel: number;
  readonly leaked: number;
  readonly unrelatedDirect: number;
  readonly unrelatedProxied: number;
  readonly unrelatedInWindow: number;
  readonly heldBack: number;
  readonly missedSteps: number;
  /** How often a server of the application, a peer or the directory saw the home's own address. */
  readonly homeSeen: number;
  /** IP packets in the captures. */
  readonly packetsLan: number;
  readonly packetsIsp: number;
  readonly unreadableLines: number;
  /** The verdict, and the exit status of the lab. */
  readonly ok: boolean;
}

export interface Result {
  readonly seed: number;
  readonly router: string;
  readonly devices: readonly string[];
  readonly sessions: readonly SessionResult[];
  /** Packets and views that belong to no session; counted in the totals all the same. */
  readonly elsewhere: SessionResult;
  readonly totals: Totals;
  readonly timings: {
    /** First session's start to last session's end. */
    readonly seconds: number;
    /** Median. */
    readonly sessionSeconds: number;
    /** From a DNS answer to the adversary's SYN, on the LAN wire, sorted. */
    readonly pounceMicroseconds: readonly number[];
    /** LAN capture's clock minus the world's. */
    readonly captureOffsetSeconds: number;
  };
  /** `whp status --json` at the end of the run (evidence counts), or null. */
  readonly agent: unknown;
}

/** One flow of the LAN and where it went, for the report. */
export interface FlowOutcome {
  /** Seconds since 1970, the world's clock. */
  readonly time: number;
  readonly device: string;
  readonly session: string | null;
  /** What the device's program was doing, null when the flow is not in its log. */
  readonly step: string | null;
  readonly protocol: number;
  readonly port: number;
  readonly remote: string;
  readonly remotePort: number;
  readonly nature: 'application' | 'unrelated' | 'neutral';
  readonly inWindow: boolean;
  /** Packets on the LAN wire. */
  readonly sent: number;
  readonly received: number;
  /** Packets on the ISP wire inside and outside GRE. */
  readonly tunnel: number;
  readonly direct: number;
}
