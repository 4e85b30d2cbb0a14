// pictures/status-and-why: `whp status` and `whp why` in a terminal of 48 columns. The lines are the program's
// (pictures/terminal); a wider table continues below with its further columns, a longer line with its next words.
const COLUMNS = 48;
const LEADING = 17;

/** Columns of a table begin where a letter follows two blanks or more in its first line. */
function folded(table) {
  if (table.every((line) => line.length <= COLUMNS)) return table;
  const starts = [0, ...Array.from(table[0].matchAll(/ {2}(?=\S)/g), ({ index }) => index + 2)];
  const fitting = starts.filter((start) => start - 2 <= COLUMNS).at(-1);
  if (fitting === 0) throw new Error(`pictures: a column wider than ${COLUMNS}: ${table[0]}`);
  const rest = table.map((line) => `  ${line.slice(fitting)}`);
  return [...table.map((line) => line.slice(0, fitting).trimEnd()), ...folded(rest)];
}

function wrapped(line) {
  if (line.length <= COLUMNS) return [line];
  const blanks = /^ */.exec(line)[0].length;
  const at = line.lastIndexOf(' ', COLUMNS);
  if (at < blanks) throw new Error(`pictures: a word wider than ${COLUMNS} columns: ${line}`);
  const indent = ' '.repeat(blanks === 0 ? 2 : 4);
  return [line.slice(0, at), ...wrapped(indent + line.slice(at + 1))];
}

/** Lines in blocks between empty lines; a block whose lines all have wide gaps is a table. */
function fitted(text) {
  return text
    .trimEnd()
    .split('\n\n')
    .map((block) => block.split('\n'))
    .map((lines) =>
      lines.every((line) => /\S {2}/.test(line)) ? folded(lines) : lines.flatMap(wrapped),
    )
    .flatMap((lines, at) => (at === 0 ? lines : ['', ...lines]));
}

export default (printed) => {
  const lines = printed.flatMap(({ command, text }, at) => [
    ...(at === 0 ? [] : [['code', '']]),
    ['command', `root@OpenWrt:~# ${command}`],
    ...fitted(text).map((line) => ['code', line]),
  ]);
  return {
    title: printed.map(({ command }) => command).join(', '),
    desc: printed
      .map(({ command, text }) => `${command} prints: ${text.replace(/\s+/g, ' ').trim()}`)
      .join(' '),
    height: lines.length * LEADING + 26,
    parts: lines.flatMap((label, row) =>
      label[1] === '' ? [] : [{ label, at: [16, 26 + row * LEADING] }],
    ),
  };
};
