// ruleset/encode/verdict: the verdicts of the model in the numbers of the kernel.
import { NF_ACCEPT, NF_DROP } from '../../netlink/constants.ts';
import { verdict, verdictData } from '../../netlink/nft-expression.ts';
import type { Writer } from '../../netlink/writer.ts';
import type { Verdict } from '../model.ts';
import { word } from '../plain.ts';
import { type Encoder, put } from './encoder.ts';

/** NFT_GOTO, NFT_JUMP and NFT_RETURN are negative (enum nft_verdicts). */
const CODES = { accept: NF_ACCEPT, drop: NF_DROP, goto: -4, jump: -3, return: -5 };

export function putVerdict(to: Encoder, one: Verdict): void {
  const chain = chainOf(one);
  put(to, `${one.verdict} ${chain}`, () => [verdict(CODES[one.verdict], chain)]);
}

/** Of an element of a verdict map. */
export function putVerdictData(w: Writer, one: Verdict): void {
  verdictData(w, CODES[one.verdict], chainOf(one));
}

function chainOf(one: Verdict): string | undefined {
  return 'chain' in one ? word(one.chain) : undefined;
}
