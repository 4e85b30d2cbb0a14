// runtime/neighbours: what is known of others on this router, from one look to the next. runtime/preflight and
// runtime/gateways keep it.

import type { Look } from '../preflight/look.ts';
import { createTraffic, type TrafficState } from '../preflight/traffic.ts';
import type { Listing } from '../router/foreign.ts';

/** nft lists the whole ruleset for this: half a second of work on a slow router, more with a large
 * firewall. */
export const LISTING_MILLISECONDS = 20_000;

/** In the place of chains that were not read. */
export const UNREAD = '?';

export interface Neighbours {
  /** As they are now, for `whp status`. */
  looks: readonly Look[];
  listing: Listing;
  readonly traffic: TrafficState;
  /** Of the chains of others when their rules were listed. */
  chains: string;
  /** The number of transactions of others when that was asked last. */
  foreign: number;
  /** And when their rules were listed. */
  listed: number;
  readAt: number;
  /** The listing that runs or ran last; the next waits for it. */
  reading: Promise<void>;
  /** Somebody changed rules, routes or tables since the last look. */
  isDue: boolean;
  isLooking: boolean;
  lookedAt: number;
  /** Addresses of other routers at home, and whether the MAC of one is not known yet. */
  routers: readonly string[];
  unresolved: boolean;
}

export function createNeighbours(): Neighbours {
  return {
    looks: [],
    listing: { marks: [], firewall: 'not yet', turns: null },
    traffic: createTraffic(),
    chains: UNREAD,
    foreign: -1,
    listed: -1,
    readAt: -LISTING_MILLISECONDS,
    reading: Promise.resolve(),
    isDue: true,
    isLooking: false,
    lookedAt: 0,
    routers: [],
    unresolved: false,
  };
}
