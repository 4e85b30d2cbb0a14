// cli/check: `whp check [FILE]`: a configuration with its profiles, or one profile, read as the
// daemon would read it, and what preflight/ sees of this router. Changes nothing; prints every problem
// with its place and its fix.
import * as std from 'qjs:std';
import { loadConfiguration, loadProfile, policyOf } from '../config/load.ts';
import { lacksQueue, readLacking } from '../kernel/kernel-parts.ts';
import { openRouting, readNeighbours, readRealized } from '../kernel/routing.ts';
import { wallTime } from '../os/clock.ts';
import type { Policy } from '../policy/policy.ts';
import { partsNeeded } from '../preflight/kernel-parts.ts';
import type { Look } from '../preflight/look.ts';
import { looksOf } from '../preflight/looks.ts';
import type { RouterSeen } from '../preflight/seen.ts';
import { verdictOf } from '../preflight/verdict.ts';
import { openZoneNotes } from '../profile/open-zones.ts';
import { readHosts } from '../router/dhcp-files.ts';
import { readListing } from '../router/foreign.ts';
import { routerSeen } from '../router/router.ts';
import { ok, type Problem, type Result } from '../syntax/result.ts';
import type { UciPackage } from '../syntax/uci.ts';
import type { Command } from './arguments.ts';
import type { Printed } from './print.ts';

/** What a check has found. */
export interface Report {
  /** The file cannot be read as what it should be. */
  readonly unread: readonly Problem[];
  readonly looks: readonly Look[];
  /** What a file without problems does. */
  readonly verdict: string;
}

/** Prints the verdict; returns 0 when there is no problem, 1 otherwise. Without a file it is about
 * this router: the running agent answers that (daemon/file-commands), this does where none runs. */
export async function checkFile(command: Command): Promise<number> {
  if (command.operand !== null) {
    return checkAs(command, command.operand, isProfileName(command.operand));
  }
  return print(await checkRouter(command));
}

/** The configuration in its place on this router, without an agent. */
export async function checkRouter(command: Command): Promise<Printed> {
  const read = readConfiguration(command);
  if (!read.ok) return unread(command, command.config, read.problems);
  const router = await readRouter(read.value.policy);
  return checked(command, command.config, reportOf(read.value, router));
}

interface Read {
  readonly policy: Policy;
  readonly uci: UciPackage;
}

function readConfiguration(command: Command): Result<Read> {
  const loaded = loadConfiguration(command);
  if (!loaded.ok) return loaded;
  const policy = policyOf(loaded.value, readHosts(), null);
  return policy.ok ? ok({ policy: policy.value, uci: loaded.value.uci }) : policy;
}

/** Without an agent. A string is the error. */
async function readRouter(policy: Policy): Promise<RouterSeen | string> {
  const opened = openRouting(policy.globals);
  if (!opened.ok) return opened.reason;
  const paths = opened.value;
  const realized = readRealized(paths);
  if (typeof realized === 'string') return realized;
  const parts = partsNeeded(policy);
  const lacking = readLacking(paths, parts);
  const noQueue = parts.includes('queue') ? await lacksQueue() : null;
  if (noQueue !== null) lacking.set('queue', noQueue);
  const met = readNeighbours(paths);
  return routerSeen(realized, met, policy.globals.lan, await readListing(), lacking, null, []);
}

/** What could not be looked at is no "good". */
function unseen(why: string): Look {
  const what = `this router cannot be looked at: ${why}; is whp check run as root?`;
  return { subject: 'router', seen: why, problems: [{ where: 'router', what }], notes: [] };
}

/** The looks at a configuration: on `router` (a string: why it cannot be looked at), or, with null, at
 * the file alone. */
export function reportOf({ policy, uci }: Read, router: RouterSeen | string | null): Report {
  const verdict = verdictOf(policy, uci);
  const seen = typeof router === 'string' ? null : router;
  const looks = looksOf({ policy, uci, wall: wallTime(), router: seen });
  if (typeof router === 'string') looks.push(unseen(router));
  return { unread: [], looks, verdict };
}

/** `isProfile`: a profile, else a configuration. */
export function checkAs(command: Command, file: string, isProfile: boolean): number {
  return print(checkedAs(command, file, isProfile));
}

/** The same for who prints it elsewhere. */
export function checkedAs(command: Command, file: string, isProfile: boolean): Printed {
  if (isProfile) {
    const read = loadProfile(file, true);
    if (!read.ok) return unread(command, file, read.problems);
    const notes = openZoneNotes(read.value.profile, file);
    const looks = notes.length > 0 ? [{ subject: 'names', seen: '', problems: [], notes }] : [];
    return checked(command, file, { unread: [], looks, verdict: 'good' });
  }
  const read = readConfiguration({ ...command, config: file });
  if (!read.ok) return unread(command, file, read.problems);
  return checked(command, file, reportOf(read.value, null));
}

export function isProfileName(file: string): boolean {
  return file.endsWith('.json');
}

function print({ status, out }: Printed): number {
  std.out.puts(out);
  return status;
}

/** What is printed of a file that could not be read. */
export function unread(command: Command, file: string, problems: readonly Problem[]): Printed {
  return checked(command, file, { unread: problems, looks: [], verdict: '' });
}

/** The verdict as it is printed. */
export function checked(
  { json, explain }: Command,
  file: string,
  { unread, looks, verdict }: Report,
): Printed {
  const problems = [...unread, ...looks.flatMap((look) => look.problems)];
  const notes = looks.flatMap((look) => look.notes);
  const looked = looks.map(({ subject, seen }) => ({ subject, seen }));
  const ok = problems.length === 0;
  const status = ok ? 0 : 1;
  if (json)
    return { status, out: `${JSON.stringify({ file, ok, problems, notes, looked })}\n`, err: '' };
  const lines = [
    ...(explain ? looked.map(({ subject, seen }) => `looked at: ${subject}: ${seen}`) : []),
    ...problems.map(({ where, what }) => `${where}: ${what}`),
    ...notes.map(({ where, what }) => `note: ${where}: ${what}`),
    ...(ok ? [`${file}: ${verdict}`] : []),
  ];
  return { status, out: `${lines.join('\n')}\n`, err: '' };
}
