// policy/uci: any text is read or refused with a line inside it; what was read, written out by the
// quoting rules of UCI, reads the same again.
import { parseUci, type UciPackage } from '../../../agent/src/policy/uci.ts';
import { bytesOf, kindOf, must, type Target, textOf } from '../target.ts';
import { UCI_SEEDS, UCI_WORDS } from '../uci-seeds.ts';

/** As `uci export` writes: single quotes, and a quote inside as '\''. */
function render(packages: readonly UciPackage[]): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  return packages
    .map(({ name, sections }) => {
      const body = sections.map((section) => {
        const values = section.values.map(
          (one) => `\t${one.keyword} ${one.name} ${quote(one.value)}\n`,
        );
        return `config ${section.type} ${section.name ?? ''}\n${values.join('')}`;
      });
      return `${name === null ? '' : `package ${name}\n`}${body.join('')}`;
    })
    .join('');
}

function shape(packages: readonly UciPackage[]): string {
  return JSON.stringify(packages, (key, value) => (key === 'line' ? undefined : value));
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
    // A file with a nameless package first cannot be told from one without.
    must(shape(again.value) === shape(read.value), 'what was read reads differently');
    const sections = read.value.reduce((sum, one) => sum + one.sections.length, 0);
    return `${read.value.length} packages, ${Math.min(sections, 9)} sections`;
  },
};
