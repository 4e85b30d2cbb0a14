// ruleset/encode/chain: the message that makes a chain.
import {
  NF_ACCEPT,
  NF_INET_FORWARD,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
} from '../../netlink/constants.ts';
import {
  NFT_MSG_NEWCHAIN,
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
} from '../../netlink/nft-constants.ts';
import type { NftMessage, Tree } from '../../netlink/nft-tree.ts';
import type { BaseHook, Chain } from '../model.ts';
import { word } from '../plain.ts';
import { CREATE } from './encoder.ts';

const HOOKS = {
  prerouting: NF_INET_PRE_ROUTING,
  input: NF_INET_LOCAL_IN,
  forward: NF_INET_FORWARD,
  output: NF_INET_LOCAL_OUT,
  postrouting: NF_INET_POST_ROUTING,
};

export function chainMessage(table: string, { name, base }: Chain): NftMessage {
  const hook = base === undefined ? [] : baseTree(base);
  return [NFT_MSG_NEWCHAIN, CREATE, [NFTA_CHAIN_TABLE, table, NFTA_CHAIN_NAME, word(name), hook]];
}

function baseTree({ type, hook, priority }: BaseHook): Tree {
  return [
    NFTA_CHAIN_HOOK,
    [NFTA_HOOK_HOOKNUM, HOOKS[hook], NFTA_HOOK_PRIORITY, priority],
    NFTA_CHAIN_POLICY,
    NF_ACCEPT,
    NFTA_CHAIN_TYPE,
    type,
  ];
}
