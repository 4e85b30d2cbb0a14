// Commands that an owner is told to type on the router, in the documents and by the program, are those of a plain
// OpenWrt 24.10 or 25.12 with the package's dependencies: busybox, base-files, netifd, firewall4, nftables, dropbear.
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { splitFix } from '../../agent/src/syntax/fix.ts';
import { commandsOf } from '../lab/package/page.ts';
import { pages, SPAN } from '../lib/pages.ts';

/** apk from 25.12 on, opkg before. */
const PROGRAMS = new Set(
  `apk opkg uci whp nft fw4 service sysupgrade ifstatus ifup jsonfilter logread ubus wget ssh dropbearkey
  cat cp date df echo exit free grep ifconfig ip logger ls mv ping reboot rm sed sleep sysctl uname EOB
  add_list commit delete set`.split(/\s+/),
);
const FILES = /^(\/etc\/init\.d\/|\/usr\/share\/whp\/firewall\.sh )/;

/** busybox: FEATURE_IP_TUNNEL and RARE_PROTOCOLS are off, so there is no `ip tunnel` and no link of type gre. */
const IP =
  /^ip( -(4|6|0|o|f \w+))*( (a|addr|address|l|link|r|route|ru|rule|n|neigh)( (?!.*\btype\b).*)?)$/;

/** Why it cannot be typed on the router; null: it can. */
function problemOf(command: string): string | null {
  const [program = ''] = command.split(' ');
  if (FILES.test(command)) return null;
  if (!PROGRAMS.has(program)) return `no program ${program}`;
  return program !== 'ip' || IP.test(command) ? null : 'busybox has no such ip';
}

/** Commands of a line; quoted text is no command. */
function parts(line: string): string[] {
  const plain = line.replace(/'[^']*'|"[^"]*"/g, 'X');
  return plain.split(/ *(?:;|&&|\|\||\|) */).filter((one) => one !== '' && !one.startsWith('['));
}

test('a program or an option that the router lacks would be found', () => {
  for (const one of [
    'ip -br link',
    'ip -s link show dev br-lan',
    'ip -d link show type gre',
    'ip tunnel show',
    'ip link add whp-a type gre local 1.2.3.4',
    'tcpdump -i wan',
    'iptables -L',
    'conntrack -L',
    'curl http://a.example',
    'ss -tlnp',
    'dig a.example',
  ])
    assert.is.not(problemOf(one), null, one);
  for (const one of ['ip link', 'ip -4 address show dev wan', 'ip route show default', 'ip neigh'])
    assert.is(problemOf(one), null, one);
});

const wrongOf = (commands: readonly string[]): string[] =>
  commands.flatMap((one) => {
    const problem = problemOf(one.replace(/^HOME=\S+ /, ''));
    return problem === null ? [] : [`${one}: ${problem}`];
  });

test('every block below "On the router"', () => {
  let seen = 0;
  for (const [name, text] of pages) {
    for (const [, block] of text.matchAll(/^\*\*On the router:\*\*\n\n```.*\n([\s\S]*?)^```/gm)) {
      const commands = commandsOf(block!).flatMap((one) => parts(one.split('\n')[0]!));
      seen += commands.length;
      assert.equal(wrongOf(commands), [], name);
    }
  }
  assert.ok(seen > 20, `${seen} commands`);
});

test('every command in the last column of docs/trouble.md and of the tables in docs/install.md', () => {
  const cells = [
    ...pages.get('docs/trouble.md')!.matchAll(/\| ([^|]*) \|$/gm),
    ...pages.get('docs/install.md')!.matchAll(/^(?!\| server).*\| ([^|]*) \|$/gm),
  ].map(([, cell]) => cell!);
  const here = cells.filter((cell) => !/on the server|On the server/.test(cell));
  const commands = here.flatMap((cell) =>
    Array.from(cell.matchAll(SPAN), ([, span]) => span!)
      .filter((span) => /^[a-z/][\w./-]* \S/.test(span) && !/^(make|config|list) /.test(span))
      .flatMap(parts),
  );
  assert.ok(commands.length > 50, `${commands.length} commands`);
  assert.equal(wrongOf(commands), []);
});

/** Texts in quotes, with x in the place of what the program fills in. */
function literals(source: string): string[] {
  const code = source.replace(/^\s*(\/\/|\*|\/\*).*$/gm, '');
  const quoted = /'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g;
  return Array.from(code.matchAll(quoted), ([, one, two, three]) =>
    (one ?? two ?? three!).replace(/\$\{[^}]*\}/g, 'x'),
  );
}

test('every command that the program offers', () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const name of readdirSync('agent/src', { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    for (const text of literals(readFileSync(`agent/src/${name}`, 'utf8'))) {
      // A text of its own, or the end of a sentence.
      const fix = splitFix(text).fix ?? splitFix(`x; ${text}`).fix ?? '';
      const named = text.match(/\bip (-|link|addr|route|neigh|tunnel)[^;)"`:]*/g) ?? [];
      const commands = [...fix.split('; '), ...named].filter((one) => one !== '');
      seen += commands.length;
      // A page of help has the words of its usage.
      if (
        name !== 'cli/commands.ts' &&
        /\b(APP|NAME|ADDRESS|VALUE|MAC|AA:BB|[A-Z]{4}-[A-Z]{2})\b/.test(fix)
      )
        wrong.push(`${name}: ${fix}: a placeholder`);
      wrong.push(...wrongOf(commands.map((one) => one.trim())).map((one) => `${name}: ${one}`));
    }
  }
  assert.ok(seen > 60, `${seen} commands`);
  assert.equal(wrong, []);
});

test.run();
