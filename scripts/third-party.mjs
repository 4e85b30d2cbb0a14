// Writes openwrt-package/files/third-party.txt: the copyright notices and licences of the package's third-party
// parts, from the bundle's import graph (out/whp.meta.json), node_modules and the engine's source.
// third-party.mjs [--check]: with --check nothing is written, and a different file is an error.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readWords } from './lib/usage.mjs';

const words = readWords(import.meta.url, { options: ['--check'] });
process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const TARGET = 'openwrt-package/files/third-party.txt';

/** From the heads of its files: Debian's source package, which is what is built, has no LICENSE. */
const ENGINE = {
  name: 'quickjs-ng',
  version: /^QUICKJS_VERSION=(.*)$/m.exec(readFileSync('scripts/lib/quickjs.sh', 'utf8'))[1],
  licence: 'MIT',
  notices: [
    'Copyright (c) 2017-2026 Fabrice Bellard',
    'Copyright (c) 2017-2025 Charlie Gordon',
    'Copyright (c) 2023-2026 Ben Noordhuis',
    'Copyright (c) 2023-2026 Saúl Ibarra Corretgé',
  ],
};

/** The engine's tables of characters; Debian's copy of libunicode-table.h leaves its licence out. */
const UNICODE = {
  name: 'quickjs-ng-unicode-tables',
  version: ENGINE.version,
  licence: 'Unicode-3.0',
  notices: ['Copyright © 1991-2026 Unicode, Inc.'],
  terms: [
    'UNICODE LICENSE V3',
    'COPYRIGHT AND PERMISSION NOTICE',
    'NOTICE TO USER: Carefully read the following legal agreement. BY DOWNLOADING, INSTALLING, COPYING OR OTHERWISE USING DATA FILES, AND/OR SOFTWARE, YOU UNEQUIVOCALLY ACCEPT, AND AGREE TO BE BOUND BY, ALL OF THE TERMS AND CONDITIONS OF THIS AGREEMENT. IF YOU DO NOT AGREE, DO NOT DOWNLOAD, INSTALL, COPY, DISTRIBUTE OR USE THE DATA FILES OR SOFTWARE.',
    'Permission is hereby granted, free of charge, to any person obtaining a copy of data files and any associated documentation (the "Data Files") or software and any associated documentation (the "Software") to deal in the Data Files or Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, and/or sell copies of the Data Files or Software, and to permit persons to whom the Data Files or Software are furnished to do so, provided that either (a) this copyright and permission notice appear with all copies of the Data Files or Software, or (b) this copyright and permission notice appear in associated Documentation.',
    'THE DATA FILES AND SOFTWARE ARE PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT OF THIRD PARTY RIGHTS.',
    'IN NO EVENT SHALL THE COPYRIGHT HOLDER OR HOLDERS INCLUDED IN THIS NOTICE BE LIABLE FOR ANY CLAIM, OR ANY SPECIAL INDIRECT OR CONSEQUENTIAL DAMAGES, OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THE DATA FILES OR SOFTWARE.',
    'Except as contained in this notice, the name of a copyright holder shall not be used in advertising or otherwise to promote the sale, use or other dealings in these Data Files or Software without prior written authorization of the copyright holder.',
  ].join('\n\n'),
};

/** The packages that the bundle contains parts of. */
function bundled() {
  const { inputs } = JSON.parse(readFileSync('out/whp.meta.json', 'utf8'));
  const names = Object.keys(inputs)
    .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
    .filter((name) => name !== undefined);
  return [...new Set(names)].sort();
}

/** Copyright notices and licence terms of a licence text. */
function divide(text) {
  const lines = text.replace(/\r/g, '').trim().split('\n');
  const notices = lines.map((line) => line.trim()).filter((line) => /^Copyright /.test(line));
  const rest = lines.filter(
    (line) => !/^(Copyright |(The )?MIT License( \(MIT\))?$)/.test(line.trim()),
  );
  // One line a paragraph: projects break lines differently.
  const paragraphs = rest
    .join('\n')
    .trim()
    .split(/\n\s*\n/);
  return { notices, terms: paragraphs.map((one) => one.replace(/\s+/g, ' ').trim()).join('\n\n') };
}

const works = bundled().map((name) => {
  const folder = join('node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const { notices, terms } = divide(readFileSync(join(folder, 'LICENSE'), 'utf8'));
  if (notices.length === 0) throw new Error(`${folder}/LICENSE: no copyright notice`);
  return { name, version, licence: license, notices, terms };
});
const mit = works.find(({ licence }) => licence === 'MIT');
works.unshift({ ...ENGINE, terms: mit.terms });
works.push(UNICODE);

const byTerms = new Map();
for (const work of works) byTerms.set(work.terms, [...(byTerms.get(work.terms) ?? []), work]);
const parts = [...byTerms].map(([terms, list]) =>
  [
    ...list.map(({ name, version, licence, notices }) =>
      [`${name} ${version} (${licence})`, ...notices.map((one) => `  ${one}`)].join('\n'),
    ),
    terms,
  ].join('\n\n'),
);
const head =
  'whp holds parts of these works, each under the terms below it. whp itself: Apache-2.0.';
const text = `${[head, ...parts].join(`\n\n${'-'.repeat(72)}\n\n`)}\n`;
if (!words.includes('--check')) writeFileSync(TARGET, text);
else if (readFileSync(TARGET, 'utf8') !== text) {
  console.error(`${TARGET} is not what the bundle holds: run node scripts/third-party.mjs`);
  process.exit(1);
}
