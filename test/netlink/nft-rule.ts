// nft-rule: encodes the body of the messages that make a base chain and a rule. The expressions of a rule
// are from nft-expression.

import { NF_ACCEPT } from '../../agent/src/netlink/constants.ts';
import { attributeBe32, attributeString, type Writer } from '../../agent/src/netlink/writer.ts';
import {
  NFTA_CHAIN_HOOK,
  NFTA_CHAIN_NAME,
  NFTA_CHAIN_POLICY,
  NFTA_CHAIN_TABLE,
  NFTA_CHAIN_TYPE,
  NFTA_HOOK_HOOKNUM,
  NFTA_HOOK_PRIORITY,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_TABLE,
} from './nft-constants.ts';
import { nest, type PutExpression } from './nft-expression.ts';

/** A base chain at a hook (NF_INET_*). */
export interface BaseChain {
  readonly table: string;
  readonly name: string;
  readonly hook: number;
  readonly priority: number;
}

/** Body of NFT_MSG_NEWCHAIN: type filter, policy accept. */
export function putBaseChain(w: Writer, { table, name, hook, priority }: BaseChain): void {
  attributeString(w, NFTA_CHAIN_TABLE, table);
  attributeString(w, NFTA_CHAIN_NAME, name);
  nest(w, NFTA_CHAIN_HOOK, () => {
    attributeBe32(w, NFTA_HOOK_HOOKNUM, hook);
    attributeBe32(w, NFTA_HOOK_PRIORITY, priority);
  });
  attributeBe32(w, NFTA_CHAIN_POLICY, NF_ACCEPT);
  attributeString(w, NFTA_CHAIN_TYPE, 'filter');
}

/** Body of NFT_MSG_NEWRULE. */
export function putRuleIn(
  w: Writer,
  table: string,
  chain: string,
  expressions: readonly PutExpression[],
): void {
  attributeString(w, NFTA_RULE_TABLE, table);
  attributeString(w, NFTA_RULE_CHAIN, chain);
  nest(w, NFTA_RULE_EXPRESSIONS, () => {
    for (const put of expressions) put(w);
  });
}
