// syntax/uci: any text is parsed or refused with a line inside it; the parsed sections, written by UCI's
// quoting rules, parse to the same.
import { parseUci, type UciPackage } from '../../../agent/src/syntax/uci.ts';
import { UCI_SEEDS, UCI_WORDS } from '../../fixtures/uci-seeds.ts';
import { bytesOf, kindOf, must, type Target, textOf } from '../target.ts';

/** As `uci export` writes: single quotes, and a quote inside as '\''. */
function render({ sections }: UciPackage): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  return sections
    .map(({ type, name, values }) => {
      const lines = values.map((one) => `\t${one.keyword} ${one.name} ${quote(one.value)}\n`);
      return `config ${quote(type)} ${name ?? ''}\n${lines.join('')}`;
    })
    .join('');
}

function shape({ sections }: UciPackage): string {
  return JSON.stringify(sections, (key, value) => (key === 'line' ? undefined : value));
}

export const uci: Target = {
  name: 'uci',
  weight: 8,
  seeds: UCI_SEEDS.map(bytesOf),
  words: UCI_WORDS,
  run(input) {
    const text = textOf(input);
    const lines = text.split('\n').length;
    const read = parseUci(text, 'file');
    if (!read.ok) {
      must(read.problems.length > 0, 'refused without a reason');
      for (const { where, what } of read.problems) {
        const line = Number(/^file:(\d+)$/.exec(where)?.[1]);
        must(line >= 1 && line <= lines && what !== '', `${where}: no line of the file`);
      }
      return kindOf(read.problems[0]!.what);
    }
    const again = parseUci(render(read.value), 'file');
    must(again.ok, 'what was read is refused when written out');
    must(shape(again.value) === shape(read.value), 'what was read reads differently');
    must(again.value.notes.length === 0, 'written out, a line has no effect');
    return `${Math.min(read.value.sections.length, 9)} sections`;
  },
};
