// profile/profile: the shape of an application profile, the data by which one application is told
// from everything else. A profile file is read into this type; ruleset/compile turns its ranges,
// windows and caps into sets and rules, learn/ matches its names against DNS answers.

/** How an entry is known: seen in a real capture, listed in a public source, or only reported. */
export type Evidence = 'capture' | 'source' | 'unverified';

export type Transport = 'tcp' | 'udp';

/** One name, suffix or pattern, lower case, without the final dot. */
export interface NameEntry {
  readonly value: string;
  readonly evidence: Evidence;
}

/**
 * Whole names, suffixes on a label boundary, and patterns such as `dsn{0-17}.d.skype.net` (the
 * grammar is in name-pattern). A name equal to or below an entry of `except` never matches.
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

/** Address blocks of the operator, and the ports on which they are the application's. */
export interface ProfileRange {
  /** CIDR blocks of either family, host bits zero. */
  readonly addresses: readonly string[];
  readonly protocols: readonly Transport[];
  readonly ports: readonly PortSpan[];
  readonly role: RangeRole;
  /**
   * Protocols whose *source* port is the application's P2P port when it talks to this range. For
   * Skype only udp: in captures, TCP connections to supernodes leave from ephemeral ports.
   */
  readonly learn: readonly Transport[];
  readonly source: string;
  readonly evidence: Evidence;
  /** ISO dates (YYYY-MM-DD): when this was true, and after which day it is no longer believed. */
  readonly date: string;
  readonly expires: string;
}

/** Port mappings asked for within so many seconds of the application's DNS request (paper: 4). */
export interface ProfilePortmap {
  readonly windowSeconds: number;
  readonly protocols: readonly ('nat-pmp' | 'pcp')[];
}

/**
 * A packet of this length from a learning range announces a stranger's connection request; for
 * windowMilliseconds every new flow of that device is the application's (paper: 329-339, 200 ms).
 */
export interface ProfileRequest {
  readonly enabled: boolean;
  /** Closed interval of lengths, bytes. */
  readonly minimum: number;
  readonly maximum: number;
  /** Which length: of the whole IP packet (header included), or of the TCP/UDP payload. */
  readonly field: 'ip-length' | 'l4-payload';
  readonly windowMilliseconds: number;
}

/** Addresses that DNS answers tell. */
export interface ProfileEndpoints {
  /** Bounds into which the TTL of an answer is clamped. */
  readonly ttlMinimumSeconds: number;
  readonly ttlMaximumSeconds: number;
  /**
   * Protocols whose source port is the application's P2P port when it talks to an endpoint: for those
   * that reach their STUN and TURN servers by names alone. Absent: none. Flows to the ports of DNS, NTP
   * and QUIC show it only when they begin with STUN.
   */
  readonly learn?: readonly 'udp'[];
}

/** How many entries of each kind are held at most, per family. `devices`: windows open at once. */
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
  /** ISO date since which the application no longer exists; absent while it does. */
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
