// A web server in the place of uhttpd and rpcd: it gives a browser the built pages with the runtime of test/luci/runtime,
// and passes their calls on to the shipped plugin, which asks the agent in the router's namespace. The rights are those of
// the shipped lists. rpcd's object uci is done here, on the agent's configuration.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { parseUci } from '../../agent/src/syntax/uci.ts';
import type { Home } from '../fixtures/netns-home.ts';

export interface Call {
  readonly object: string;
  readonly method: string;
  /** Of the answer. */
  readonly bytes: number;
  readonly status: number;
}

export interface Server {
  readonly url: string;
  readonly calls: Call[];
  /** Changes each answer of the plugin before it is given; null: none. */
  change: ((text: string) => string) | null;
  stop(): void;
}

type Section = Record<string, unknown> & { '.name': string; '.type': string };

const KINDS: { readonly [extension: string]: string } = {
  '.js': 'text/javascript',
  '.gz': 'application/gzip',
  '.css': 'text/css',
};

/** Of rpcd: the group's rights by user. `viewer` has `list read '*'` alone. */
function isAllowed(user: string, object: string, method: string): boolean {
  const lists = [
    'openwrt-package/files/acl.json',
    'openwrt-package/luci-app-whp/root/usr/share/rpcd/acl.d/luci-app-whp.json',
  ];
  const levels = user === 'root' ? ['read', 'write'] : ['read'];
  return lists.some((file) =>
    Object.values(JSON.parse(readFileSync(file, 'utf8')) as object).some((group) =>
      levels.some((level) => {
        const { ubus, uci } = group[level] ?? {};
        if (object !== 'uci') return ubus?.[object]?.includes(method) === true;
        return uci?.whp?.includes(method === 'get' ? 'read' : 'write') === true;
      }),
    ),
  );
}

const PAGE = (view: string, user: string, dir: string): string => `<!doctype html>
<html lang="en" dir="${dir}"><head><meta charset="utf-8"><title>whp</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/runtime/theme.css"></head>
<body><main id="maincontent"><h1>LuCI</h1><div id="messages"></div><div id="view"></div></main>
<div id="modal" role="dialog" aria-modal="true" tabindex="-1" hidden></div>
<script>window.LUCI_ENV = ${JSON.stringify({ user, readonly: user !== 'root' })};</script>
${['luci', 'uci', 'ui', 'form'].map((one) => `<script src="/runtime/${one}.js"></script>`).join('\n')}
<script>
window.LUCI.load(${JSON.stringify(view)}).then(async (made) => {
  if (!made.title) return;
  const nodes = made.render(await made.load());
  if (nodes) window.LUCI.dom.content(document.getElementById('view'), [nodes]);
  document.body.setAttribute('data-shown', 'true');
});
</script></body></html>`;

/** `file`: the agent's configuration. */
export async function servePages(home: Home, file: string): Promise<Server> {
  const calls: Call[] = [];
  const uci = uciOf(home, file);
  const server: Server = { url: '', calls, change: null, stop: () => void http.close() };
  const ubus = (asked: Asked): { status: number; result: unknown } => {
    const { user, object, method, params } = asked;
    if (!isAllowed(user, object, method)) return { status: 6, result: null };
    if (object === 'uci') return { status: 0, result: uci(method, params) };
    const said = home.rpc(method, params);
    return { status: 0, result: JSON.parse(server.change?.(said) ?? said) };
  };
  const http = createServer((request, response) => {
    if (request.method !== 'POST') return giveFile(request, response);
    let body = '';
    request.on('data', (part: Buffer) => {
      body += part;
    });
    request.on('end', () => {
      const asked = JSON.parse(body) as Asked;
      const answer = ubus(asked);
      const text = JSON.stringify(answer);
      const { object, method } = asked;
      calls.push({ object, method, bytes: text.length, status: answer.status });
      response.end(text);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return Object.assign(server, { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` });
}

interface Asked {
  readonly user: string;
  readonly object: string;
  readonly method: string;
  readonly params: Record<string, unknown>;
}

function giveFile({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(url, 'http://x');
  if (pathname === '/page') {
    response.setHeader('content-type', 'text/html');
    const wanted = (name: string, preset: string): string => searchParams.get(name) ?? preset;
    response.end(PAGE(wanted('view', ''), wanted('user', 'root'), wanted('dir', 'ltr')));
    return;
  }
  const path = normalize(pathname);
  const [folder, rest] = path.startsWith('/runtime/')
    ? ['test/luci/runtime', path.slice('/runtime/'.length)]
    : ['out/luci/www', path];
  try {
    const content = readFileSync(join(folder, rest));
    response.setHeader('content-type', KINDS[extname(path)] ?? 'text/plain');
    response.end(content);
  } catch {
    response.statusCode = 404;
    response.end();
  }
}

/** The methods of rpcd's object uci that LuCI calls, with its staging: what is saved counts when it is applied. */
function uciOf(
  home: Home,
  file: string,
): (method: string, params: Record<string, unknown>) => object {
  let staged: Map<string, Section> | null = null;
  let changes: unknown[] = [];
  const sections = (): Map<string, Section> => {
    staged ??= readSections(file);
    return staged;
  };
  return (method, { section, option, values, type, name, anonymous }) => {
    const sid = String(section ?? name);
    if (method === 'get') return { values: Object.fromEntries(sections()) };
    if (method === 'changes') return { changes: changes.length > 0 ? { whp: changes } : {} };
    if (method === 'apply') {
      const text = writeSections(sections().values());
      writeFileSync(file, text);
      [staged, changes] = [null, []];
      // A stopped agent reads it at its start; what it refuses it says in its status.
      home.tell('reload');
      return {};
    }
    changes.push([method, sid]);
    if (method === 'add')
      sections().set(sid, {
        '.name': sid,
        '.type': String(type),
        '.anonymous': anonymous === true,
      });
    else if (method === 'set') Object.assign(sections().get(sid)!, values);
    else if (option === undefined) sections().delete(sid);
    else delete sections().get(sid)![String(option)];
    return {};
  };
}

function readSections(file: string): Map<string, Section> {
  const parsed = parseUci(readFileSync(file, 'utf8'), 'whp');
  if (!parsed.ok) throw new Error(parsed.problems.map(({ what }) => what).join('\n'));
  const made = parsed.value.sections.map(({ type, name, values }, at): [string, Section] => {
    const sid = name ?? `cfg${at}`;
    const section: Section = { '.name': sid, '.type': type, '.anonymous': name === null };
    for (const { keyword, name: option, value } of values)
      section[option] =
        keyword === 'list' ? [...((section[option] as string[]) ?? []), value] : value;
    return [sid, section];
  });
  return new Map(made);
}

function writeSections(sections: Iterable<Section>): string {
  return Array.from(sections, (section) => {
    const named = section['.anonymous'] ? '' : ` '${section['.name']}'`;
    const lines = Object.entries(section).flatMap(([option, value]) => {
      if (option.startsWith('.')) return [];
      return Array.isArray(value)
        ? value.map((one) => `\tlist ${option} '${one}'\n`)
        : [`\toption ${option} '${value}'\n`];
    });
    return `config ${section['.type']}${named}\n${lines.join('')}\n`;
  }).join('');
}
