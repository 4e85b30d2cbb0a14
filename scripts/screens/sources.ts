// screens/sources: the screenshots of the pages in LuCI, and what each was made from. docs/screens/sources.json states it;
// node/screens compares.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { transformSync } from 'esbuild';

export const FOLDER = 'docs/screens';
export const STATED = `${FOLDER}/sources.json`;
export const SCHEMES = ['light', 'dark'] as const;
/** View by the name of its screenshots. */
export const VIEWS = {
  overview: 'overview',
  why: 'connections',
  setup: 'setup',
} as const;
export type Screen = keyof typeof VIEWS;
export const SCREENS = Object.keys(VIEWS) as Screen[];

/** What the screenshots of a page were made from, and their SHA-256. */
export interface Stated {
  readonly source: string;
  readonly light: string;
  readonly dark: string;
}

const RESOURCES = 'openwrt-package/luci-app-whp/htdocs/luci-static/resources';

export function digest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** The files of a view: its own, and those that it requires of the package. */
function modulesOf(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(`${RESOURCES}/${file}`, 'utf8');
  for (const [, name] of text.matchAll(/^'require (whp\.[\w.]+)/gm))
    modulesOf(`${name!.replaceAll('.', '/')}.js`, found);
  return found;
}

/** A digest of the view as it is built, its theme, and what is shown. Comments do not count. */
export function sourceOf(screen: Screen): string {
  const modules = Array.from(modulesOf(`view/whp/${VIEWS[screen]}.js`)).sort();
  const parts = [
    ...modules.map((name) => [`${RESOURCES}/${name}`, 'js'] as const),
    ['test/luci/runtime/theme.css', 'css'] as const,
    ...readdirSync('scripts/screens')
      .sort()
      .map((name) => [`scripts/screens/${name}`, 'ts'] as const),
  ];
  const code = parts.map(
    ([path, loader]) =>
      transformSync(readFileSync(path, 'utf8'), { loader, minify: true, target: 'es2022' }).code,
  );
  return digest(code.join('\n'));
}
