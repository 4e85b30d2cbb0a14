// replay/direction: the direction of a captured packet, by the home's prefixes alone, since a capture names no
// LAN interface. Prefixes: `--lan`, else the private ranges.
import { fail, ok, type Problem, type Result } from '../syntax/result.ts';
import { type Cidr, cidrHas, parseAddress, parseCidr } from '../wire/address.ts';
import type { Packet } from '../wire/packet.ts';

/** RFC 1918 and RFC 4193. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

/** `out`: to the Internet; `in`: from it; `local`: between home devices or the router, or multicast; `foreign`:
 * no end is in the home's prefixes. */
export type Direction = 'out' | 'in' | 'local' | 'foreign';

/** The prefixes given by `--lan`; for a family without one, the private ranges. */
export function homePrefixes(given: readonly string[]): Result<readonly Cidr[]> {
  const problems: Problem[] = [];
  const prefixes: Cidr[] = [];
  for (const text of given) {
    const cidr = parseCidr(text.trim());
    if (cidr !== null) prefixes.push(cidr);
    else problems.push(...reject(text));
  }
  if (problems.length > 0) return { ok: false, problems };
  const kept = PRIVATE.map((text) => parseCidr(text)!).filter(
    ({ family }) => !prefixes.some((one) => one.family === family),
  );
  return ok([...prefixes, ...kept]);
}

function reject(text: string): readonly Problem[] {
  const rejected = fail(
    `--lan ${text}`,
    'is no prefix; as in 192.168.1.0/24,2001:db8:1::/64 (list every prefix of the home)',
  );
  return rejected.ok ? [] : rejected.problems;
}

function isHome(home: readonly Cidr[], packet: Packet, at: number): boolean {
  return home.some(({ family, ...cidr }) => {
    return family === packet.family && cidrHas({ family, ...cidr }, packet.bytes, at);
  });
}

/** isHome for text; false: not an address. */
export function isHomeText(home: readonly Cidr[], address: string): boolean {
  const bytes = parseAddress(address);
  if (bytes === null) return false;
  return home.some((cidr) => cidr.bytes.length === bytes.length && cidrHas(cidr, bytes, 0));
}

export function wayOf(home: readonly Cidr[], packet: Packet): Direction {
  if (isLinkWide(packet)) return 'local';
  const from = isHome(home, packet, packet.source);
  const to = isHome(home, packet, packet.destination);
  if (from && to) return 'local';
  return from ? 'out' : to ? 'in' : 'foreign';
}

/** Broadcast, multicast, link-local or an unspecified source (DHCP): never routed to the Internet. */
function isLinkWide({ bytes, family, source, destination }: Packet): boolean {
  if (family === 4) return bytes[destination]! >= 224 || bytes[source] === 0;
  const isLocal = (at: number) => bytes[at] === 0xfe && (bytes[at + 1]! & 0xc0) === 0x80;
  return bytes[destination] === 0xff || isLocal(source) || isLocal(destination);
}
