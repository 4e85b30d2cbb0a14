// ruleset/guard: the guard, a second table of a few rules that a netlink socket of the agent owns (NFT_TABLE_F_OWNER,
// Linux 5.12). Nobody else can delete or change it, `nft flush ruleset` skips it, and the kernel deletes it when the
// socket is closed. While the main table is missing, it drops forwarded packets from home that no rule has judged, and
// packets with an inner address that leave beside a tunnel.
import { hex } from './render-words.ts';

export interface Guard {
  readonly table: string;
  /** Our bits of packet mark and connection mark. */
  readonly mask: number;
  /** Connection marks, under the mask, of direct flows that the main table has judged: accepted. */
  readonly direct: readonly number[];
  /** Devices of the home, and the prefix of the names of our tunnel devices. */
  readonly lan: readonly string[];
  readonly tunnels: string;
  /** The router's addresses inside the tunnels. */
  readonly inner: readonly string[];
  /** Log group and prefix for dropped packets; prefix '': no log. */
  readonly group: number;
  readonly prefix: string;
}

/** Just before the main table's chains in these hooks (ruleset/compile/forward, BEFORE_FILTER). */
const PRIORITY = -6;
/** Bytes logged of a packet, enough for its addresses and ports. */
const SNAPLEN = 64;
/** Limit of the log rule for each device: one packet is enough to start the repair of the main table. */
const TOLD = 'limit rate 5/second burst 5 packets';

/** The table in nft's language. In each chain, the rule that ends most packets is first. */
export function guardText({ table, mask, lan, ...guard }: Guard): string {
  const ours = `"${guard.tunnels}*"`;
  const flow = `ct mark & ${hex(mask)}`;
  const isJudged = `meta mark & ${hex(mask)} != 0 accept`;
  const direct = guard.direct.map((mark) => `${flow} == ${hex(mark)} accept`);
  const log = `${TOLD} log prefix "${guard.prefix}" group ${guard.group} snaplen ${SNAPLEN}`;
  const fromHome = [
    // An established unrelated flow; the main table judged its first packet.
    `${flow} == 0 ct state established,related accept`,
    // The main table has judged this packet; its chains decide.
    isJudged,
    // Packets from the tunnels to the home.
    `iifname ${ours} accept`,
    ...direct,
    // From home and not judged.
    ...(guard.prefix === '' ? [] : lan).map((device) => `iifname "${device}" ${log}`),
    ...lan.map((device) => `iifname "${device}" drop`),
  ];
  // Without the main table, replies of a proxied flow are delivered to the router, and its ICMP error to the peer
  // would leave with the inner address by the WAN.
  const ofRouter = [
    `oifname ${ours} accept`,
    'oifname "lo" accept',
    ...guard.inner.map(
      (address) => `${address.includes(':') ? 'ip6' : 'ip'} saddr ${address} drop`,
    ),
    // The firewall's ICMP error to the peer of a proxied flow has the WAN's address here, and the inner one or a
    // quoted packet of the flow behind source NAT. The main table gives such an error a mark, which routes it into
    // the tunnel.
    ...direct,
    ...lan.map((device) => `oifname "${device}" accept`),
    isJudged,
    `${flow} != 0 drop`,
  ];
  return `table inet ${table} {
  flags owner;
  chain forward {
    type filter hook forward priority ${PRIORITY}; policy accept;
    ${fromHome.join('\n    ')}
  }
  chain output {
    type filter hook output priority ${PRIORITY}; policy accept;
    ${ofRouter.join('\n    ')}
  }
}
`;
}
