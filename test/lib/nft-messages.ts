// The messages that nft sends for a text, from its debug output (`nft --debug=mnl`).
import { spawnSync } from 'node:child_process';
import { NFT_MSG_GETGEN } from '../netlink/nft-constants.ts';
import { attributesIn, NESTED, type Sent, SUBSYSTEM } from './nft-trees.ts';

/** The messages that nft sends for the text in `file`, once that in `before` is loaded; the kernel need not be able to load
 * the first. */
export function messagesOfNft(file: string, before: string): Sent[] {
  const script = `nft -f ${before} && nft --debug=mnl -c -f ${file}`;
  const words = ['-n', 'sh', '-c', script];
  const run = spawnSync('unshare', words, { encoding: 'latin1', maxBuffer: 1 << 28 });
  const found: Sent[] = [];
  let bytes: number[] = [];
  let type = 0;
  let isInside = false;
  const end = (): void => {
    // nft asks for the generation again after a refusal.
    if (isInside && type >> 8 === SUBSYSTEM && (type & 255) !== NFT_MSG_GETGEN) {
      const attributes = attributesIn(Uint8Array.from(bytes.slice(4)), 'little');
      found.push({ type: type & 255, attributes });
    }
    bytes = [];
  };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: nft colours its output
  for (const line of `${run.stdout}${run.stderr}`.replace(/\x1b\[[0-9;]*m/g, '').split('\n')) {
    if (line.includes('message length')) end();
    const kind = /^\| (\d{5}) \| .{4} \|\t\| {2}type/.exec(line);
    if (kind !== null) {
      type = Number(kind[1]);
      if (type === BATCH_BEGIN) isInside = true;
    }
    const head = /^\|(\d{5})\|(.).\|(\d{5})\|\t\|len /.exec(line);
    if (head !== null) {
      const word = Number(head[3]) | (head[2] === 'N' ? NESTED : 0);
      const length = Number(head[1]);
      bytes.push(length & 255, length >> 8, word & 255, word >> 8);
    }
    const data = /^\| ((?:[0-9a-f]{2} ){4}) \|/.exec(line);
    if (data !== null)
      bytes.push(
        ...data[1]!
          .trim()
          .split(' ')
          .map((one) => Number.parseInt(one, 16)),
      );
  }
  end();
  if (found.length === 0) throw new Error(`nft sent nothing: ${run.stderr.slice(0, 500)}`);
  return found;
}

/** NFNL_MSG_BATCH_BEGIN: what nft asks before it is no part of the transaction. */
const BATCH_BEGIN = 16;
