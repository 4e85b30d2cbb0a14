// Looks at who answers the DNS questions of the devices. whp learns an application's addresses from the
// answers that pass it: those of this router's port 53, and those of resolvers outside. What it does not
// see is named here, with what brings it back. Pure; system/resolvers reads, docs/resolvers.md says more.
import type { StandIn } from '../learn/stand-ins.ts';
import type { Problem } from '../policy/result.ts';
import { homeOf } from '../repair/home.ts';
import { holds } from '../repair/rule-reach.ts';
import { type Cidr, isRoutableText, parseCidr } from '../wire/address.ts';
import type { DhcpDns } from './dhcp-dns.ts';
import type { DnsTurn } from './dns-turns.ts';
import { isListed } from './forward-chain.ts';
import type { Look } from './look.ts';
import type { Answering, RouterSeen, Subject } from './seen.ts';

export const DNS = 53;
export const DOT = 853;
const LOST = 'whp does not see the answers and learns no address of an application by name';
const RESTART = 'uci commit dhcp; /etc/init.d/dnsmasq restart';

export function resolversLook({ policy }: Subject, seen: RouterSeen): Look {
  const { resolvers, turns, standIns } = seen;
  const { answering, dhcp } = resolvers;
  const home = homeOf(policy, seen.links, seen.addresses, seen.routes);
  const here: Here = {
    lan: home.devices.map(({ name }) => name),
    own: seen.addresses.map(({ address }) => address),
    // What a device asks as its router.
    near: home.networks.map((network) => network.split('/')[0]!),
    networks: home.networks,
    answering,
  };
  const read = typeof dhcp === 'string' ? null : dhcp;
  const lost = (turns ?? []).flatMap((turn) => turnProblem(turn, here, read));
  const problems = [
    ...lost,
    ...(read?.announced ?? []).flatMap((one) => announcedProblem(one, here)),
    ...standIns.map(standInProblem),
  ];
  const unread = typeof dhcp === 'string' ? [{ where: '/etc/config/dhcp', what: dhcp }] : [];
  const notes = [...unread, ...portNotes(here, read), ...servesNote(read), ...bypassNote(policy)];
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

/** A rule that turns the devices' DNS to where its answers are not recognised. */
function turnProblem(turn: DnsTurn, here: Here, dhcp: DhcpDns | null): Problem[] {
  const { table, to, port, only, isEveryPort } = turn;
  if (!here.lan.some((device) => passes(turn, device))) return [];
  if (turn.sources !== null && !isFromHome(turn.sources, here)) return [];
  // Of this router's addresses devices ask the one of their own network; the others are forwarded ports.
  const asked = only === null ? [] : here.own.filter((address) => isListed(only, address));
  if (asked.length > 0 && !asked.some((address) => here.near.includes(address))) return [];
  // One address that stands for a machine elsewhere is no resolver's.
  if (isEveryPort && only !== null && asked.length === 0) return [];
  const isHere = to === null || here.own.includes(to);
  const target = port ?? DNS;
  if (isHere && target === DNS) return [];
  // What was for a resolver outside is known by its first packet; it comes back by this router.
  const isOutside = turn.passesRouter || (only !== null && asked.length === 0);
  if (!isHere && to !== '?' && target === DNS && isOutside) return [];
  const who = isHere ? programOn(here, dhcp, target) : '';
  const place = isHere ? `port ${target} of this router${who}` : placeText(to, port);
  const what = isEveryPort
    ? 'what devices send to every port, DNS and the application among it,'
    : 'DNS of devices';
  const to53 = only === null ? '' : ` to ${only}`;
  return [
    {
      where: `nftables table ${table}`,
      what: `${what}${to53} is turned to ${place}: ${LOST}; ${turnFix(isHere, target, to, dhcp)}`,
    },
  ];
}

function passes({ from }: DnsTurn, device: string): boolean {
  return from.every(({ not, list }) => isListed(list, device) !== not);
}

/** Whether any of `{ 192.168.1.0/24, 10.0.0.5 }` is in a network of the home; what is no plain address
 * may be. */
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

function turnFix(isHere: boolean, port: number, to: string | null, dhcp: DhcpDns | null): string {
  const take =
    'take that rule out (uci show firewall, or the settings of the program that made it)';
  const own = dhcp?.ports.find((one) => one.port === port);
  if (isHere && own !== undefined) return `${take}, then uci set ${own.path}.port=53; ${RESTART}`;
  if (to === '?') return take;
  const server = isHere ? `127.0.0.1#${port}` : port === DNS ? `${to}` : `${to}#${port}`;
  return `${take} and let dnsmasq ask there: ${upstream(server)}`;
}

function upstream(server: string): string {
  return `uci add_list dhcp.@dnsmasq[0].server='${server}'; uci set dhcp.@dnsmasq[0].noresolv=1; ${RESTART}`;
}

/** A resolver that the devices are told, and whose answers are not recognised. */
function announcedProblem(
  { address, where, remove, program }: DhcpDns['announced'][number],
  { own, networks }: Here,
): Problem[] {
  const asked = parseCidr(address);
  const isHome = asked !== null && networks.some((one) => overlaps(one, asked));
  const isOutside = isRoutableText(address) && !isHome;
  if (own.includes(address) || isOutside) return [];
  const restart = program === 'odhcpd' ? '; /etc/init.d/odhcpd restart' : '';
  const what = `devices are told to ask ${address}, which is neither this router nor a resolver outside (a Pi-hole?): ${LOST}; let this router answer and ask there: ${remove}; ${upstream(address)}${restart}`;
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

function portNotes(here: Here, dhcp: DhcpDns | null): Problem[] {
  const notes: Problem[] = [];
  if (whoOn(here, DNS) === '') {
    const moved = dhcp?.ports.find(({ port }) => port !== DNS);
    const fix =
      moved === undefined
        ? '/etc/init.d/dnsmasq start'
        : `dnsmasq has port ${moved.port}: uci set ${moved.path}.port=53; ${RESTART}`;
    notes.push({
      where: 'port 53',
      what: `nobody answers DNS on this router: only answers of resolvers outside are seen; ${fix}`,
    });
  }
  const dot = whoOn(here, DOT);
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

function bypassNote({ escape }: Subject['policy']): Problem[] {
  if (escape !== undefined) return [];
  const what =
    'devices that ask other resolvers are not noted: /usr/share/whp/doh.json is missing or cannot be read; install the package again';
  return [{ where: 'doh.json', what }];
}

function told({ resolvers: { dhcp }, turns }: RouterSeen, here: Here, lost: number): string {
  const port = whoOn(here, DNS);
  const turned =
    turns === null
      ? 'rules that turn DNS elsewhere were not read'
      : `nftables rules that turn DNS: ${turns.length}, to where its answers are not seen: ${lost}`;
  const named =
    dhcp === null || typeof dhcp === 'string'
      ? '/etc/config/dhcp was not read'
      : `resolvers named to devices: ${dhcp.announced.map(({ address }) => address).join(', ') || 'this router alone'}`;
  return `port 53 of this router: ${port === '' ? 'nobody' : port}; ${turned}; ${named}; not looked at: resolvers set on a device itself, iptables-legacy, ports that only a named set holds`;
}
