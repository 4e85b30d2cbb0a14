// The template of texts (.pot) of LuCI's pages: the texts in _() and N_(), and the titles of the menu.

/** A text in quotes of JavaScript as its value. */
const valueOf = (quoted) =>
  JSON.parse(
    `"${quoted
      .slice(1, -1)
      .replace(/\\'/g, "'")
      .replace(/(?<!\\)"/g, '\\"')}"`,
  );

const QUOTED = String.raw`('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")`;
const ONE = new RegExp(String.raw`(?<![\w$.])_\(\s*${QUOTED},?\s*\)`, 'g');
const MANY = new RegExp(String.raw`(?<![\w$.])N_\(\s*[^,]+,\s*${QUOTED},\s*${QUOTED},?\s*\)`, 'g');

/** `sources`: name and text of each file. */
export function templateOf(sources) {
  const found = new Map();
  const add = (key, place) => found.set(key, [...(found.get(key) ?? []), place]);
  for (const [name, text] of sources) {
    if (name.endsWith('.json')) {
      for (const { title } of Object.values(JSON.parse(text)))
        if (title !== undefined) add(JSON.stringify([title]), name);
      continue;
    }
    const calls = [...text.matchAll(/(?<![\w$.])N?_\(/g)].length;
    const read = [...text.matchAll(ONE), ...text.matchAll(MANY)].sort((a, b) => a.index - b.index);
    if (read.length !== calls)
      throw new Error(
        `${name}: ${calls} calls of _ and N_, of which ${read.length} hold plain texts`,
      );
    for (const { 1: one, 2: many, index } of read) {
      const line = text.slice(0, index).split('\n').length;
      const key = many === undefined ? [valueOf(one)] : [valueOf(one), valueOf(many)];
      add(JSON.stringify(key), `${name}:${line}`);
    }
  }
  const entries = Array.from(found, ([key, places]) => {
    const [one, many] = JSON.parse(key).map((text) => JSON.stringify(text));
    const comment = places.map((place) => `#: ${place}\n`).join('');
    if (many === undefined) return `${comment}msgid ${one}\nmsgstr ""\n`;
    return `${comment}msgid ${one}\nmsgid_plural ${many}\nmsgstr[0] ""\nmsgstr[1] ""\n`;
  });
  const head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8"\n';
  return [head, ...entries].join('\n');
}
