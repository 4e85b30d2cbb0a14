// ruleset/encode/chain: the message that makes a chain.
import {
  NF_INET_FORWARD,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
} from '../../netlink/constants.ts';
import {
  NFT_MSG_NEWCHAIN,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_TABLE,
} from '../../netlink/nft-constants.ts';
import { putBaseChain } from '../../netlink/nft-rule.ts';
import { attributeString, endMessage } from '../../netlink/writer.ts';
import type { Chain } from '../model.ts';
import { word } from '../plain.ts';
import { beginChange, type Encoder } from './encoder.ts';

const HOOKS = {
  prerouting: NF_INET_PRE_ROUTING,
  input: NF_INET_LOCAL_IN,
  forward: NF_INET_FORWARD,
  output: NF_INET_LOCAL_OUT,
  postrouting: NF_INET_POST_ROUTING,
};

export function putChain(to: Encoder, { name, base }: Chain): void {
  const { w, table } = to;
  beginChange(to, NFT_MSG_NEWCHAIN);
  if (base === undefined) {
    attributeString(w, NFTA_CHAIN_TABLE, table);
    attributeString(w, NFTA_CHAIN_NAME, word(name));
  } else {
    const { type, hook, priority } = base;
    putBaseChain(w, { table, name: word(name), type, hook: HOOKS[hook], priority });
  }
  endMessage(w);
}
