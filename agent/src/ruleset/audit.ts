// ruleset/audit: the nftables table of a running `whp audit`: flows from the home that leave beside the
// tunnels, with a packet and byte count each. The kernel fills and bounds the sets; no packet is copied to
// user space.
import type { Policy } from '../policy/policy.ts';
import { FAMILIES } from '../wire/address.ts';
import { AUDIT_TABLE, tunnelDevice } from './names.ts';

/** Flows kept for each family, and devices whose new flows are rate-limited. */
export const AUDIT_FLOWS = 2048;
const DEVICES = 256;
/** New flows of one device: a burst, then one a second. */
const SHARE = 'limit rate 1/second burst 512 packets';

/** After all filter chains and before source NAT, like the meter (compile/exit-meter). */
const PRIORITY = 98;

const DROPPED = `add table inet ${AUDIT_TABLE}\ndelete table inet ${AUDIT_TABLE}\n`;

/** The transaction that creates the table with empty counts; null: that removes it. */
export function auditText(globals: Policy['globals'] | null, proxies: Policy['proxies']): string {
  if (globals === null) return DROPPED;
  const quoted = (names: readonly string[]): string =>
    `{ ${names.map((name) => `"${name}"`).join(', ')} }`;
  const ours = [...globals.lan, ...proxies.map(({ name }) => tunnelDevice(name))];
  const exit = `iifname ${quoted(globals.lan)} oifname != ${quoted(ours)}`;
  return `${DROPPED}table inet ${AUDIT_TABLE} {
  counter unkept { }
${FAMILIES.map(familyText).join('')}  chain exit {
    type filter hook postrouting priority ${PRIORITY}; policy accept;
    ${exit} meta nfproto vmap { ipv4 : goto out4, ipv6 : goto out6 }
  }
}
`;
}

/**
 * Key of a flow: device, protocol, remote address and both ports. A protocol without ports uses the first
 * half of their place (type and code of an ICMP message).
 */
function familyText(family: (typeof FAMILIES)[number]): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  const key = (mask: string): string =>
    `${ip} saddr . meta l4proto . ${ip} daddr . @th,0,32${mask}`;
  const set = `@flows${family}`;
  const rules = [
    ['{ tcp, udp }', key('')],
    ['!= { tcp, udp }', key(' & 0xffff0000')],
  ].flatMap(([protocols, flow]) => [
    `meta l4proto ${protocols} ${flow} ${set} update ${set} { ${flow} counter } accept`,
    `meta l4proto ${protocols} update @share${family} { ${ip} saddr ${SHARE} } update ${set} { ${flow} counter } accept`,
  ]);
  return `  set flows${family} {
    typeof ${key('')}
    size ${AUDIT_FLOWS}
    flags dynamic,timeout
    timeout 1d
  }
  set share${family} {
    type ipv${family}_addr
    size ${DEVICES}
    flags dynamic,timeout
    timeout 1h
  }
  chain out${family} {
    ${rules.join('\n    ')}
    counter name "unkept"
  }
`;
}
