// The emulated Internet on one page: who has which address, which of them only the application
// talks to, and the ground truth tag. Pure data, shared by the programs of the world (which live
// there) and by the verdict (which judges packets by it). Supernode and login addresses, ports and
// names are those of real captures; everything else is invented, outside the RFC 6890 blocks.

/** Ground truth, in the TOS byte of every packet a device or a server sends (ECN bits excluded).
 * Nothing in the product looks at it; it survives NAT and is in the inner header of GRE. */
export const TAG = { application: 0x28, unrelated: 0x48, neutral: 0x00 } as const;
export type Tag = keyof typeof TAG;

export const HOME_ADDRESS = '198.51.100.10';
export const RESOLVER_ADDRESS = '198.51.100.53';
/** A resolver in a private network behind the WAN: an ISP's box, or an office's. */
export const PRIVATE_RESOLVER = '10.20.0.53';
/** A server of nobody's whose port 53 answers what nobody asked, and every question as it likes. */
export const LIAR_ADDRESS = '78.46.72.53';
/** Where the liar says that names of the application are: ordinary servers that others use. */
export const BANK_ADDRESS = '104.16.30.77';
export const SHOP_ADDRESS = '104.16.30.78';
export const PROXY_ADDRESS = '203.0.113.20';
export const TUNNEL_HOME = '10.213.0.1';
export const TUNNEL_PROXY = '10.213.0.2';
export const ROUTER_ADDRESS = '192.168.1.1';
export const TUNNEL_KEY = 5300;

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface DeviceProfile {
  readonly name: string;
  /** Last octet of the fixed address 192.168.1.x. */
  readonly host: number;
  /** Asks the router for a port mapping (RFC 6886). */
  readonly maps: boolean;
  /** Sends the 3 MB file over TCP. */
  readonly files: boolean;
}

/** The five devices of the paper's evaluation. The Xbox One maps no port and sends no file. */
export const DEVICES: readonly DeviceProfile[] = [
  { name: 'iphone', host: 11, maps: true, files: true },
  { name: 'macbook', host: 12, maps: true, files: true },
  { name: 'windows', host: 13, maps: true, files: true },
  { name: 'ubuntu', host: 14, maps: true, files: true },
  { name: 'xbox', host: 15, maps: false, files: false },
];

/** A device without the application: what it does must never follow what the others taught. */
export const NEIGHBOUR: DeviceProfile = { name: 'neighbour', host: 16, maps: false, files: false };
export const EVERY_DEVICE: readonly DeviceProfile[] = [...DEVICES, NEIGHBOUR];

const SUPERNODE_NETS: readonly (readonly [string, readonly number[]])[] = [
  ['64.4.23', [140, 147, 153, 162, 166]],
  ['65.55.223', [12, 19, 26, 33, 44]],
  ['111.221.74', [15, 20, 31, 42, 46]],
  ['111.221.77', [142, 149, 155, 161, 173]],
  ['157.55.56', [141, 148, 154, 162, 170]],
  ['157.55.130', [140, 146, 155, 160, 172]],
  ['157.55.235', [143, 150, 156, 162, 176]],
  ['157.56.52', [13, 21, 28, 37, 44]],
  ['213.199.179', [141, 149, 157, 165, 173]],
];

/** 45 supernodes in the nine /24s; each on one port of 33033, 40001-40034, 40046, and TCP 443. */
export const SUPERNODES: readonly Endpoint[] = SUPERNODE_NETS.flatMap(([net, hosts], row) =>
  hosts.map((host, column) => {
    const index = row * hosts.length + column;
    const port = index % 11 === 7 ? 33033 : index % 17 === 5 ? 40046 : 40001 + ((index * 7) % 34);
    return { address: `${net}.${host}`, port };
  }),
);

export const LOGIN_SERVERS: readonly Endpoint[] = [
  '91.190.216.23',
  '91.190.216.24',
  '91.190.216.125',
  '91.190.218.69',
  '91.190.218.125',
].map((address) => ({ address, port: 12350 }));

export const WEB_PREFIX = '104.16.30';
export const FAST_PREFIX = '23.97.7';
export const CROWD_PREFIX = '23.97.60';
/** 700 addresses of one name, over TCP alone. */
export const DIRECTORY_PREFIX = '23.97.6';

/** Every torrent peer listens on UDP 6881; those past `alive` never answer. */
export const TORRENT_PEERS: readonly Endpoint[] = Array.from({ length: 24 }, (_, i) => ({
  address: `78.46.70.${i + 10}`,
  port: 6881,
}));
export const TORRENT_ALIVE = 18;
/** Remotes for the adversary's unrelated flows, never used by anything else. */
export const BYSTANDERS: readonly Endpoint[] = Array.from({ length: 40 }, (_, i) => ({
  address: `78.46.71.${i + 10}`,
  port: 6900 + i,
}));
export const GAME_SERVER: Endpoint = { address: '172.65.200.10', port: 3074 };
/** A peer of one device that the neighbour torrents with: proxied there, direct here. */
export const SHARED_PEER_ADDRESS = '80.90.40.77';

/** The peer that is called, or calls: its own address in every session of every device, so that
 * no session lives on what an earlier one taught. `device` and `session` count from 0. */
export function peerAddress(device: number, session: number, direction: 'out' | 'in'): string {
  return `86.128.${10 + device * 4 + (session >> 6)}.${1 + (session & 63) * 2 + (direction === 'in' ? 1 : 0)}`;
}

/** The stranger who asks for a connection in this session. */
export function strangerAddress(device: number, session: number): string {
  return `90.210.${10 + device * 4 + (session >> 7)}.${1 + (session & 127)}`;
}

/** Peers that a device meets one after the other from a port that is known, without another word: 4,096 by
 * number, above every stranger's. */
export function lonePeer(number: number): string {
  return `90.210.${240 + ((number >> 8) & 15)}.${number & 255}`;
}

/** Where `freshN.skype.com` is, an address a name up to 32,768. */
export function freshAddress(number: number): string {
  return `23.97.${128 + ((number >> 8) & 127)}.${number & 255}`;
}

/** Networks that only the application talks to, and networks it never talks to. The kernel's own
 * packets (RST, ICMP) carry no tag and are judged by these. Prefix lengths are 16 or 24. */
export const APPLICATION_NETS: readonly string[] = [
  ...SUPERNODE_NETS.map(([net]) => `${net}.0/24`),
  '91.190.216.0/24',
  '91.190.218.0/24',
  '23.96.0.0/16',
  '23.97.0.0/16',
  '86.128.0.0/16',
  '90.210.0.0/16',
];
export const UNRELATED_NETS: readonly string[] = [
  '104.16.0.0/16',
  '78.46.0.0/16',
  '172.65.200.0/24',
];
/** IPv6, where a session asks for it (topology6.sh): the home's, the application's servers, others,
 * and the proxy. Servers are outside 2001:db8::/32: dnsmasq's rebind protection drops such answers. */
export const HOME6 = '2001:db8:a';
/** The home's own prefix (RFC 4193), without any way out; the router is its resolver over IPv6, too. */
export const LOCAL6 = 'fd00:c0a8:1';
export const ROUTER6 = '2001:db8:1::10';
export const APPLICATION6 = '2603:1005:5';
export const UNRELATED6 = '2606:4706:6';
export const PROXY6 = '2001:db8:3::20';
export const TUNNEL6_HOME = 'fd00:d5::1';
export const TUNNEL6_PROXY = 'fd00:d5::2';

/** The sixteen bytes of an IPv6 address in any of its spellings without a dotted quad. */
export function v6Bytes(address: string): number[] {
  const [left = '', right] = address.split('::');
  const words = (text: string | undefined): number[] =>
    text === undefined || text === ''
      ? []
      : text.split(':').map((word) => Number.parseInt(word, 16));
  const [head, tail] = [words(left), words(right)];
  const gap = right === undefined ? 0 : 8 - head.length - tail.length;
  const all = [...head, ...Array<number>(gap).fill(0), ...tail];
  return all.flatMap((word) => [word >> 8, word & 0xff]);
}

/** Sixteen bytes as eight words, none of them left out: the one spelling that the lab compares. */
export function v6Text(bytes: ArrayLike<number>): string {
  const words = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  return words.map((word) => word.toString(16)).join(':');
}

/** Both, on purpose: judged by tag alone. */
export const SHARED_NETS: readonly string[] = ['80.90.40.0/24'];

export function inNet(address: string, net: string): boolean {
  const [base = '', length = '32'] = net.split('/');
  const octets = Number(length) / 8;
  const prefix = `${base.split('.').slice(0, octets).join('.')}.`;
  return `${address}.`.startsWith(prefix);
}

/** What an address is for, whatever the tag says. */
export function poolOf(address: string): 'application' | 'unrelated' | 'shared' | 'other' {
  if (address.startsWith(`${APPLICATION6}:`)) return 'application';
  if (address.startsWith(`${UNRELATED6}:`)) return 'unrelated';
  if (APPLICATION_NETS.some((net) => inNet(address, net))) return 'application';
  if (UNRELATED_NETS.some((net) => inNet(address, net))) return 'unrelated';
  return SHARED_NETS.some((net) => inNet(address, net)) ? 'shared' : 'other';
}
