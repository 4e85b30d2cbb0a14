// Loads a text of nft in a network namespace of its own, and lists what is there then.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import type { NftText } from '../fixtures/nft-texts.ts';
import { HOST } from '../lib/bare.ts';
import { bundleForHost } from '../lib/host-bundle.ts';

const FOLDER = `out/netns/load-${process.pid}`;
mkdirSync(FOLDER, { recursive: true });
/** Loads by whp:nft. */
export const OURS = [...HOST, bundleForHost('test/netlink/nft-program.ts'), 'load'].join(' ');
const LISTS = [
  'nft -a list ruleset',
  'nft -j list ruleset',
  'nft --debug=netlink list ruleset 2>&1',
];
const NEXT = '---next---';

export interface Loaded {
  readonly status: number;
  /** What was said, and each listing. */
  readonly texts: readonly string[];
}

/** Loads `before` by nft and `text` by `loader` in a fresh namespace, and lists what is there. */
export function loaded(loader: string, { text, before }: Omit<NftText, 'name'>): Loaded {
  writeFileSync(`${FOLDER}/before`, before);
  writeFileSync(`${FOLDER}/text`, text);
  const lists = LISTS.map((list) => `echo ${NEXT}; ${list}`).join('; ');
  const script = `nft -f ${FOLDER}/before && ${loader} ${FOLDER}/text; status=$?; ${lists}; exit $status`;
  const options = { encoding: 'utf8', maxBuffer: 1 << 28 } as const;
  const run = spawnSync('unshare', ['-n', 'sh', '-c', script], options);
  return { status: run.status ?? -1, texts: `${run.stdout}${run.stderr}`.split(`${NEXT}\n`) };
}

export const ours = (text: Omit<NftText, 'name'>): Loaded => loaded(OURS, text);
export const theirs = (text: Omit<NftText, 'name'>): Loaded => loaded('nft -f', text);
