// Writes docs/pictures/*.svg from the descriptions in scripts/pictures. `pictures.mjs --check` writes nothing and
// fails if a file differs. The text of terminals is printed by the agent's own functions
// (scripts/pictures/terminal.ts); the numbers of bars are those of docs/figures.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { AGENT } from './lib/agent.mjs';
import { readWords } from './lib/usage.mjs';
import beforeAfter from './pictures/before-after.mjs';
import { draw } from './pictures/draw.mjs';
import heldAnswer from './pictures/held-answer.mjs';
import leaks from './pictures/leaks.mjs';
import packet from './pictures/packet.mjs';
import states from './pictures/states.mjs';
import statusAndWhy from './pictures/status-and-why.mjs';

const FOLDER = 'docs/pictures';
const words = readWords(import.meta.url, { options: ['--check'] });
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const read = (name) => readFileSync(name, 'utf8');

async function printed() {
  const entryPoints = ['scripts/pictures/terminal.ts'];
  const { outputFiles } = await build({ ...AGENT, entryPoints, write: false });
  const source = Buffer.from(outputFiles[0].contents).toString('base64');
  const { terminal } = await import(`data:text/javascript;base64,${source}`);
  return terminal({
    install: read('docs/install.md'),
    shipped: read('agent/uci/whp'),
    profile: read('agent/profiles/skype.json'),
    version: JSON.parse(read('package.json')).version,
  });
}

const PICTURES = {
  'before-after': beforeAfter,
  'status-and-why': statusAndWhy(await printed()),
  leaks: leaks(JSON.parse(read('docs/figures/sessions.json'))),
  packet,
  'held-answer': heldAnswer,
  states,
};

const check = words.includes('--check');
const wrong = [];
mkdirSync(FOLDER, { recursive: true });
for (const [name, picture] of Object.entries(PICTURES)) {
  const file = `${FOLDER}/${name}.svg`;
  const text = draw(picture);
  if (existsSync(file) && read(file) === text) continue;
  if (check) wrong.push(`${file} is not what its description draws`);
  else writeFileSync(file, text);
}
for (const file of readdirSync(FOLDER)) {
  if (!(file.replace(/\.svg$/, '') in PICTURES)) wrong.push(`${FOLDER}/${file} has no description`);
}
for (const line of wrong) console.error(`pictures: ${line}: run node scripts/pictures.mjs`);
process.exitCode = wrong.length > 0 ? 1 : 0;
