// pictures/draw: a description of boxes, arrows and labels as the text of an SVG file. Pure: equal descriptions
// give equal bytes. Every picture is 400 units wide and brings its own background, because GitHub's theme and
// the reader's colour scheme can differ; at 320 pixels the smallest text is 10 pixels high.
//
// Parts: { box: [x, y, width, height], lines, kind, anchor }
//        { arrow: [[x, y], ...], kind }, { line: [[x, y], ...], kind }
//        { label: TEXT, at: [x, baseline], anchor }
// A text is a string, or [STYLE, string]; styles are in STYLES.

export const WIDTH = 400;
const NATURAL = 480;

const LIGHT = {
  paper: '#ffffff',
  box: '#f6f8fa',
  ink: '#1f2328',
  quiet: '#59636e',
  rule: '#818b98',
  hair: '#d1d9e0',
  accent: '#0a5fc2',
  tint: '#e3eefb',
};
const DARK = {
  paper: '#0d1117',
  box: '#161b22',
  ink: '#e6edf3',
  quiet: '#9da7b3',
  rule: '#768390',
  hair: '#30363d',
  accent: '#79b8ff',
  tint: '#132a45',
};

/** Classes of texts: the colour, the size and the weight. */
export const STYLES = {
  plain: { class: 't', color: 'ink', size: 14 },
  strong: { class: 's', color: 'ink', size: 14, weight: 600 },
  small: { class: 'm', color: 'quiet', size: 13 },
  number: { class: 'n', color: 'ink', size: 13 },
  accent: { class: 'a', color: 'accent', size: 13, weight: 600 },
  result: { class: 'r', color: 'accent', size: 15, weight: 600 },
  head: { class: 'h', color: 'ink', size: 15, weight: 600 },
  code: { class: 'c', color: 'ink', size: 12.6, mono: true },
  command: { class: 'p', color: 'accent', size: 12.6, weight: 600, mono: true },
};

const SANS = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif";
const MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace";
const LEADING = 18;

const escaped = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const styled = (text) => (typeof text === 'string' ? ['plain', text] : text);

function colours(c) {
  const texts = Object.values(STYLES).map((one) => `.${one.class}{fill:${c[one.color]}}`);
  return [
    `.W{fill:${c.paper};stroke:${c.hair}}`,
    `.B{fill:${c.box};stroke:${c.rule}}`,
    `.A{fill:${c.tint};stroke:${c.accent}}`,
    `.R{fill:${c.hair}}`,
    `.F{fill:${c.accent}}`,
    `.I{fill:${c.ink}}`,
    `.G{fill:${c.rule}}`,
    `.L{stroke:${c.rule}}`,
    `.T{stroke:${c.accent}}`,
    `.H{stroke:${c.hair}}`,
    ...texts,
  ].join('');
}

function style() {
  const fonts = Object.values(STYLES).map(({ class: name, size, weight, mono }) => {
    const bold = weight === undefined ? '' : `;font-weight:${weight}`;
    const family = mono ? `;font-family:${MONO};white-space:pre` : '';
    return `.${name}{font-size:${size}px${bold}${family}}`;
  });
  return [
    `text{font-family:${SANS}}`,
    ...fonts,
    '.L,.T,.H{fill:none;stroke-linejoin:round}.L{stroke-width:1.5}.T{stroke-width:4}',
    colours(LIGHT),
    `@media(prefers-color-scheme:dark){${colours(DARK)}}`,
  ].join('');
}

function text(x, y, line, anchor = 'start') {
  const [name, words] = styled(line);
  const found = STYLES[name];
  if (found === undefined) throw new Error(`pictures: no style "${name}"`);
  const where = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
  const space = found.mono ? ' xml:space="preserve"' : '';
  return `<text class="${found.class}" x="${x}" y="${y}"${where}${space}>${escaped(words)}</text>`;
}

const BOXES = { plain: 'B', accent: 'A', track: 'R', bar: 'I', stop: 'G' };

function box({ box: [x, y, width, height], lines = [], kind = 'plain', anchor = 'middle' }) {
  const radius = ['plain', 'accent'].includes(kind) ? 6 : Math.min(3, width / 2);
  const rect = `<rect class="${BOXES[kind]}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}"/>`;
  const first = y + height / 2 - ((lines.length - 1) * LEADING) / 2 + 5;
  const at = anchor === 'middle' ? x + width / 2 : x + 12;
  return [rect, ...lines.map((line, row) => text(at, first + row * LEADING, line, anchor))].join(
    '\n',
  );
}

const LINES = { plain: 'L', tunnel: 'T', hair: 'H' };
const round = (value) => Math.round(value * 10) / 10;

function path(points, kind) {
  const d = points.map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`).join('');
  return `<path class="${LINES[kind]}" d="${d}"/>`;
}

/** The last point is the tip of the head; the line ends inside the head. */
function arrow({ arrow: points, kind = 'plain' }) {
  const [from, to] = points.slice(-2);
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const [ux, uy] = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
  const [long, half] = kind === 'tunnel' ? [12, 7] : [9, 4.5];
  const at = (along, across) =>
    `${round(to[0] - ux * along - uy * across)} ${round(to[1] - uy * along + ux * across)}`;
  const head = `M${at(0, 0)}L${at(long, half)}L${at(long, -half)}Z`;
  const end = [to[0] - ux * (long - 1), to[1] - uy * (long - 1)];
  const fill = kind === 'tunnel' ? 'F' : 'G';
  return `${path([...points.slice(0, -1), end], kind)}\n<path class="${fill}" d="${head}"/>`;
}

function drawn(part) {
  if ('box' in part) return box(part);
  if ('arrow' in part) return arrow(part);
  if ('line' in part) return path(part.line, part.kind ?? 'plain');
  if ('label' in part) return text(...part.at, part.label, part.anchor);
  throw new Error(`pictures: a part without box, arrow, line or label: ${JSON.stringify(part)}`);
}

/** The text of an SVG file. */
export function draw({ title, desc, height, parts }) {
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${NATURAL}" height="${Math.round((height * NATURAL) / WIDTH)}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img" aria-labelledby="title desc">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="desc">${escaped(desc)}</desc>`,
    `<style>${style()}</style>`,
    `<rect class="W" x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>`,
    ...parts.map(drawn),
    '</svg>\n',
  ].join('\n');
}
