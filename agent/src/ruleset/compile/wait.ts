// ruleset/compile/wait: delays the first STUN check of a new socket during a session of an application; in
// prerouting, after all evidence. An incoming call starts with a check to its peer, some milliseconds before
// the socket asks the application's STUN server and so shows its port (RFC 8445 section 6.1.4.2). The device
// repeats the check (RFC 8489 section 6.2.1), and by then the port is learned.
import type { App, Policy } from '../../policy/policy.ts';
import { FAMILIES, type Family } from '../../wire/address.ts';
import { UDP } from '../../wire/packet.ts';
import type { Chain, LearnedSet, Rule, Statement } from '../model.ts';
import { sessionSet, stunDelaySet, stunRetrySet } from '../names.ts';
import {
  back,
  concat,
  drop,
  ether,
  goTo,
  inSet,
  is,
  isFirst,
  jump,
  l4proto,
  NFPROTO,
  nfproto,
  raw,
  rule,
  saddr,
  sportKey,
  update,
} from '../terms.ts';
import { countOf, isOnEthernet } from './device-share.ts';
import { STUN_COOKIE, STUN_COOKIE_AT } from './teach.ts';

/**
 * Milliseconds that a session lasts after the last packet of a proxied flow: longer than the pauses of a
 * signalling connection behind NAT (RFC 5382: applications send within two minutes).
 */
const SESSION_MILLISECONDS = 300_000;
/**
 * Milliseconds: longer than from the first check to the socket's STUN request (4 to 45 in Chromium), shorter
 * than the first retransmission that RFC 8489 recommends (500).
 */
const WAIT_MILLISECONDS = 250;
/** Milliseconds in which later checks of the socket pass: longer than to the second retransmission. */
const WAITED_MILLISECONDS = 3000;

/** Whether a UDP packet of the application can teach the port of its socket. */
function showsPorts({ profile }: App): boolean {
  return (
    (profile.endpoints.learn ?? []).includes('udp') ||
    profile.ranges.some(({ learn }) => learn.includes('udp'))
  );
}

const waits = ({ apps }: Policy): boolean => apps.some(showsPorts);

/** In the chains of marked flows: starts or renews the session of the device. */
export function sessionRules(app: App): Rule[] {
  return showsPorts(app) ? [rule('a session of its device', jump('session'))] : [];
}

/** In the judgement of a new flow, after all evidence. */
export function waitRules(policy: Policy): Rule[] {
  if (!waits(policy)) return [];
  const check: Statement[] = [is(l4proto, UDP), is(raw(STUN_COOKIE_AT, 32), STUN_COOKIE), isFirst];
  const why = 'a check of a new socket during a session';
  return [
    rule(why, ...check, inSet(ether, sessionSet('mac')), jump('stun_delay')),
    ...FAMILIES.map((family) =>
      rule(why, ...check, inSet(saddr(family), sessionSet(family)), jump(`stun_delay${family}`)),
    ),
  ];
}

export function waitChains(policy: Policy): Chain[] {
  if (!waits(policy)) return [];
  return [
    {
      name: 'session',
      rules: [
        rule('on Ethernet', isOnEthernet, update(sessionSet('mac'), ether), back),
        ...FAMILIES.map((family) =>
          rule('by address', update(sessionSet(family), saddr(family)), back),
        ),
      ],
    },
    {
      name: 'stun_delay',
      rules: FAMILIES.map((family) =>
        rule('by its family', is(nfproto, NFPROTO[family]), goTo(`stun_delay${family}`)),
      ),
    },
    ...FAMILIES.map(waitChain),
  ];
}

/** Keyed by the socket: the device's address and port. */
function waitChain(family: Family): Chain {
  const socket = concat(saddr(family), sportKey);
  const delay = stunDelaySet(family);
  const retry = stunRetrySet(family);
  return {
    name: `stun_delay${family}`,
    rules: [
      rule('not yet: it is repeated', inSet(socket, delay), drop),
      rule('has waited, and nothing speaks for it', inSet(socket, retry), back),
      rule('the first one', update(retry, socket), update(delay, socket), drop),
      rule('cannot be noted', drop),
    ],
  };
}

export function waitSets(policy: Policy): LearnedSet[] {
  if (!waits(policy)) return [];
  const lasting = (set: LearnedSet, timeout: number): LearnedSet => ({ ...set, timeout });
  return [
    lasting(countOf(sessionSet('mac'), 'ether'), SESSION_MILLISECONDS),
    ...FAMILIES.flatMap((family): LearnedSet[] => {
      const address = family === 4 ? 'ipv4' : 'ipv6';
      const socket = (name: string, timeout: number): LearnedSet => ({
        ...lasting(countOf(name, address), timeout),
        key: [address, 'raw'],
      });
      return [
        lasting(countOf(sessionSet(family), address), SESSION_MILLISECONDS),
        socket(stunDelaySet(family), WAIT_MILLISECONDS),
        socket(stunRetrySet(family), WAITED_MILLISECONDS),
      ];
    }),
  ];
}
