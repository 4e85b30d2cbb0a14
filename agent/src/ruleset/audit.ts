// ruleset/audit: the table of `whp audit`, while one runs: which flows from home leave beside the tunnels, and
// how much of each. The kernel counts, by sets that it fills and bounds itself; nothing of a packet is copied.
// Before: daemon/audit. After: nft, kernel/audit-table.
import type { Policy } from '../policy/policy.ts';
import { AUDIT_TABLE, tunnelDevice } from './names.ts';
import { FAMILIES } from './terms.ts';

/** Flows that are kept of each family, and devices whose new flows are counted. */
export const AUDIT_FLOWS = 2048;
const DEVICES = 256;
/** New flows of one device: at once, and per second after that. */
const SHARE = 'limit rate 1/second burst 512 packets';

/** Behind everybody's filters and before source NAT, as the meter (compile/exit-meter). */
const PRIORITY = 98;

const DROPPED = `add table inet ${AUDIT_TABLE}\ndelete table inet ${AUDIT_TABLE}\n`;

/** The table, and none of an earlier audit's counts; null: no table. */
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

/** A flow is device, protocol, remote, and both ports; for what has none the first half of their place (type
 * and code of an ICMP message). */
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
    counter name unkept
  }
`;
}
