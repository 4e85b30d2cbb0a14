// The *.md files of the tree, and the parts of them that tests compare with the code.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folders below the project's root, without what is generated. */
export const TREE = ['agent', 'cloud-proxy', 'docs', 'openwrt-package', 'scripts', 'test'];
export const files = ['.', ...TREE].flatMap((folder) =>
  readdirSync(folder, { recursive: folder !== '.', encoding: 'utf8' }).map((name) =>
    join(folder, name),
  ),
);
export const pages: ReadonlyMap<string, string> = new Map(
  files
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => [name, readFileSync(name, 'utf8')]),
);

export const FENCE = /^```.*?^```/gms;
export const SPAN = /`([^`\n]+)`/g;

/** The lines of a page's code blocks; a line that ends with a backslash is joined with the next one. */
export function blockLines(text: string): string[] {
  return Array.from(text.matchAll(FENCE), ([block]) =>
    block.replace(/\\\n/g, ' ').split('\n').slice(1, -1),
  ).flat();
}

/** Code of a page: spans, and lines of blocks. */
export function codeOf(text: string): string[] {
  const spans = Array.from(text.replace(FENCE, '').matchAll(SPAN), ([, span]) => span!);
  return [...blockLines(text), ...spans];
}

/** The sentences of a page's running text: no tables, blocks, headings and comments. */
export function sentences(text: string): string[] {
  return text
    .replace(FENCE, '')
    .replace(/^(#|\||<!--).*$/gm, '')
    .replace(/^ *(- |\d\. |> )/gm, '\n')
    .split(/\n\s*\n/)
    .flatMap((part) => part.replace(/\s+/g, ' ').split(/(?<=[.?!][)*]*) (?=[*([`A-Z\d])/))
    .map((one) => one.trim())
    .filter((one) => one !== '');
}

/** A picture or link counts as its words. */
export const wordsOf = (sentence: string): number =>
  sentence.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1').split(' ').length;
