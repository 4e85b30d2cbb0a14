// netlink/nft-guard: the second line of defence, a table of a few rules that belongs to a socket of
// ours (NFT_TABLE_F_OWNER, Linux 5.12). Nobody else can delete or change it: `nft flush ruleset`
// passes it by, and it is gone when the socket is closed, however the agent ends. It lets a packet
// from home into the forward chain only when our table has judged it, so that nothing leaves
// unjudged while that table is missing, and nothing leaves beside a tunnel with the address inside it.
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
  type Expression,
  from,
  log,
  masked,
  meta,
  NAME_BYTES,
  named,
  number,
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
  /** Our bits of mark and connection mark. */
  readonly mask: number;
  /** Connection marks, under the mask, of direct flows that the table has judged: they pass. */
  readonly direct: readonly number[];
  /** Devices that face the home, and what the names of our tunnels begin with. */
  readonly lan: readonly string[];
  readonly tunnels: string;
  /** Our own addresses inside the tunnels. */
  readonly inner: readonly string[];
  /** Where a packet held back is announced, and with which prefix; '': it is not. */
  readonly group: number;
  readonly prefix: string;
}

/** Just before our own chains there (ruleset/compile/forward, BEFORE_FILTER). */
const PRIORITY = -6;
/** NF_CT_STATE_BIT of established and related (linux/netfilter/nf_conntrack_common.h). */
const UNDER_WAY = 2 | 4;
/** Enough of a packet to say whose it was. */
const SNAPLEN = 64;
/** The agent is told that packets wait, not of each: it has a table to make. */
const TOLD_A_SECOND = 5;

interface Chain {
  readonly name: string;
  readonly hook: number;
  readonly rules: readonly Expression[][];
}

/** The chains, in each the rule first that most packets end at. */
function chainsOf(guard: Guard): Chain[] {
  const { mask, direct, lan, tunnels } = guard;
  const accept = verdict(NF_ACCEPT);
  const flow = [ct(NFT_CT_MARK), masked(mask)];
  const fromHome = [
    // An unrelated flow under way, of which the table judged the first packet.
    [
      ...flow,
      number(NFT_CMP_EQ, 0),
      ct(NFT_CT_STATE),
      masked(UNDER_WAY),
      number(NFT_CMP_NEQ, 0),
      accept,
    ],
    // Judged: what follows is the table's own business.
    [meta(NFT_META_MARK), masked(mask), number(NFT_CMP_NEQ, 0), accept],
    // Answers to the home.
    [...named(NFT_META_IIFNAME, tunnels, tunnels.length), accept],
    ...direct.map((mark) => [...flow, number(NFT_CMP_EQ, mark), accept]),
    // From home, and nobody has judged it.
    ...(guard.prefix === '' ? [] : lan).map((device) => [
      ...named(NFT_META_IIFNAME, device, NAME_BYTES),
      atMost(TOLD_A_SECOND),
      log(guard.group, guard.prefix, SNAPLEN),
    ]),
    ...lan.map((device) => [...named(NFT_META_IIFNAME, device, NAME_BYTES), verdict(NF_DROP)]),
  ];
  // An inner address never leaves beside its tunnel: without our table the answers of a proxied flow
  // come to the router itself, which tells the peer so.
  const ofRouter = [
    [...named(NFT_META_OIFNAME, tunnels, tunnels.length), accept],
    [...named(NFT_META_OIFNAME, 'lo', NAME_BYTES), accept],
    ...guard.inner.map((address) => [...from(address), verdict(NF_DROP)]),
  ];
  return [
    { name: 'forward', hook: NF_INET_FORWARD, rules: fromHome },
    { name: 'output', hook: NF_INET_LOCAL_OUT, rules: ofRouter },
  ];
}

/** Sequence numbers of the transaction; `acknowledged` is the last message that is answered. */
export interface GuardBatch {
  readonly first: number;
  readonly last: number;
  readonly acknowledged: number;
}

/** Writes the whole table as one transaction. Errors: EOPNOTSUPP, EINVAL (a kernel without owners of
 * tables), EEXIST another agent's guard stands. */
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
