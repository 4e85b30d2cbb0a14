// What usage.sh is for scripts of Node: what a script says of itself, and how it refuses what it does not know,
// before it does anything.
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = basename(process.argv[1]);

/** Prints the text as a message and ends with exit status 2. */
export function refuse(text) {
  const name = program.replace(/\.mjs$/, '');
  console.error(`${name}: ${text}; node scripts/${program} --help lists what it takes`);
  process.exit(2);
}

/**
 * The words of the command line. --help, wherever it stands, prints the opening comment of the script at `url` and
 * ends. Refused is an option before all other words that `options` lacks, and any other word unless `more` says that
 * the script takes more.
 */
export function readWords(url, { options = [], more = false } = {}) {
  const words = process.argv.slice(2);
  if (words.some((word) => word === '--help' || word === '-h')) {
    const [comment] = /^(\/\/.*\n)+/.exec(readFileSync(fileURLToPath(url), 'utf8'));
    process.stdout.write(comment.replace(/^\/\/ ?/gm, ''));
    process.exit(0);
  }
  const checked = more ? words.slice(0, 1).filter((word) => word.startsWith('-')) : words;
  const unknown = checked.find((word) => !options.includes(word));
  if (unknown !== undefined) refuse(`unknown word ${unknown}`);
  return words;
}

/** Refuses a file or folder that is not there. */
export function needPath(path) {
  if (!existsSync(path)) refuse(`${path}: no such file or folder`);
}
