// netlink/nft-guard: the guard, a second table of a few rules that a netlink socket of the agent owns
// (NFT_TABLE_F_OWNER, Linux 5.12). Nobody else can delete or change it, `nft flush ruleset` skips it, and the kernel
// deletes it when the socket is closed. While the main table is missing, it drops forwarded packets from home that
// no rule has judged, and packets with an inner address that leave beside a tunnel.
import {
  NF_ACCEPT,
  NF_DROP,
  NF_INET_FORWARD,
  NF_INET_LOCAL_OUT,
  NFNL_SUBSYS_NFTABLES,
  NFPROTO_INET,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_REQUEST,
} from './constants.ts';
import {
  NFT_CMP_EQ,
  NFT_CMP_NEQ,
  NFT_CT_MARK,
  NFT_CT_STATE,
  NFT_META_IIFNAME,
  NFT_META_MARK,
  NFT_META_OIFNAME,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWTABLE,
  NFT_TABLE_F_OWNER,
  NFTA_TABLE_FLAGS,
  NFTA_TABLE_NAME,
} from './nft-constants.ts';
import {
  atMost,
  ct,
  from,
  log,
  masked,
  meta,
  NAME_BYTES,
  named,
  number,
  type PutExpression,
  verdict,
} from './nft-expression.ts';
import { putBaseChain, putRuleIn } from './nft-rule.ts';
import { putBatchBegin, putBatchEnd } from './nft-set.ts';
import {
  attributeBe32,
  attributeString,
  beginMessage,
  endMessage,
  putNetfilter,
  type Writer,
} from './writer.ts';

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
/** NF_CT_STATE_BIT of established and related (linux/netfilter/nf_conntrack_common.h). */
const UNDER_WAY = 2 | 4;
/** Bytes logged of a packet, enough for its addresses and ports. */
const SNAPLEN = 64;
/** Limit of the log rule for each device: one packet is enough to start the repair of the main table. */
const TOLD_A_SECOND = 5;

interface Chain {
  readonly name: string;
  readonly hook: number;
  readonly rules: readonly PutExpression[][];
}

/** The chains. In each, the rule that ends most packets is first. */
function chainsOf(guard: Guard): Chain[] {
  const { mask, direct, lan, tunnels } = guard;
  const accept = verdict(NF_ACCEPT);
  const flow = [ct(NFT_CT_MARK), masked(mask)];
  const fromHome = [
    // An established unrelated flow; the main table judged its first packet.
    [
      ...flow,
      number(NFT_CMP_EQ, 0),
      ct(NFT_CT_STATE),
      masked(UNDER_WAY),
      number(NFT_CMP_NEQ, 0),
      accept,
    ],
    // The main table has judged this packet; its chains decide.
    [meta(NFT_META_MARK), masked(mask), number(NFT_CMP_NEQ, 0), accept],
    // Packets from the tunnels to the home.
    [...named(NFT_META_IIFNAME, tunnels, tunnels.length), accept],
    ...direct.map((mark) => [...flow, number(NFT_CMP_EQ, mark), accept]),
    // From home and not judged.
    ...(guard.prefix === '' ? [] : lan).map((device) => [
      ...named(NFT_META_IIFNAME, device, NAME_BYTES),
      atMost(TOLD_A_SECOND),
      log(guard.group, guard.prefix, SNAPLEN),
    ]),
    ...lan.map((device) => [...named(NFT_META_IIFNAME, device, NAME_BYTES), verdict(NF_DROP)]),
  ];
  // Without the main table, replies of a proxied flow are delivered to the router, and its ICMP error to the peer
  // would leave with the inner address by the WAN.
  const ofRouter = [
    [...named(NFT_META_OIFNAME, tunnels, tunnels.length), accept],
    [...named(NFT_META_OIFNAME, 'lo', NAME_BYTES), accept],
    ...guard.inner.map((address) => [...from(address), verdict(NF_DROP)]),
    // The firewall's ICMP error to the peer of a proxied flow has the WAN's address here, and the inner one or a
    // quoted packet of the flow behind source NAT. The main table gives such an error a mark, which routes it into
    // the tunnel.
    ...direct.map((mark) => [...flow, number(NFT_CMP_EQ, mark), accept]),
    ...lan.map((device) => [...named(NFT_META_OIFNAME, device, NAME_BYTES), accept]),
    [meta(NFT_META_MARK), masked(mask), number(NFT_CMP_NEQ, 0), accept],
    [...flow, number(NFT_CMP_NEQ, 0), verdict(NF_DROP)],
  ];
  return [
    { name: 'forward', hook: NF_INET_FORWARD, rules: fromHome },
    { name: 'output', hook: NF_INET_LOCAL_OUT, rules: ofRouter },
  ];
}

/** Sequence numbers of the transaction; message `acknowledged` is the one that the kernel acknowledges. */
export interface GuardBatch {
  readonly first: number;
  readonly last: number;
  readonly acknowledged: number;
}

/** Writes the whole table as one transaction. Errors: EOPNOTSUPP or EINVAL: a kernel without table owners; EEXIST:
 * another agent's guard exists. */
export function putGuard(w: Writer, first: number, guard: Guard): GuardBatch {
  const create = NLM_F_REQUEST | NLM_F_CREATE;
  const chains = chainsOf(guard);
  const acknowledged = first + 1 + chains.reduce((sum, { rules }) => sum + 1 + rules.length, 0);
  let seq = first;
  const begin = (message: number, flags: number): void => {
    seq += 1;
    const ack = seq === acknowledged ? NLM_F_ACK : 0;
    beginMessage(w, (NFNL_SUBSYS_NFTABLES << 8) | message, create | flags | ack, seq);
    putNetfilter(w, NFPROTO_INET, 0);
  };
  putBatchBegin(w, first);
  begin(NFT_MSG_NEWTABLE, 0);
  attributeString(w, NFTA_TABLE_NAME, guard.table);
  attributeBe32(w, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
  endMessage(w);
  for (const { name, hook, rules } of chains) {
    begin(NFT_MSG_NEWCHAIN, 0);
    putBaseChain(w, { table: guard.table, name, hook, priority: PRIORITY });
    endMessage(w);
    for (const expressions of rules) {
      begin(NFT_MSG_NEWRULE, NLM_F_APPEND);
      putRuleIn(w, guard.table, name, expressions);
      endMessage(w);
    }
  }
  putBatchEnd(w, acknowledged + 1);
  return { first, last: acknowledged + 1, acknowledged };
}
