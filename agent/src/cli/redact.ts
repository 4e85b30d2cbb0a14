// cli/redact: replaces what identifies a person in a text: public addresses, MACs, keys, device names. The same
// secret gets the same placeholder throughout a report. Pure; cli/diagnose passes every part through it.
import { parseUci } from '../syntax/uci.ts';
import { canonicalAddress, isRoutableText } from '../wire/address.ts';

export type Redactor = (text: string) => string;

const MAC = /(?<![0-9a-f:])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![0-9a-f:])/gi;
const IPV4 = /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])/g;
const IPV6 = /(?<![0-9a-z:.])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![0-9a-z:.])/gi;

/** `names`: words that identify a person or device, replaced as whole words. */
export function createRedactor(names: readonly string[]): Redactor {
  const known = new Map<string, string>();
  const counts = new Map<string, number>();
  const standIn = (kind: string, secret: string): string => {
    const key = `${kind} ${secret.toLowerCase()}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    const text = `<${kind} ${count}>`;
    known.set(key, text);
    return text;
  };
  const address = (text: string): string => {
    const canonical = canonicalAddress(text);
    if (canonical === null) return text;
    // The interface identifier of a link-local address may contain the MAC (RFC 4291, appendix A).
    if (/^fe[89ab]/.test(canonical)) return standIn('link-local', canonical);
    return isRoutableText(canonical) ? standIn('address', canonical) : text;
  };
  const words = [...new Set(names.filter((name) => name.length > 1))]
    .sort((a, b) => b.length - a.length)
    .map((name) => name.replace(/[^A-Za-z0-9]/g, '\\$&'));
  const named =
    words.length === 0 ? null : new RegExp(`(?<![\\w-])(?:${words.join('|')})(?![\\w-])`, 'gi');
  return (text) => {
    const bare = text
      .replace(/^(\s*(?:option|list|o|l)\s+(['"]?)(?:key|url)\2\s+).*$/gm, '$1<hidden>')
      .replace(/("key":)\s*("[^"]*"|\d+)/g, '$1"<hidden>"')
      .replace(MAC, (mac) => standIn('mac', mac.replace(/-/g, ':')))
      .replace(IPV6, address)
      .replace(IPV4, address);
    return named === null ? bare : bare.replace(named, (name) => standIn('name', name));
  };
}

/** Names in the configuration of devices, groups and rules, and `devices`, the names from DHCP. Invalid UCI gives
 * none. */
export function secretNames(configuration: string, devices: readonly string[]): string[] {
  const read = parseUci(configuration, 'whp');
  const sections = read.ok ? read.value.sections : [];
  const own = sections
    .filter(({ type }) => ['device', 'group', 'rule'].includes(type))
    .flatMap(({ name, values }) => [
      ...(name === null ? [] : [name]),
      ...values.filter((one) => one.name === 'name').map(({ value }) => value),
    ]);
  return [...own, ...devices].filter((name) => name !== '');
}
