// cli/replay: `whp replay FILE`: reads the capture and the policy, prints the report. Without a configuration, as
// on a PC, every profile is played as an app of its own.
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { loadPolicy, loadProfiles } from '../config/load.ts';
import { DEFAULT_GLOBALS } from '../policy/build.ts';
import { LAST_SLOT } from '../policy/marks.ts';
import { mappedProfile, nat64Prefixes } from '../policy/nat64.ts';
import type { App, Policy } from '../policy/policy.ts';
import { homePrefixes } from '../replay/direction.ts';
import { replayCapture } from '../replay/replay.ts';
import type { ReplayReport } from '../replay/report.ts';
import { fail, ok, type Result } from '../syntax/result.ts';
import { bytesText, counted } from '../syntax/words.ts';
import { type Command, DEFAULT_CONFIG, DEFAULT_PROFILES } from './arguments.ts';
import { type Row, table, tied, wrapped } from './columns.ts';
import { refused } from './out.ts';
import { jsonLine } from './print.ts';

/** Prints the report; returns 0, or 1 when the file or the policy cannot be read. */
export function replayFile(command: Command): number {
  const file = command.operand ?? '';
  const policy = replayPolicy({ ...command, profiles: profilesOf(command) });
  if (!policy.ok) return refused(command, policy.problems);
  const home = homePrefixes(command.lan);
  if (!home.ok) return refused(command, home.problems);
  const bytes = std.loadFile(file, { binary: true });
  if (bytes === null) return refused(command, [{ where: file, what: 'cannot be read' }]);
  const { played, by } = policy.value;
  const report = replayCapture(bytes, played, home.value);
  std.out.puts(command.json ? jsonLine({ file, by, ...report }) : reportText(file, by, report));
  const isUnread = report.packets === 0 && report.unknown.length > 0;
  return report.broken === null && !isUnread ? 0 : 1;
}

/** The profiles folder: the given one, else (default folder missing) beside the bundle or in its repository. */
function profilesOf({ profiles }: Command): string {
  if (profiles !== DEFAULT_PROFILES || isThere(profiles)) return profiles;
  const folder = (scriptArgs[0] ?? '').replace(/[^/]*$/, '') || './';
  return [`${folder}profiles`, `${folder}../agent/profiles`].find(isThere) ?? profiles;
}

function isThere(path: string): boolean {
  return os.stat(path)[1] === 0;
}

interface Played {
  readonly played: Policy;
  /** What the policy was made from, in words. */
  readonly by: string;
}

/** The policy of the configured apps. Without a configuration, or without an enabled app, that of all profiles,
 * as a capture needs no proxy. A wrong configuration is an error. */
function replayPolicy(command: Command): Result<Played> {
  const { config, profiles } = command;
  if (config === DEFAULT_CONFIG && !isThere(config)) {
    return everyProfile(command, `every profile of ${profiles}`);
  }
  const configured = loadPolicy(command, null);
  if (!configured.ok) return configured;
  if (configured.value.apps.length > 0) return ok({ played: configured.value, by: config });
  return everyProfile(command, `every profile of ${profiles} (no app is enabled in ${config})`);
}

function everyProfile(command: Command, by: string): Result<Played> {
  const profiles = loadProfiles(command);
  if (!profiles.ok) return profiles;
  if (profiles.value.size > LAST_SLOT)
    return fail(command.profiles, `more than ${LAST_SLOT} files`);
  const proxies = [
    {
      name: 'cloud',
      address: '192.0.2.1',
      key: null,
      local: '10.0.0.1',
      remote: '10.0.0.2',
      mtu: null,
    },
  ];
  const prefixes = nat64Prefixes();
  const apps = Array.from(profiles.value.values(), (file, at): App => {
    const profile = mappedProfile(file.profile, prefixes);
    const { name } = profile;
    return { name, slot: at + 1, profile, devices: [], fallback: 'block', proxies: ['cloud'] };
  });
  return ok({ played: { globals: DEFAULT_GLOBALS, proxies, apps }, by });
}

function reportText(file: string, by: string, report: ReplayReport): string {
  const { totals, ports, supernodes, peers, packets, endpoints } = report;
  const of = (flows: number, many: number, bytes: number | null = null): string =>
    `${counted(flows, 'flow')}, ${counted(many, 'packet')}${bytes === null ? '' : `, ${bytesText(bytes)}`}`;
  const lines = [
    `${file}: ${counted(packets, 'packet')}, ${report.local} local, ${report.malformed} malformed`,
    `played by ${by}`,
    `proxied ${of(totals.proxied_flows, totals.proxied_packets, totals.proxied_bytes)}`,
    `direct  ${of(totals.direct_flows, totals.direct_packets, totals.direct_bytes)}`,
    `of them ${of(totals.early_flows, totals.early_packets)} before they were known`,
    `from outside ${of(totals.inbound_flows, totals.inbound_packets)}; refused ${counted(totals.rejected_packets, 'packet')}`,
    ...missedLines(report),
    '',
    ...ports.map(
      (one) => `learned ${one.protocol} port ${one.port} of ${one.address} (${one.app})`,
    ),
    `${counted(supernodes.length, 'supernode')}, ${counted(peers.length, 'peer')}`,
    ...endpoints.map(({ remote, name }) => `endpoint ${remote} (${name})`),
  ].flatMap((line) => wrapped(line));
  return `${[...lines, ...flowLines(report)].join('\n')}\n`;
}

/** Lines on packets that were not read, and on what replay does not model. */
function missedLines(report: ReplayReport): string[] {
  const lines: string[] = [];
  const { foreign, cut, cut_unread, unread, unread_reason, unasked, hellos, broken, others } =
    report;
  const missed = unread - cut_unread;
  if (foreign > 0) {
    const what = `${counted(foreign, 'packet')} between addresses that are not the home's`;
    lines.push(`! ${what}: name its prefixes with --lan`);
  }
  for (const { interface: id, link, frames } of report.unknown) {
    const what = `not read: ${counted(frames, 'frame')} of interface ${id}`;
    lines.push(`! ${what}: link type ${link} is not known here`);
  }
  if (cut > 0) {
    const lost = cut_unread === 0 ? '' : `, and what ${cut_unread} of them teach is lost`;
    const what = `cut short by the capture: ${counted(cut, 'packet')}`;
    lines.push(`! ${what}${lost}: capture with tcpdump -s 0`);
  }
  if (missed > 0) {
    const what = `not read: ${counted(missed, 'packet')} that would teach`;
    lines.push(`! ${what}, the last: ${unread_reason}`);
  }
  if (unasked > 0) {
    const what = `without their query in the capture: ${counted(unasked, 'DNS answer')}`;
    lines.push(`! ${what} for an application's names: nobody asked, they teach nothing`);
  }
  if (hellos > 0) {
    lines.push(`! not read: ${counted(hellos, 'TLS hello')}; replay does not model option hello`);
  }
  for (const what of report.unmodelled) lines.push(`! not played: ${what}`);
  if (others > 0) lines.push(`${counted(others, 'frame')} without an IP packet (ARP and the like)`);
  if (broken !== null) lines.push(`! the file ends early: ${broken}`);
  return lines;
}

function flowLines(report: ReplayReport): string[] {
  const rows = report.flows
    .filter(({ app }) => app !== null)
    .map(
      (one): Row => [
        (one.start_ms / 1000).toFixed(1),
        one.packets,
        one.rejected,
        bytesText(one.bytes),
        [tied(one.flow), `${one.evidence}: ${one.detail}`],
      ],
    );
  if (rows.length === 0) return [];
  return ['', table([['s', 'packets', 'refused', 'bytes', ['flow', 'why']], ...rows])];
}
