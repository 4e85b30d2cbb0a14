// preflight/resolvers: checks which programs answer the DNS queries of the devices. The agent learns an
// application's addresses from answers that pass this router, from any resolver and port. Each path that
// bypasses the router or is unreadable is reported with a fix. Pure; router/resolvers reads,
// docs/resolvers.md explains.

import type { StandIn } from '../learn/stand-ins.ts';
import type { Problem } from '../syntax/result.ts';
import { type Cidr, parseCidr } from '../wire/address.ts';
import { DNS_PORT, DOT_PORT } from '../wire/ports.ts';
import type { Announced, DhcpDns } from './dhcp-dns.ts';
import type { DnsRedirect } from './dns-redirects.ts';
import { isListed } from './forward-chain.ts';
import { homeOf } from './home-networks.ts';
import type { Look } from './look.ts';
import { holds } from './rule-reach.ts';
import type { Answering, LookedAt, RouterSeen } from './seen.ts';

const LOST = 'whp does not see them and learns no address of an application by name';
const RESTART = 'uci commit dhcp; /etc/init.d/dnsmasq restart';

export function resolversLook({ policy }: LookedAt, seen: RouterSeen): Look {
  const { resolvers, redirects, standIns } = seen;
  const { answering, dhcp } = resolvers;
  const home = homeOf(policy, seen.links, seen.addresses, seen.routes);
  const here: Here = {
    lan: home.devices.map(({ name }) => name),
    own: seen.addresses.map(({ address }) => address),
    // Addresses that devices use for their router.
    near: home.networks.map((network) => network.split('/')[0]!),
    networks: home.networks,
    answering,
  };
  const read = dhcp.ok ? dhcp.value : null;
  const lost = (redirects ?? []).flatMap((redirect) => redirectProblem(redirect, here, read));
  const near = (one: Announced): readonly string[] => networksOf(one, seen) ?? here.networks;
  const problems = [
    ...lost,
    ...(read?.announced ?? []).flatMap((one) => announcedProblem(one, here.own, near(one))),
    ...standIns.map(standInProblem),
  ];
  const unread = dhcp.ok ? [] : dhcp.problems;
  const notes = [
    ...unread,
    ...portNotes(here, read, redirects ?? []),
    ...servesNote(read),
    ...bypassNote(policy),
  ];
  return { subject: 'resolvers', seen: told(seen, here, lost.length), problems, notes };
}

interface Here {
  readonly lan: readonly string[];
  readonly own: readonly string[];
  readonly near: readonly string[];
  readonly networks: readonly string[];
  readonly answering: readonly Answering[];
}

function whoOn({ answering }: Here, port: number): string {
  const names = new Set(answering.filter((one) => one.port === port).map(({ who }) => who));
  return Array.from(names).join(' and ');
}

/**
 * Reports a rule that redirects every port, the application's included. A redirection of DNS alone is no
 * problem: conntrack keeps the destination port that the device used.
 */
function redirectProblem(redirect: DnsRedirect, here: Here, dhcp: DhcpDns | null): Problem[] {
  const { table, to, port, only, isEveryPort, sources } = redirect;
  if (!isEveryPort || !here.lan.some((device) => passes(redirect, device))) return [];
  if (sources !== null && !isFromHome(sources, here)) return [];
  // A rule for a single address elsewhere, or for a router address that no device uses, does not match.
  if (only !== null && !here.near.some((address) => isListed(only, address))) return [];
  const isHere = to === null || here.own.includes(to);
  if (isHere && port === null) return [];
  const who = isHere ? programOn(here, dhcp, port!) : '';
  const place = isHere ? `port ${port} of this router${who}` : placeText(to, port);
  const to53 = only === null ? '' : ` to ${only}`;
  return [
    {
      where: `nftables table ${table}`,
      what: `what devices send${to53} to every port, the application among it, is turned to ${place}: it reaches no server of the application, through a tunnel or not; take that rule out (uci show firewall, or the settings of the program that made it), or let it turn port 53 alone`,
    },
  ];
}

function passes({ from }: DnsRedirect, device: string): boolean {
  return from.every(({ not, list }) => isListed(list, device) !== not);
}

/**
 * Whether any of `{ 192.168.1.0/24, 10.0.0.5 }` overlaps a network of the home; true for an entry that is no
 * plain address.
 */
function isFromHome(list: string, { networks }: Here): boolean {
  return list
    .replace(/[{}]/g, '')
    .split(',')
    .some((text) => {
      const asked = parseCidr(text.trim());
      return asked === null || networks.some((network) => overlaps(network, asked));
    });
}

function overlaps(network: string, asked: Cidr): boolean {
  const known = parseCidr(network);
  return known !== null && (holds(known, asked) || holds(asked, known));
}

function placeText(to: string | null, port: number | null): string {
  if (to === '?') return 'where nft does not say';
  return port === null ? `${to}` : `port ${port} of ${to}`;
}

function programOn(here: Here, dhcp: DhcpDns | null, port: number): string {
  if (dhcp?.ports.some((one) => one.port === port)) return ' (dnsmasq)';
  const who = whoOn(here, port);
  return who === '' ? '' : ` (${who})`;
}

function upstream(server: string): string {
  return `uci add_list dhcp.@dnsmasq[0].server='${server}'; uci set dhcp.@dnsmasq[0].noresolv=1; ${RESTART}`;
}

/**
 * The networks in which this resolver is announced: answers from the same network do not pass this router.
 * null: unknown; then all networks of the home count.
 */
function networksOf({ interface: name }: Announced, seen: RouterSeen): readonly string[] | null {
  const device = name === null ? undefined : seen.interfaces.get(name);
  const link = seen.links.find((one) => one.name === device);
  if (link === undefined) return null;
  return seen.addresses
    .filter((one) => one.link === link.index)
    .map(({ address, prefix }) => `${address}/${prefix}`);
}

/** Reports an announced resolver whose answers do not pass this router. */
function announcedProblem(
  { address, where, remove, program }: Announced,
  own: readonly string[],
  networks: readonly string[],
): Problem[] {
  const asked = parseCidr(address);
  const isBeside = asked !== null && networks.some((one) => overlaps(one, asked));
  if (own.includes(address) || !isBeside) return [];
  const restart = program === 'odhcpd' ? '; /etc/init.d/odhcpd restart' : '';
  const what = `devices are told to ask ${address}, in their own network (a Pi-hole?): its answers do not pass this router, ${LOST}; let this router answer and ask there: ${remove}; ${upstream(address)}${restart}`;
  return [{ where, what }];
}

function standInProblem({ app, name, address, device }: StandIn): Problem {
  const isFake = address.startsWith('198.18.') || address.startsWith('198.19.');
  const who = isFake
    ? `${address}, a stand-in (fake-IP of OpenClash, Clash, mihomo or sing-box)`
    : `${address}, an address that is not public`;
  const fix = isFake
    ? 'let that program answer the names truly: its list fake-ip-filter, or its mode redir-host'
    : 'let the resolver give the public address for it';
  return {
    where: `DNS answers for ${app}`,
    what: `${device} was told that ${name} is ${who}: whp sees the answer but the address is no server of ${app}, so what goes there does not go into the tunnel; ${fix}`,
  };
}

function portNotes(here: Here, dhcp: DhcpDns | null, redirects: readonly DnsRedirect[]): Problem[] {
  const notes: Problem[] = [];
  const isRedirected = redirects.some((redirect) =>
    here.lan.some((device) => passes(redirect, device)),
  );
  if (whoOn(here, DNS_PORT) === '' && !isRedirected) {
    const moved = dhcp?.ports.find(({ port }) => port !== DNS_PORT);
    const fix =
      moved === undefined
        ? '/etc/init.d/dnsmasq start'
        : `dnsmasq has port ${moved.port}: uci set ${moved.path}.port=53; ${RESTART}`;
    notes.push({
      where: 'port 53',
      what: `nobody answers DNS on this router: only answers of other resolvers are seen; ${fix}`,
    });
  }
  const dot = whoOn(here, DOT_PORT);
  if (dot !== '')
    notes.push({
      where: 'port 853',
      what: `devices can ask this router by DoT or DoQ (${dot}): whp does not see these answers; whp status names who does, and this refuses it: uci set whp.globals.dns_reject_dot=1; uci commit whp; whp reload`,
    });
  return notes;
}

function servesNote(dhcp: DhcpDns | null): Problem[] {
  if (dhcp === null || dhcp.serves) return [];
  const what =
    'this router hands out no addresses, so which resolver the devices are told is not known here: whoever does it has to name this router';
  return [{ where: '/etc/config/dhcp', what }];
}

function bypassNote({ resolverBypass }: LookedAt['policy']): Problem[] {
  if (resolverBypass !== undefined) return [];
  const what =
    'devices that ask other resolvers are not noted: /usr/share/whp/doh.json is missing or cannot be read; install the package again';
  return [{ where: 'doh.json', what }];
}

function told({ resolvers: { dhcp }, redirects }: RouterSeen, here: Here, lost: number): string {
  const read = dhcp.ok ? dhcp.value : null;
  const port = whoOn(here, DNS_PORT);
  const turned =
    redirects === null
      ? 'rules that turn DNS elsewhere were not read'
      : `nftables rules that turn DNS: ${redirects.length}, and all else with it: ${lost}`;
  const named =
    read === null
      ? '/etc/config/dhcp was not read'
      : `resolvers named to devices: ${read.announced.map(({ address }) => address).join(', ') || 'this router alone'}`;
  return `port 53 of this router: ${port === '' ? 'nobody' : port}; ${turned}; ${named}; not looked at: resolvers set on a device itself, in its own network`;
}
