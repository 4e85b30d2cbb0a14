// control/profile-command: `whp profile list|show|validate|import`: the profiles on disk, read as the
// daemon reads them. Needs no agent; an imported one counts after `whp reload`.
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { dayOf, expiredRanges } from '../policy/expiry.ts';
import type { Profile } from '../policy/profile.ts';
import type { Problem } from '../policy/result.ts';
import { wallTime } from '../system/clock.ts';
import { errnoText } from '../system/errno.ts';
import { writeText } from '../system/file.ts';
import type { Command } from './arguments.ts';
import { checkAs } from './check.ts';
import { loadProfile, loadProfiles, ownProfiles, type ProfileFile } from './load.ts';
import { columns } from './text.ts';

/** Returns the exit status. */
export function profileCommand(command: Command): number {
  const [word, operand = ''] = command.words;
  switch (word) {
    case 'show':
      return show(command, operand);
    case 'validate':
      return checkAs(command, operand, true);
    case 'import':
      return importProfile(command, operand);
    default:
      return list(command);
  }
}

function refuse(problems: readonly Problem[]): number {
  for (const { where, what } of problems) std.err.puts(`whp: ${where}: ${what}\n`);
  return 1;
}

function summary({ profile, path, own }: ProfileFile) {
  const { name, title, version, retired } = profile;
  const expired = expiredRanges(profile, dayOf(wallTime())).length;
  const ranges = profile.ranges.length - expired;
  return { name, title, version, retired: retired ?? null, ranges, expired, own, path };
}

function list(command: Command): number {
  const read = loadProfiles(command);
  if (!read.ok) return refuse(read.problems);
  const all = Array.from(read.value.values(), summary).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (command.json) std.out.puts(`${JSON.stringify(all)}\n`);
  else {
    const rows = all.map((one) => [one.name, one.version, one.title, one.path]);
    std.out.puts(`${columns([['profile', 'version', 'title', 'file'], ...rows])}\n`);
  }
  return 0;
}

function show(command: Command, name: string): number {
  const read = loadProfiles(command);
  if (!read.ok) return refuse(read.problems);
  const found = read.value.get(name);
  if (found === undefined) {
    const known = Array.from(read.value.keys()).sort().join(', ');
    return refuse([{ where: name, what: `there is no such profile; known: ${known}` }]);
  }
  const { profile, path, own } = found;
  std.out.puts(command.json ? `${JSON.stringify({ path, own, profile })}\n` : showText(found));
  return 0;
}

function showText(file: ProfileFile): string {
  const { profile, path, own } = file;
  const { dns, ranges } = profile;
  const retired = profile.retired === undefined ? '' : `, retired ${profile.retired}`;
  const lines = [
    `${profile.title} (${profile.name}) of ${profile.version}${retired}`,
    `${own ? 'your own' : 'shipped'}: ${path}`,
    '',
    ...dnsLines(profile),
    `${ranges.length} ranges of addresses:`,
  ];
  const today = dayOf(wallTime());
  for (const range of ranges) {
    const ports = range.ports.map((span) => (typeof span === 'number' ? span : span.join('-')));
    const until = range.expires < today ? `expired ${range.expires}` : `until ${range.expires}`;
    const learn = range.learn.length > 0 ? `, teaches ${range.learn.join(' and ')} ports` : '';
    const rest = range.addresses.length - 1;
    lines.push(
      `  ${range.role} ${range.addresses[0]}${rest > 0 ? ` and ${rest} more` : ''}`,
      `    ${range.protocols.join(', ')} ${ports.join(', ')}; ${until}${learn}`,
    );
  }
  if (dns.except.length > 0) lines.push(`${dns.except.length} names are excepted`);
  return `${lines.join('\n')}\n`;
}

function dnsLines({ dns }: Profile): string[] {
  const texts = [
    ...dns.names.map(({ value }) => value),
    ...dns.suffixes.map(({ value }) => `.${value}`),
    ...dns.patterns.map(({ value }) => value),
  ];
  return [`${texts.length} names:`, ...texts.map((text) => `  ${text}`)];
}

function importProfile(command: Command, path: string): number {
  const read = loadProfile(path, true);
  if (!read.ok) return refuse(read.problems);
  const { name } = read.value.profile;
  const folder = ownProfiles(command);
  const target = `${folder}/${name}.json`;
  os.mkdir(command.state, 0o755);
  os.mkdir(folder, 0o755);
  const errno = writeText(target, read.value.text, 0o644);
  if (errno !== 0) return refuse([{ where: target, what: errnoText(errno) }]);
  const done = `${target} is in place; whp reload takes it in`;
  std.out.puts(command.json ? `${JSON.stringify({ done, name, path: target })}\n` : `${done}\n`);
  return 0;
}
