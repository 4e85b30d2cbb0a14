// Mutated texts of nft: what the host program reads and the kernel takes (whp:nft) is what nft takes too, and what is loaded
// then is the same. MUTATIONS: how many (150), SEED: which.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { texts } from '../fixtures/nft-texts.ts';
import { type Random, randomOf } from '../fuzz/random.ts';
import { HOST } from '../lib/bare.ts';
import { bundleForHost } from '../lib/host-bundle.ts';

const COUNT = Number(process.env.MUTATIONS ?? 150);
const FOLDER = `out/netns/mutated-${process.pid}`;
mkdirSync(FOLDER, { recursive: true });
const OURS = [...HOST, bundleForHost('test/netlink/nft-program.ts'), 'load'].join(' ');

/** A line with its names and numbers left out. */
const shapeOf = (line: string): string =>
  line
    .replace(/"[^"]*"/g, '""')
    .replace(/@[a-z]\w+|(goto|jump) \w+/g, 'x')
    .replace(/\b[\da-f.:]+\b/g, '0');

/** A small table with a rule of every shape that this kernel takes. */
function sample(): string {
  const seen = new Set<string>();
  const isFresh = (line: string): boolean => {
    const shape = shapeOf(line);
    return !seen.has(shape) && !line.includes(' queue ') && seen.add(shape) === seen;
  };
  return texts()[0]!
    .text.split('\n')
    .filter((line) => !line.includes(' comment "') || isFresh(line))
    .join('\n');
}

const SAMPLE = sample();

function mutated(random: Random): string {
  const lines = SAMPLE.split('\n');
  const at = 3 + random.below(lines.length - 5);
  const words = lines[at]!.trim().split(' ');
  const i = random.below(words.length);
  const others = lines[3 + random.below(lines.length - 5)]!.trim().split(' ');
  const other = others[random.below(others.length)]!;
  const word = words[i]!;
  const letter = random.below(word.length + 1);
  switch (random.below(7)) {
    case 0:
      words.splice(i, 1);
      break;
    case 1:
      words.splice(i, 0, word);
      break;
    case 2:
      words.splice(i, 0, other);
      break;
    case 3:
      words[i] = other;
      break;
    case 4:
      words.splice(i, 2, words[i + 1] ?? other, word);
      break;
    case 5:
      words[i] = word.slice(0, letter) + word.slice(letter + 1);
      break;
    default:
      words[i] =
        word.slice(0, letter) + random.pick([...'09a-.:/,;{}"=!&|@_ ']) + word.slice(letter);
  }
  lines[at] = words.join(' ');
  return lines.join('\n');
}

test('what the host program takes, nft takes, and lists alike', () => {
  const random = randomOf(Number(process.env.SEED ?? 7));
  const files = Array.from({ length: COUNT }, (_, i) => {
    writeFileSync(`${FOLDER}/${i}`, mutated(random));
    return i;
  });
  const list = 'nft -s list ruleset';
  const script = `cd ${FOLDER}
for i in $(seq 0 ${COUNT - 1}); do
  ${OURS.replace(/out\/netns/, '../../../out/netns')} $i >$i.said && ${list} >$i.ours || continue
  nft flush ruleset
  nft -f $i 2>$i.refused && ${list} >$i.theirs
  nft flush ruleset
done`;
  const run = spawnSync('unshare', ['-n', 'sh', '-c', script], { encoding: 'utf8' });
  assert.is(run.stderr, '');
  let taken = 0;
  const read = (name: string): string => {
    try {
      return readFileSync(`${FOLDER}/${name}`, 'utf8');
    } catch {
      return '';
    }
  };
  const wrong: string[] = [];
  for (const i of files) {
    const ours = read(`${i}.ours`);
    if (ours === '') {
      if (!/^line \d+: .*: (not understood|.* \(errno \d+\))\n$/.test(read(`${i}.said`)))
        wrong.push(`${i}: said ${read(`${i}.said`)}`);
      continue;
    }
    taken += 1;
    // A name may be a word of nft's language here.
    const refused = read(`${i}.refused`);
    if (/unexpected \w+, expecting (string|\S+ or string)/.test(refused)) continue;
    if (ours !== read(`${i}.theirs`)) wrong.push(`${i}: ${refused}`);
  }
  assert.equal(wrong, []);
  assert.ok(taken > COUNT / 20, `${taken} are taken`);
});

test.run();
