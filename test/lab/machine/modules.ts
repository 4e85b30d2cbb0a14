// Kernel modules for an image: which files a list of modules needs, in loading order, and the
// two index files modprobe reads. Replaces depmod: only the chosen modules are indexed, and the
// .modinfo text is the same for every architecture.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

interface Module {
  readonly name: string;
  /** Relative to /lib/modules/VERSION. */
  readonly path: string;
  readonly depends: readonly string[];
  readonly aliases: readonly string[];
}

const canonical = (name: string): string => name.replaceAll('-', '_');

/** All modules below `tree` (/lib/modules/VERSION of an unpacked kernel package), name -> path. */
function modulePaths(tree: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const path of readdirSync(tree, { recursive: true, encoding: 'utf8' })) {
    if (path.endsWith('.ko')) paths.set(canonical(basename(path, '.ko')), path);
  }
  return paths;
}

/** Reads `depends=`, `softdep=pre:` and `alias=` out of a module's .modinfo strings. */
function readModule(tree: string, name: string, path: string): Module {
  const text = readFileSync(join(tree, path), 'latin1');
  const values = (key: string): string[] =>
    [...text.matchAll(new RegExp(`\\0${key}=([^\\0]*)(?=\\0)`, 'g'))].map(
      (match) => match[1] ?? '',
    );
  return {
    name,
    path,
    depends: values('depends')
      .flatMap((value) => value.split(','))
      .filter((value) => value !== '')
      .map(canonical),
    aliases: values('alias'),
  };
}

/**
 * The modules `names` and what they depend on, dependencies first. A name that ends in "/" stands
 * for all modules in that directory of kernel/. Names built into the kernel (modules.builtin) are
 * left out; an unknown name is an error.
 */
export function moduleClosure(tree: string, names: readonly string[]): Module[] {
  const paths = modulePaths(tree);
  const builtin = new Set(
    readFileSync(join(tree, 'modules.builtin'), 'utf8')
      .split('\n')
      .map((line) => canonical(basename(line, '.ko'))),
  );
  const found = new Map<string, Module>();
  const visit = (wanted: string): void => {
    const name = canonical(wanted);
    if (found.has(name) || builtin.has(name)) return;
    const path = paths.get(name);
    if (path === undefined) throw new Error(`kernel module ${wanted}: not in ${tree}`);
    const module = readModule(tree, name, path);
    for (const dependency of module.depends) visit(dependency);
    found.set(name, module);
  };
  for (const name of names) {
    if (!name.endsWith('/')) visit(name);
    else for (const [one, path] of paths) if (path.startsWith(`kernel/${name}`)) visit(one);
  }
  return [...found.values()];
}

/** Copies `modules` to `target` (/lib/modules/VERSION of an image) and writes modprobe's index. */
export function installModules(tree: string, target: string, modules: readonly Module[]): void {
  const byName = new Map(modules.map((module) => [module.name, module]));
  const below = (module: Module): string[] => {
    const paths = new Set<string>();
    const walk = (name: string): void => {
      const dependency = byName.get(name);
      if (dependency === undefined || paths.has(dependency.path)) return;
      dependency.depends.forEach(walk);
      paths.add(dependency.path);
    };
    module.depends.forEach(walk);
    // modprobe loads a line from its end to its beginning.
    return [...paths].reverse();
  };
  for (const module of modules) {
    mkdirSync(join(target, dirname(module.path)), { recursive: true });
    copyFileSync(join(tree, module.path), join(target, module.path));
  }
  const dependencies = modules.map((module) => `${module.path}: ${below(module).join(' ')}\n`);
  const aliases = modules.flatMap((module) =>
    module.aliases.map((alias) => `alias ${alias} ${module.name}\n`),
  );
  writeFileSync(join(target, 'modules.dep'), dependencies.join(''));
  writeFileSync(join(target, 'modules.alias'), aliases.join(''));
  writeFileSync(join(target, 'modules.symbols'), '');
  copyFileSync(join(tree, 'modules.builtin'), join(target, 'modules.builtin'));
}
