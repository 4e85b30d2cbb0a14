// ruleset/encode/verdict: the verdicts of the model in the numbers of the kernel.
import { NF_ACCEPT, NF_DROP } from '../../netlink/constants.ts';
import { type Tree, verdict, verdictData } from '../../netlink/nft-tree.ts';
import type { Verdict } from '../model.ts';
import { word } from '../plain.ts';

/** NFT_GOTO, NFT_JUMP and NFT_RETURN are negative (enum nft_verdicts). */
const CODES = { accept: NF_ACCEPT, drop: NF_DROP, goto: -4, jump: -3, return: -5 };

export function verdictTree(one: Verdict): Tree {
  return verdict(CODES[one.verdict], chainOf(one));
}

/** Of an element of a verdict map. */
export function verdictValue(one: Verdict): Tree {
  return verdictData(CODES[one.verdict], chainOf(one));
}

function chainOf(one: Verdict): string | null {
  return 'chain' in one ? word(one.chain) : null;
}
