// cli/diagnose: `whp diag [FILE]`: one report for support, without what identifies the owner. Works without the
// agent too; a part that cannot be read contains the reason.
import * as std from 'qjs:std';
import { EEXIST } from 'whp:socket';
import { loadProfiles } from '../config/load.ts';
import { pause } from '../os/clock.ts';
import { errnoText } from '../os/errno.ts';
import { readText, writeText } from '../os/file.ts';
import { runProgram } from '../os/process.ts';
import { readHosts } from '../router/dhcp-files.ts';
import { TABLE } from '../ruleset/names.ts';
import type { Command } from './arguments.ts';
import { askOnce } from './ask.ts';
import { checkRouter } from './check.ts';
import { table } from './columns.ts';
import { put, refused } from './out.ts';
import { jsonLine } from './print.ts';
import { createRedactor, type Redactor, secretNames } from './redact.ts';
import { VERSION } from './version.ts';

interface Part {
  readonly title: string;
  readonly text: string;
}

/** Most characters of one part. */
const LONGEST = 65536;
const LINES_AT_ONCE = 50;

const PROGRAMS: readonly (readonly string[])[] = [
  ['uname', '-srvm'],
  ['nft', '-v'],
  ['nft', 'list', 'table', 'inet', TABLE],
  ['ip', 'rule'],
  ['ip', '-6', 'rule'],
  ['ip', 'route', 'show', 'table', 'all'],
  ['ip', '-6', 'route', 'show', 'table', 'all'],
  ['ip', '-s', 'link'],
  ['lsmod'],
  ['logread', '-e', 'whp'],
];
const FILES = ['/etc/openwrt_release', '/proc/loadavg', '/proc/meminfo', '/etc/TZ'];
/** Rows of each list asked from the agent. */
const ROWS = 200;
const QUESTIONS = ['status', 'proxies', 'learned', 'devices', 'flows', 'pin'];

/** Writes the report; resolves to the exit status. */
export async function diagnose(command: Command): Promise<number> {
  const parts = await gather(command);
  const text = command.json
    ? jsonLine({ version: VERSION, parts })
    : parts.map((part) => `==== ${part.title}\n${part.text.trimEnd()}\n`).join('\n');
  if (command.operand === null) {
    std.out.puts(text);
    return 0;
  }
  const errno = writeText(command.operand, text);
  if (errno !== 0) {
    const fix = errno === EEXIST ? '; what is there is no file of yours, name another' : '';
    const what = `cannot be written: ${errnoText(errno)}${fix}`;
    return refused(command, [{ where: command.operand, what }]);
  }
  const said = `${command.operand}: ${text.length} characters; read it before you pass it on`;
  const answer = { path: command.operand, text: said };
  return put({ status: 0, out: command.json ? jsonLine(answer) : `${said}\n`, err: '' });
}

async function gather(command: Command): Promise<Part[]> {
  const read = readText(command.config);
  // For an unreadable file `text` is an error's text, which contains no secret name.
  const devices = readHosts().flatMap(({ name }) => name ?? []);
  const names = secretNames(read.ok ? read.text : '', devices);
  const redact = createRedactor([...names, ...hostNames()]);
  const parts: Part[] = [
    { title: 'version', text: VERSION },
    { title: command.config, text: fileText(command.config) },
    { title: 'check', text: (await checkRouter({ ...command, json: false, explain: true })).out },
    { title: 'profiles', text: profilesText(command) },
  ];
  for (const method of QUESTIONS) {
    const reply = await askOnce(command.socket, { method, limit: ROWS });
    const text = reply.ok ? JSON.stringify(reply.value, null, 1) : reply.what;
    parts.push({ title: `whp ${method}`, text });
  }
  for (const program of PROGRAMS) {
    const { status, stdout, stderr } = await runProgram(program, { timeout: 10000 });
    const text = status === 0 ? stdout : `${stdout}(status ${status}) ${stderr}`;
    parts.push({ title: program.join(' '), text });
  }
  for (const path of FILES) parts.push({ title: path, text: fileText(path) });
  const told: Part[] = [];
  for (const { title, text } of parts) told.push({ title, text: await hidden(cut(text), redact) });
  return told;
}

/** Redacts a few lines at a time: a long part as a whole takes a slow router longer than the watchdog allows. */
async function hidden(text: string, redact: Redactor): Promise<string> {
  const lines = text.split('\n');
  const told: string[] = [];
  for (let at = 0; at < lines.length; at += LINES_AT_ONCE) {
    told.push(redact(lines.slice(at, at + LINES_AT_ONCE).join('\n')));
    await pause();
  }
  return told.join('\n');
}

/** The router's host name, unless it is a common default. */
function hostNames(): string[] {
  const name = fileText('/proc/sys/kernel/hostname').trim();
  return /^(?:openwrt|localhost|\(.*\))$/i.test(name) ? [] : [name];
}

function fileText(path: string): string {
  const read = readText(path);
  return read.ok ? read.text : `(${errnoText(read.errno)})`;
}

function cut(text: string): string {
  if (text.length <= LONGEST) return text;
  // Cut at the end of a line: a part of an address would not be redacted.
  const end = text.lastIndexOf('\n', LONGEST) + 1;
  return `${text.slice(0, end)}(${text.length - end} more characters)\n`;
}

function profilesText(command: Command): string {
  const read = loadProfiles(command);
  if (!read.ok) return read.problems.map(({ where, what }) => `${where}: ${what}`).join('\n');
  return table(
    Array.from(read.value.values(), ({ profile, path }) => [profile.name, profile.version, path]),
  );
}
