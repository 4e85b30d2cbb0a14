// cli/profile: `whp profile list|show|validate|import`: profiles on disk, read as the daemon reads them. Needs no
// agent; `whp reload` puts an imported profile in force.
import * as os from 'qjs:os';
import { loadProfile, loadProfiles, ownProfiles, type ProfileFile } from '../config/load.ts';
import { wallTime } from '../os/clock.ts';
import { errnoText } from '../os/errno.ts';
import { writeText } from '../os/file.ts';
import { dayOf, expiredRanges } from '../profile/expiry.ts';
import type { Profile, ProfileRange } from '../profile/profile.ts';
import { counted } from '../syntax/words.ts';
import type { Command } from './arguments.ts';
import { checkAs } from './check.ts';
import { type Row, table, wrapped } from './columns.ts';
import { put, refused } from './out.ts';
import { complained, notTaken, type Printed } from './print.ts';

/** Prints, and returns the exit status. */
export function profileCommand(command: Command): number {
  const told = profilesTold(command);
  if (told !== null) return put(told);
  const [word, operand = ''] = command.words;
  return word === 'validate' ? checkAs(command, operand, true) : importProfile(command, operand);
}

/** Output of `list` and `show`; null: another subcommand. */
export function profilesTold(command: Command): Printed | null {
  const [word, operand = ''] = command.words;
  switch (word) {
    case 'validate':
    case 'import':
      return null;
    case 'show':
      return show(command, operand);
    default:
      return list(command);
  }
}

function said(text: string): Printed {
  return { status: 0, out: `${text}\n`, err: '' };
}

function summary({ profile, path, own }: ProfileFile) {
  const { name, title, version, retired } = profile;
  const expired = expiredRanges(profile, dayOf(wallTime())).length;
  const ranges = profile.ranges.length - expired;
  return { profile: name, title, version, retired: retired ?? null, ranges, expired, own, path };
}

function list(command: Command): Printed {
  const read = loadProfiles(command);
  if (!read.ok) return complained(read.problems, 1, command.json);
  const all = Array.from(read.value.values(), summary).sort((a, b) =>
    a.profile < b.profile ? -1 : 1,
  );
  if (command.json) return said(JSON.stringify({ rows: all }));
  const rows = all.map((one): Row => {
    const ended = one.retired === null ? '' : `; retired: the service ended on ${one.retired}`;
    return [one.profile, one.version, [`${one.title}${ended}`, one.path]];
  });
  return said(table([['profile', 'version', ['title and file']], ...rows]));
}

function show(command: Command, name: string): Printed {
  const read = loadProfiles(command);
  if (!read.ok) return complained(read.problems, 1, command.json);
  const found = read.value.get(name);
  if (found === undefined) {
    const known = Array.from(read.value.keys()).sort().join(', ');
    const what = `there is no such profile; known: ${known}`;
    return complained([{ where: name, what }], 1, command.json);
  }
  const { profile, path, own } = found;
  if (command.json) return said(JSON.stringify({ path, own, profile }));
  return said(showText(found, command.sources));
}

/** `sources`: with all addresses of each range, and where they are from. */
function showText({ profile, path, own }: ProfileFile, sources: boolean): string {
  const { dns, ranges, title, name, version, retired } = profile;
  const ended = retired === undefined ? '' : `; retired: the service ended on ${retired}`;
  const lines = [
    ...wrapped(`${title} (${name}) of ${version}${ended}`),
    `${own ? 'your own' : 'shipped'}: ${path}`,
    '',
    ...dnsLines(profile),
    `${counted(ranges.length, 'range')} of addresses:`,
    ...ranges.flatMap((range) => rangeLines(range, sources)),
  ];
  if (dns.except.length > 0) lines.push(`${counted(dns.except.length, 'name')} excepted`);
  return lines.join('\n');
}

function rangeLines(range: ProfileRange, sources: boolean): string[] {
  const today = dayOf(wallTime());
  const ports = range.ports.map((span) => (typeof span === 'number' ? span : span.join('-')));
  const until = range.expires < today ? `expired ${range.expires}` : `until ${range.expires}`;
  const learn = range.learn.length > 0 ? `, teaches ${range.learn.join(' and ')} ports` : '';
  const rest = range.addresses.length - 1;
  const some = `${range.addresses[0]}${rest > 0 ? ` and ${rest} more` : ''}`;
  const from = `${range.evidence} of ${range.date}: ${range.source}`;
  return [
    ...wrapped(`${range.role} ${sources ? range.addresses.join(' ') : some}`, '  ', '    '),
    ...wrapped(
      `${range.protocols.join(', ')} ${ports.join(', ')}; ${until}${learn}`,
      '    ',
      '    ',
    ),
    ...(sources ? wrapped(`${from}`, '    ', '    ') : []),
  ];
}

function dnsLines({ dns }: Profile): string[] {
  const texts = [
    ...dns.names.map(({ value }) => value),
    ...dns.suffixes.map(({ value }) => `.${value}`),
    ...dns.patterns.map(({ value }) => value),
  ];
  return [`${counted(texts.length, 'name')}:`, ...texts.map((text) => `  ${text}`)];
}

function importProfile(command: Command, path: string): number {
  const read = loadProfile(path, true);
  if (!read.ok) {
    const why = { where: path, what: 'not imported' };
    return put(notTaken(read.problems, why, command.json));
  }
  const { name } = read.value.profile;
  const folder = ownProfiles(command);
  const target = `${folder}/${name}.json`;
  os.mkdir(command.state, 0o755);
  os.mkdir(folder, 0o755);
  const errno = writeText(target, read.value.text);
  if (errno !== 0)
    return refused(command, [{ where: target, what: `cannot be written: ${errnoText(errno)}` }]);
  const text = `${target} is in place; whp reload loads it`;
  return put(said(command.json ? JSON.stringify({ profile: name, path: target, text }) : text));
}
