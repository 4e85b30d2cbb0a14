// preflight/look: the type of the result of one check: the subject, what was seen, what is wrong, and what of the
// home that stops. The other files of this folder make it; `whp check` and `whp status` print it.

import { splitFix } from '../syntax/fix.ts';
import type { Problem } from '../syntax/result.ts';
import type { Family } from '../wire/address.ts';

/** The result of one check of `whp check` and `whp status`. */
export interface Look {
  /** The subject in a few words: "lan devices". */
  readonly subject: string;
  /** What was seen, one line for `whp check --explain`; or why it could not be checked. */
  readonly seen: string;
  /** Faults: traffic is not proxied, or is refused. `whp check` exits with status 1. */
  readonly problems: readonly Problem[];
  /** Warnings and remarks. The exit status stays 0. */
  readonly notes: readonly Problem[];
  /** What the problems do to new flows now, for the answers; absent: nothing. */
  readonly stops?: readonly Stop[];
}

/** lan: a device of `list lan` by which no packet of the home comes in. way_out: the default route leaves by a lan
 * device. devices: DHCP has met no device of that name. rule: an ip rule of another program comes before ours. firewall:
 * it refuses packets into the tunnel. */
export type StopCause = 'lan' | 'way_out' | 'devices' | 'rule' | 'firewall';

/** New flows that are not proxied, whatever way their app has. An absent field: whichever it is. */
export interface Stop {
  readonly cause: StopCause;
  readonly state: 'direct' | 'refused';
  readonly reason: string;
  /** Commands; absent: the reason says what to do. */
  readonly fix?: string;
  readonly app?: string;
  readonly family?: Family;
  /** By the tunnel of this proxy. */
  readonly proxy?: string;
  /** From this lan device. */
  readonly device?: string;
  /** Only some of these. */
  readonly partly?: true;
  /** Packets of open flows too. */
  readonly open?: true;
}

/** `what`: the reason, and the commands at its end. */
export function stopBy(
  cause: StopCause,
  state: Stop['state'],
  what: string,
  of: Omit<Stop, 'cause' | 'state' | 'reason' | 'fix'>,
): Stop {
  const { what: reason, fix } = splitFix(what);
  return { cause, state, reason, ...(fix === undefined ? {} : { fix }), ...of };
}
