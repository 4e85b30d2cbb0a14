// preflight/forwarding: checks whether the loaded firewall forwards packets from the lan devices into the
// tunnels. Pure.
import type { Policy } from '../policy/policy.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import type { Problem } from '../syntax/result.ts';
import type { LoadedChain } from './firewall.ts';
import { type Fate, fateOf, type NewFlow } from './forward-chain.ts';
import { linkOf } from './homes.ts';
import { type Look, type Stop, stopBy } from './look.ts';
import type { LookedAt, RouterSeen } from './seen.ts';

type Chains = ReadonlyMap<string, LoadedChain>;

const SUBJECT = 'firewall';
const PROTOCOLS = ['udp', 'tcp'] as const;
/** Adds the missing zone and forwardings, for the zones of all lan devices. */
const FIX = '/usr/share/whp/firewall.sh install; fw4 reload';

export function forwardingLook({ policy }: LookedAt, seen: RouterSeen): Look {
  const nothing = { subject: SUBJECT, problems: [], notes: [] };
  const { firewall } = seen;
  if (!firewall.ok) {
    const what = `the loaded rules could not be read (${firewall.what}): whether the firewall lets the application pass, and offload, is not known`;
    return { ...nothing, seen: `not read: ${firewall.what}`, notes: [{ where: 'firewall', what }] };
  }
  const { forward } = firewall.value;
  if (forward === null)
    return { ...nothing, seen: 'table inet fw4 is not loaded: it refuses nothing' };
  const problems: Problem[] = [];
  const notes: Problem[] = [];
  const passing: string[] = [];
  const stops: Stop[] = [];
  const pairs = pairsOf(policy, seen);
  for (const { from, proxy, hasSix } of pairs) {
    const to = tunnelDevice(proxy);
    const refused = refusedFlow(forward, from, to, hasSix);
    const where = `firewall, ${from} to ${to}`;
    if (refused === null) passing.push(`${from} to ${to}`);
    else if (refused.fate.some.length === 0) {
      const what = refusedText(refused);
      problems.push({ where, what });
      stops.push(...stopsOf(forward, from, proxy, what));
    } else notes.push({ where, what: unsureText(refused) });
  }
  const told = passing.length === 0 ? 'nothing passes' : `passes from ${passing.join(', ')}`;
  const said =
    pairs.length === 0 ? 'table inet fw4 is loaded; no flow to try' : `table inet fw4: ${told}`;
  return { subject: SUBJECT, seen: said, problems, notes, stops };
}

interface Pair {
  readonly from: string;
  readonly proxy: string;
  /** The proxy has inner IPv6 addresses. */
  readonly hasSix: boolean;
}

/** Each existing lan device with each tunnel that an app may use. */
function pairsOf({ globals, proxies, apps }: Policy, seen: RouterSeen): Pair[] {
  const used = new Set(apps.flatMap((app) => app.proxies));
  return globals.lan
    .filter((name) => linkOf(seen, name) !== null)
    .flatMap((from) =>
      proxies
        .filter(({ name }) => used.has(name))
        .map(({ name, inner6 }) => ({
          from,
          proxy: name,
          hasSix: inner6 !== undefined,
        })),
    );
}

const LONGEST_RULE = 100;

function shortened(rule: string): string {
  return rule.length <= LONGEST_RULE ? rule : `${rule.slice(0, LONGEST_RULE)} ...`;
}

interface Refused {
  readonly fate: Fate;
  /** "the application's UDP over IPv4 from br-lan" */
  readonly of: string;
}

function refusedText({ fate: { chain }, of }: Refused): string {
  return `the firewall refuses new connections (table inet fw4, chain ${chain}), so ${of} is refused; ${FIX}`;
}

function unsureText({ fate: { some }, of }: Refused): string {
  return `the firewall refuses new connections but for those of a rule that asks for more than the devices ("${shortened(some[0]!)}"): whether that is all of ${of} is not looked at; if not: ${FIX}`;
}

/** What of each family is refused: all of it, or one protocol. */
function stopsOf(forward: Chains, from: string, proxy: string, what: string): Stop[] {
  const to = tunnelDevice(proxy);
  return ([4, 6] as const).flatMap((family) => {
    const refuses = (isOpen?: true): number =>
      PROTOCOLS.filter((protocol) => {
        const { passes, some } = fateOf(forward, { from, to, family, protocol, isOpen });
        return !passes && some.length === 0;
      }).length;
    const count = refuses();
    if (count === 0) return [];
    const partly = count < PROTOCOLS.length ? { partly: true as const } : {};
    const open = refuses(true) === PROTOCOLS.length ? { open: true as const } : {};
    const of = { family, proxy, device: from, ...partly, ...open };
    return [stopBy('firewall', 'refused', what, of)];
  });
}

/** The first flow that is refused, and its description; null: all pass. */
function refusedFlow(forward: Chains, from: string, to: string, hasSix: boolean): Refused | null {
  for (const family of hasSix ? ([4, 6] as const) : ([4] as const)) {
    for (const protocol of PROTOCOLS) {
      const flow: NewFlow = { from, to, family, protocol };
      const fate = fateOf(forward, flow);
      if (!fate.passes)
        return {
          fate,
          of: `the application's ${protocol.toUpperCase()} over IPv${family} from ${from}`,
        };
    }
  }
  return null;
}
