// cli/check: `whp check [FILE]`: reads a configuration with its profiles, or one profile, as the daemon does, and
// examines this router (preflight/). Changes nothing; prints every problem with its place and its fix.
import * as std from 'qjs:std';
import { problemAnswer } from '../answers/error.ts';
import { loadConfiguration, loadProfile, policyOf } from '../config/load.ts';
import { lacksQueue } from '../kernel/kernel-parts.ts';
import { openRouting } from '../kernel/routing.ts';
import { done, type KernelResult } from '../netlink/kernel-error.ts';
import { wallTime } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { isSameFile } from '../os/file.ts';
import { isAnswered } from '../os/unix-socket.ts';
import { DEFAULT_GLOBALS } from '../policy/build.ts';
import type { Policy } from '../policy/policy.ts';
import { partsWanted } from '../preflight/kernel-parts.ts';
import type { Look } from '../preflight/look.ts';
import { looksOf, seenAlone } from '../preflight/looks.ts';
import type { RouterSeen } from '../preflight/seen.ts';
import { verdictOf } from '../preflight/verdict.ts';
import { openZoneNotes } from '../profile/open-zones.ts';
import { readHosts } from '../router/dhcp-files.ts';
import { readListing } from '../router/foreign.ts';
import { lackingTexts, routerSeen } from '../router/router.ts';
import { ok, type Problem, type Result } from '../syntax/result.ts';
import type { UciPackage } from '../syntax/uci.ts';
import type { Command } from './arguments.ts';
import { problemLines, wrapped } from './columns.ts';
import { jsonLine, type Printed } from './print.ts';

/** Result of a check. */
export interface Report {
  /** Why the file cannot be read as a configuration or profile. */
  readonly unread: readonly Problem[];
  readonly looks: readonly Look[];
  /** The last line for a file without problems. */
  readonly verdict: string;
  /** This router was looked at. */
  readonly router: boolean;
}

/** Prints the result; 0: no problem, else 1. The running agent answers where it can (daemon/file-commands). */
export async function checkFile(command: Command): Promise<number> {
  const { operand } = command;
  if (operand === null || isInForce(command, operand)) return print(await checkRouter(command));
  return checkAs(command, operand, isProfileName(operand));
}

/** Whether `file` is the configuration of this router: then the router is looked at too. */
export function isInForce({ config }: Command, file: string): boolean {
  return file === config || isSameFile(file, config);
}

/** Checks this router's configuration without an agent. */
export async function checkRouter(command: Command): Promise<Printed> {
  const read = readConfiguration(command);
  if (read.ok) {
    const router = await readRouter(command, read.value.policy);
    return checked(command, command.config, reportOf(read.value, router));
  }
  const { problems } = read;
  if (!showsLooks(command)) return unread(command, command.config, problems);
  const router = await readRouter(command, NO_POLICY);
  const uci = { file: command.config, sections: [], notes: [] };
  return unread(command, command.config, problems, { policy: NO_POLICY, uci }, router, DEFAULTS);
}

const NO_POLICY: Policy = { globals: DEFAULT_GLOBALS, proxies: [], apps: [] };
const DEFAULTS = 'the defaults, without an app';

/** Whether the output has what was looked at. */
export function showsLooks({ explain, json }: Command): boolean {
  return explain || json;
}

export interface Read {
  readonly policy: Policy;
  readonly uci: UciPackage;
}

export function readConfiguration(command: Command): Result<Read> {
  const loaded = loadConfiguration(command);
  if (!loaded.ok) return loaded;
  const policy = policyOf(loaded.value, readHosts(), null);
  return policy.ok ? ok({ policy: policy.value, uci: loaded.value.uci }) : policy;
}

/** The router's state for preflight/, read without an agent. */
export async function readRouter(
  { socket }: Command,
  policy: Policy,
): Promise<KernelResult<RouterSeen>> {
  const opened = openRouting();
  if (!opened.ok) return opened;
  const routing = opened.value;
  const realized = routing.realized([policy.globals]);
  if (!realized.ok) return realized;
  const parts = partsWanted(policy);
  const lacking = lackingTexts(routing, parts);
  const noQueue = parts.includes('queue') ? await lacksQueue() : null;
  if (noQueue !== null) lacking.set('queue', noQueue);
  const { lan } = policy.globals;
  const met = routing.neighbours();
  const listing = await readListing();
  const agent = isAnswered(socket);
  return done(
    await routerSeen(realized.value, lan, {
      listing,
      neighbours: met,
      lacking,
      hasAgent: agent,
      traffic: null,
      standIns: [],
    }),
  );
}

/** The look for a router that cannot be read: a problem, not "good". */
function unseen(why: string): Look {
  const what = `this router cannot be looked at: ${why}; is whp check run as root?`;
  return { subject: 'router', seen: why, problems: [{ where: 'router', what }], notes: [] };
}

/** The looks at a configuration: with `router`, or with null at the file alone. */
export function reportOf({ policy, uci }: Read, router: KernelResult<RouterSeen> | null): Report {
  const verdict = verdictOf(policy, uci);
  const seen = router?.ok ? router.value : null;
  const looks = looksOf({ policy, uci, wall: wallTime(), router: seen });
  if (router?.ok === false) looks.push(unseen(errorText(router.error)));
  return { unread: [], looks, verdict, router: seen !== null };
}

/** Checks `file` and prints the result. `isProfile`: as a profile, else as a configuration. */
export function checkAs(command: Command, file: string, isProfile: boolean): number {
  return print(checkedAs(command, file, isProfile));
}

/** checkAs without printing. */
export function checkedAs(command: Command, file: string, isProfile: boolean): Printed {
  if (isProfile) {
    const read = loadProfile(file, true);
    if (!read.ok) return unread(command, file, read.problems);
    const notes = openZoneNotes(read.value.profile, file);
    const looks = notes.length > 0 ? [{ subject: 'names', seen: '', problems: [], notes }] : [];
    return checked(command, file, { unread: [], looks, verdict: 'good', router: false });
  }
  const read = readConfiguration({ ...command, config: file });
  if (!read.ok) return unread(command, file, read.problems);
  const report = reportOf(read.value, null);
  const verdict = `${report.verdict}; the file alone: this router was not looked at, which whp check does`;
  return checked(command, file, { ...report, verdict });
}

export function isProfileName(file: string): boolean {
  return file.endsWith('.json');
}

function print({ status, out }: Printed): number {
  std.out.puts(out);
  return status;
}

/** The output for a file that could not be read. `router`: as it is seen by another configuration, which `by` says. */
export function unread(
  command: Command,
  file: string,
  problems: readonly Problem[],
  other: Read | null = null,
  router: KernelResult<RouterSeen> | null = null,
  by = '',
): Printed {
  const isSeen = other !== null && router?.ok === true;
  const looks = isSeen
    ? seenAlone({ ...other, wall: wallTime(), router: router.value }, router.value, by)
    : [];
  return checked(command, file, { unread: problems, looks, verdict: '', router: isSeen });
}

/** The output of a check. */
export function checked(
  { json, explain }: Command,
  file: string,
  { unread, looks, verdict, router }: Report,
): Printed {
  const problems = [...unread, ...looks.flatMap((look) => look.problems)];
  const notes = looks.flatMap((look) => look.notes);
  const looked = looks.map(({ subject, seen }) => ({ subject, seen }));
  const ok = problems.length === 0;
  const status = ok ? 0 : 1;
  if (json) {
    const rows = { problems: problems.map(problemAnswer), notes: notes.map(problemAnswer) };
    const answer = { file, ok, router, verdict: ok ? verdict : null, ...rows, looked };
    return { status, out: jsonLine(answer), err: '' };
  }
  const lines = [
    ...(explain
      ? looked.flatMap(({ subject, seen }) => wrapped(`looked at: ${subject}: ${seen}`))
      : []),
    ...problems.flatMap((one) => problemLines(one)),
    ...notes.flatMap((one) => problemLines(one, 'note: ')),
    ...(ok ? problemLines({ where: file, what: verdict }) : []),
  ];
  return { status, out: `${lines.join('\n')}\n`, err: '' };
}
