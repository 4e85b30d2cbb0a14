// Looks at whether the loaded firewall lets what comes from home into the tunnels. Pure.
import type { Problem } from '../policy/result.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import type { Chain } from './firewall.ts';
import { type Fate, type Flow, fateOf, isListed } from './forward-chain.ts';
import { linkOf } from './homes.ts';
import type { Look } from './look.ts';
import type { RouterSeen, Subject } from './seen.ts';

type Chains = ReadonlyMap<string, Chain>;

const SUBJECT = 'firewall';
const INSTALL = '/usr/share/whp/firewall.sh install';

export function forwardingLook({ policy }: Subject, seen: RouterSeen): Look {
  const nothing = { subject: SUBJECT, problems: [], notes: [] };
  const { firewall } = seen;
  if (typeof firewall === 'string') {
    const what = `the loaded rules could not be read (${firewall}): whether the firewall lets the application pass, and offload, is not known`;
    return { ...nothing, seen: `not read: ${firewall}`, notes: [{ where: 'firewall', what }] };
  }
  const { forward } = firewall;
  if (forward === null)
    return { ...nothing, seen: 'table inet fw4 is not loaded: it refuses nothing' };
  const problems: Problem[] = [];
  const notes: Problem[] = [];
  const passing: string[] = [];
  const lan = policy.globals.lan.filter((name) => linkOf(seen, name) !== null);
  const used = new Set(policy.apps.flatMap(({ proxies }) => proxies));
  for (const from of lan) {
    for (const { name, inner6 } of policy.proxies.filter((one) => used.has(one.name))) {
      const to = tunnelDevice(name);
      const flow = refusedFlow(forward, from, to, inner6 !== undefined);
      if (flow === null) {
        passing.push(`${from} to ${to}`);
        continue;
      }
      const where = `firewall, ${from} to ${to}`;
      const [{ some, chain }, of] = flow;
      if (some.length === 0) {
        const what = `the firewall refuses new connections (table inet fw4, chain ${chain}), so ${of} is refused; ${fixFor(forward, from, to)}`;
        problems.push({ where, what });
      } else {
        const what = `the firewall refuses new connections but for those of a rule that asks for more than the devices ("${some[0]}"): whether that is all of ${of} is not looked at; if not: ${fixFor(forward, from, to)}`;
        notes.push({ where, what });
      }
    }
  }
  const told = passing.length === 0 ? 'nothing passes' : `passes from ${passing.join(', ')}`;
  const none = used.size === 0 || lan.length === 0;
  const said = none ? 'table inet fw4 is loaded; no flow to try' : `table inet fw4: ${told}`;
  return { subject: SUBJECT, seen: said, problems, notes };
}

/** The first kind of flow that does not pass, and what it is; null: all do. */
function refusedFlow(
  forward: Chains,
  from: string,
  to: string,
  hasSix: boolean,
): [Fate, string] | null {
  for (const family of hasSix ? ([4, 6] as const) : ([4] as const)) {
    for (const protocol of ['udp', 'tcp'] as const) {
      const flow: Flow = { from, to, family, protocol };
      const fate = fateOf(forward, flow);
      if (!fate.passes)
        return [fate, `the application's ${protocol.toUpperCase()} over IPv${family} from ${from}`];
    }
  }
  return null;
}

/** The package's script makes the zone and its forwarding from zone lan; for another zone of the home
 * it is one section more. */
function fixFor(forward: Chains, from: string, to: string): string {
  const zone = zoneOf(forward, from);
  const tunnels = tunnelZone(forward, to);
  if (tunnels === null || zone === 'lan') return INSTALL;
  if (zone === null) {
    return `${from} is in no zone of the firewall: add it to the zone of the home (uci show firewall), then fw4 reload`;
  }
  const section = `firewall.whp_${zone}`;
  return `uci set ${section}=forwarding; uci set ${section}.src=${zone}; uci set ${section}.dest=${tunnels}; uci commit firewall; fw4 reload`;
}

/** firewall4 jumps to forward_ZONE for what comes by a device of the zone. */
function zoneOf(forward: Chains, device: string): string | null {
  const rules = Array.from(forward.values()).flatMap((chain) => chain.rules);
  const rule = rules.find((one) => names(one, 'iifname', device) && /jump forward_\w/.test(one));
  return rule === undefined ? null : /jump forward_(\w+)/.exec(rule)![1]!;
}

/** And lets pass in accept_to_ZONE what leaves by one. */
function tunnelZone(forward: Chains, device: string): string | null {
  const prefix = 'accept_to_';
  const found = Array.from(forward).find(
    ([name, { rules }]) =>
      name.startsWith(prefix) && rules.some((one) => names(one, 'oifname', device)),
  );
  return found === undefined ? null : found[0].slice(prefix.length);
}

function names(rule: string, key: string, device: string): boolean {
  const list = new RegExp(`\\b${key} (\\{ [^}]* \\}|"[^"]*")`).exec(rule)?.[1] ?? '';
  return isListed(list, device);
}
