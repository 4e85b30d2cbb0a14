// docs/pictures against scripts/pictures, the documents and the reader's eye: the files are what the script
// writes; their words and addresses are in the documents; texts fit their boxes, and have contrast in both schemes.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const FOLDER = 'docs/pictures';
const NAMES = ['before-after', 'held-answer', 'leaks', 'packet', 'states', 'status-and-why'];
const MOST_BYTES = 12 * 1024;
/** WCAG 2.1, success criterion 1.4.3. */
const LEAST_CONTRAST = 4.5;

const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'cloud-proxy/README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]
  .map((name) => readFileSync(name, 'utf8'))
  .join('\n');

const ADDRESS = /\b\d+\.\d+\.\d+\.\d+\b/g;
const wordsOf = (text: string): string[] =>
  text.toLowerCase().match(/[a-z][a-z0-9]*(?:\.[a-z0-9]+)*/g) ?? [];
/** Also what the program prints: the documents do not repeat every word of it. */
const printed = ['text', 'text-status', 'verdict'].map((name) =>
  readFileSync(`agent/src/cli/${name}.ts`, 'utf8'),
);
const known = new Set(wordsOf([documents, ...printed].join('\n')));

interface Area {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

interface Box extends Area {
  readonly kind: string;
}

interface Text extends Area {
  readonly kind: string;
  readonly words: string;
  /** A point inside the text. */
  readonly x: number;
  readonly y: number;
}

interface Picture {
  readonly svg: string;
  readonly title: string;
  readonly desc: string;
  readonly boxes: readonly Box[];
  readonly texts: readonly Text[];
  readonly lines: readonly Area[];
}

const plain = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

function attributes(tag: string): (name: string) => string {
  const found = new Map(
    Array.from(tag.matchAll(/([\w:-]+)="([^"]*)"/g), ([, name, value]) => [name!, value!]),
  );
  return (name) => found.get(name) ?? '';
}

/** Widths in em of DejaVu Sans, the widest of the fonts that the pictures meet. */
const WIDTHS: readonly (readonly [RegExp, number])[] = [
  [/[ijl|.,:;' ]/, 0.34],
  [/[frtI()[\]/-]/, 0.42],
  [/[mwMW@%]/, 0.98],
  [/[A-Z]/, 0.72],
  [/./, 0.63],
];
const MONO_WIDTH = 0.603;
const BOLD = 1.1;

function widthOf(words: string, { size, bold, mono }: Style): number {
  if (mono) return words.length * MONO_WIDTH * size;
  const em = Array.from(words, (one) => WIDTHS.find(([which]) => which.test(one))![1]);
  return em.reduce((sum, one) => sum + one, 0) * size * (bold ? BOLD : 1);
}

interface Style {
  readonly size: number;
  readonly bold: boolean;
  readonly mono: boolean;
}

function styleOf(svg: string, kind: string): Style {
  const rule = new RegExp(`\\.${kind}\\{(font-size[^}]*)\\}`).exec(svg)?.[1] ?? '';
  const size = Number(/font-size:([\d.]+)px/.exec(rule)?.[1]);
  return { size, bold: rule.includes('font-weight'), mono: rule.includes('monospace') };
}

function textOf(svg: string, tag: string, inner: string): Text {
  const get = attributes(tag);
  const kind = get('class');
  const words = plain(inner);
  const style = styleOf(svg, kind);
  const width = widthOf(words, style);
  const [x, y] = [Number(get('x')), Number(get('y'))];
  const share = { middle: 0.5, end: 1 }[get('text-anchor')] ?? 0;
  const left = x - width * share;
  const top = y - style.size * 0.8;
  const bottom = y + style.size * 0.22;
  return { kind, words, left, right: left + width, top, bottom, x: left + width / 2, y: y - 4 };
}

/** The segments of a line; heads of arrows are closed paths and are left out. */
function segments(d: string): Area[] {
  if (d.endsWith('Z')) return [];
  const points = d
    .slice(1)
    .split('L')
    .map((one) => one.split(' ').map(Number));
  return points.slice(1).map(([x = 0, y = 0], at) => {
    const [fromX = 0, fromY = 0] = points[at]!;
    return {
      left: Math.min(x, fromX),
      right: Math.max(x, fromX),
      top: Math.min(y, fromY),
      bottom: Math.max(y, fromY),
    };
  });
}

function read(name: string): Picture {
  const svg = readFileSync(`${FOLDER}/${name}.svg`, 'utf8');
  const boxes = Array.from(svg.matchAll(/<rect [^>]*>/g), ([tag]) => {
    const get = attributes(tag);
    const [left, top] = [Number(get('x')), Number(get('y'))];
    const [right, bottom] = [left + Number(get('width')), top + Number(get('height'))];
    return { kind: get('class'), left, top, right, bottom };
  });
  return {
    svg,
    title: plain(/<title id="title">([^<]*)</.exec(svg)?.[1] ?? ''),
    desc: plain(/<desc id="desc">([^<]*)</.exec(svg)?.[1] ?? ''),
    boxes,
    texts: Array.from(svg.matchAll(/(<text [^>]*>)([^<]*)</g), ([, tag, inner]) =>
      textOf(svg, tag!, inner!),
    ),
    lines: Array.from(svg.matchAll(/<path [^>]*d="([^"]*)"/g), ([, d]) => segments(d!)).flat(),
  };
}

const overlap = (one: Area, other: Area): boolean =>
  one.left < other.right &&
  other.left < one.right &&
  one.top < other.bottom &&
  other.top < one.bottom;

/** The last drawn box with the middle of the text; the first box is the whole picture. */
function boxOf({ x, y }: Text, boxes: readonly Box[]): Box {
  return boxes.findLast(
    ({ left, right, top, bottom }) => left < x && x < right && top < y && y < bottom,
  )!;
}

function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high! + 0.05) / (low! + 0.05);
}

/** Fill colours by class, of the light and of the dark scheme. */
function schemes(svg: string): ReadonlyMap<string, string>[] {
  const style = /<style>(.*)<\/style>/s.exec(svg)?.[1] ?? '';
  return style
    .split('@media(prefers-color-scheme:dark)')
    .map(
      (part) =>
        new Map(
          Array.from(part.matchAll(/\.(\w)\{fill:(#\w{6})/g), ([, name, fill]) => [name!, fill!]),
        ),
    );
}

test('the files are what the script writes', () => {
  const run = spawnSync('node', ['scripts/pictures.mjs', '--check'], { encoding: 'utf8' });
  assert.is(`${run.status} ${run.stderr}`, '0 ');
  assert.equal(
    readdirSync(FOLDER).sort(),
    NAMES.map((name) => `${name}.svg`),
  );
});

test('every picture is on a page', () => {
  assert.equal(
    NAMES.filter((name) => !documents.includes(`pictures/${name}.svg)`)),
    [],
  );
});

for (const name of NAMES) {
  const { svg, title, desc, boxes, texts, lines } = read(name);

  test(`${name}: is small, has a title and a description, and loads nothing`, () => {
    assert.ok(svg.length <= MOST_BYTES, `${svg.length} bytes`);
    assert.ok(title.length > 10 && desc.length > 40);
    assert.match(svg, /role="img" aria-labelledby="title desc"/);
    assert.not.match(svg, /url\(|href|<script|<image|<foreignObject/);
  });

  test(`${name}: addresses and words are in the documents`, () => {
    const all = [title, desc, ...texts.map(({ words }) => words)].join('\n');
    for (const address of all.match(ADDRESS) ?? []) {
      assert.match(address, /^(198\.51\.100|203\.0\.113|192\.0\.2|192\.168\.1)\./);
      assert.ok(documents.includes(address), `${address} is in no document`);
    }
    assert.equal(
      [...new Set(wordsOf(all))].filter((word) => !known.has(word)),
      [],
    );
  });

  test(`${name}: texts fit, and nothing lies on them`, () => {
    assert.ok(texts.length > 5, 'the texts are found');
    for (const [at, text] of texts.entries()) {
      const { left, right } = boxOf(text, boxes);
      const sizes = `${text.left.toFixed(1)} to ${text.right.toFixed(1)} in ${left} to ${right}`;
      assert.ok(text.left >= left + 3 && text.right <= right - 3, `"${text.words}": ${sizes}`);
      for (const other of texts.slice(at + 1))
        assert.not.ok(overlap(text, other), `"${text.words}" and "${other.words}" overlap`);
      // A line inside a box is hidden by the box; only a text on the picture itself can lie on a line.
      if (boxOf(text, boxes) !== boxes[0]) continue;
      const line = lines.find((one) => overlap(text, one));
      assert.is(line, undefined, `a line runs through "${text.words}"`);
    }
  });

  test(`${name}: texts have contrast, in the light and in the dark scheme`, () => {
    const both = schemes(svg);
    assert.is(both.length, 2);
    for (const fills of both) {
      for (const text of texts) {
        const pair = [fills.get(text.kind)!, fills.get(boxOf(text, boxes).kind)!] as const;
        const ratio = contrast(...pair);
        assert.ok(ratio >= LEAST_CONTRAST, `"${text.words}": ${pair.join(' on ')} is ${ratio}`);
      }
    }
  });
}

test.run();
