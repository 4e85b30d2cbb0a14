// The table of promises in SECURITY.md, between "<!-- promises -->" and "<!-- end -->".
import { MUTATIONS } from './list.ts';
import { SESSIONS } from './sessions.ts';

export { MUTATIONS };

const tick = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(', ');
const short = (path: string): string => path.replace(/^test\//, '').replace(/\.test\.ts$/, '');

function rows(): string[] {
  return [
    ...MUTATIONS.map(
      ({ promise, tests, name }) => `| ${promise} | ${tick(tests.map(short))} | \`${name}\` |`,
    ),
    ...SESSIONS.map(({ promise, faults, adversary = [] }) => {
      const shown = [
        ...(faults.length > 0 ? [`faults ${tick(faults)}`] : []),
        ...(adversary.length > 0 ? [`adversary ${tick(adversary)}`] : []),
      ];
      return `| ${promise} | ${shown.join('; ')} | |`;
    }),
  ];
}

/** `page` with the table as the lists have it. Throws when the page has no place for it. */
export function withTable(page: string): string {
  const block = /(<!-- promises -->\n)[\s\S]*?(<!-- end -->)/;
  if (!block.test(page)) throw new Error('SECURITY.md has no block "<!-- promises -->"');
  const head = ['| promise | test | broken by |', '| --- | --- | --- |'];
  const table = [...head, ...rows()].join('\n');
  return page.replace(block, (_all, open: string, close: string) => `${open}${table}\n${close}`);
}
