// profile/profile: the type of an application profile, the data that identifies the traffic of one
// application. ruleset/compile turns ranges, windows and caps into sets and rules; learn/ matches the names
// against DNS answers.

/** Basis of an entry: seen in a capture, listed in a public source, or only reported. */
export type Provenance = 'capture' | 'source' | 'unverified';

export type Transport = 'tcp' | 'udp';

/** One name, suffix or pattern, lower case, without the final dot. */
export interface NameEntry {
  readonly value: string;
  readonly evidence: Provenance;
  /** The owner's rule with it, in words; absent: it is of the profile. */
  readonly by?: string;
}

/**
 * Exact names, suffixes (matched at label boundaries) and patterns such as `dsn{0-17}.d.skype.net` (grammar:
 * name-pattern). A name equal to or below an entry of `except` never matches.
 */
export interface ProfileNames {
  readonly names: readonly NameEntry[];
  readonly suffixes: readonly NameEntry[];
  readonly patterns: readonly NameEntry[];
  readonly except: readonly NameEntry[];
}

/** A port, or a closed interval of ports. */
export type PortSpan = number | readonly [from: number, to: number];

export type RangeRole = 'supernode' | 'login' | 'gateway' | 'other';

/** Address blocks of the operator, and the ports on which they serve the application. */
export interface ProfileRange {
  /** CIDR blocks of either family, host bits zero. */
  readonly addresses: readonly string[];
  readonly protocols: readonly Transport[];
  readonly ports: readonly PortSpan[];
  readonly role: RangeRole;
  /**
   * Protocols for which a packet to this range teaches its *source* port as the application's P2P port. For
   * Skype only udp: in captures, TCP connections to supernodes come from ephemeral ports.
   */
  readonly learn: readonly Transport[];
  readonly source: string;
  readonly evidence: Provenance;
  /** ISO dates (YYYY-MM-DD): the day the entry was verified, and the last day on which it is valid. */
  readonly date: string;
  readonly expires: string;
}

/** Port mapping requests count within this many seconds after a DNS request of the application (paper: 4). */
export interface ProfilePortmap {
  readonly windowSeconds: number;
  readonly protocols: readonly ('nat-pmp' | 'pcp')[];
}

/**
 * A packet of this length from a range with role supernode announces a connection request of a peer. For
 * windowMilliseconds every new flow of the receiving device counts as the application's (paper: 329-339
 * bytes, 200 ms).
 */
export interface ProfileRequest {
  readonly enabled: boolean;
  /** Closed interval of lengths in bytes. */
  readonly minimum: number;
  readonly maximum: number;
  /** The length compared: of the whole IP packet, header included, or of the TCP/UDP payload. */
  readonly field: 'ip-length' | 'l4-payload';
  readonly windowMilliseconds: number;
}

/** Addresses learned from DNS answers. */
export interface ProfileEndpoints {
  /** Bounds for the TTL of an answer, in seconds. */
  readonly ttlMinimumSeconds: number;
  readonly ttlMaximumSeconds: number;
  /**
   * Protocols for which a packet to an endpoint teaches its source port as the application's P2P port: for
   * applications that know their STUN and TURN servers by name only. Absent: none. On the ports of DNS, NTP
   * and QUIC only a flow that begins with STUN teaches it.
   */
  readonly learn?: readonly 'udp'[];
}

/** Largest number of entries of each kind, for each family. `devices`: request windows open at once. */
export interface ProfileCaps {
  readonly endpoints: number;
  readonly ports: number;
  readonly peers: number;
  readonly devices: number;
}

export interface Profile {
  readonly format: 1;
  /** [a-z][a-z0-9]*, at most 10 characters. */
  readonly name: string;
  readonly title: string;
  /** ISO date of this edition. */
  readonly version: string;
  /** ISO date on which the service ended; absent: it exists. */
  readonly retired?: string;
  readonly dns: ProfileNames;
  readonly ranges: readonly ProfileRange[];
  readonly portmap: ProfilePortmap;
  readonly ports: { readonly leaseSeconds: number };
  readonly peers: { readonly enabled: boolean; readonly leaseSeconds: number };
  readonly request: ProfileRequest;
  readonly endpoints: ProfileEndpoints;
  readonly caps: ProfileCaps;
}
