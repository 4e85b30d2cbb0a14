// control/replay-file: `whp replay FILE`: reads the capture and the policy, prints the report.
// Without a usable configuration every shipped profile is tried, each as an app of its own.
import * as std from 'qjs:std';
import { DEFAULT_GLOBALS } from '../policy/build.ts';
import { LAST_SLOT } from '../policy/marks.ts';
import type { App, Policy } from '../policy/policy.ts';
import { fail, ok, type Problem, type Result } from '../policy/result.ts';
import { homePrefixes } from '../replay/home.ts';
import { replayCapture } from '../replay/replay.ts';
import type { ReplayReport } from '../replay/report.ts';
import type { Command } from './arguments.ts';
import { loadPolicy, loadProfiles } from './load.ts';
import { bytesText, columns } from './text.ts';

/** Prints the report; returns 0, or 1 when the file or the policy cannot be read. */
export function replayFile(command: Command): number {
  const file = command.operand ?? '';
  const policy = replayPolicy(command);
  if (!policy.ok) return refuse(policy.problems);
  const home = homePrefixes(command.lan);
  if (!home.ok) return refuse(home.problems);
  const bytes = std.loadFile(file, { binary: true });
  if (bytes === null) {
    std.err.puts(`whp: ${file}: cannot be read\n`);
    return 1;
  }
  const report = replayCapture(bytes, policy.value, home.value);
  std.out.puts(
    command.json ? `${JSON.stringify({ file, ...report })}\n` : reportText(file, report),
  );
  return report.broken === null ? 0 : 1;
}

function refuse(problems: readonly Problem[]): number {
  for (const { where, what } of problems) std.err.puts(`whp: ${where}: ${what}\n`);
  return 1;
}

/** The configured apps, or all profiles where none is enabled: a capture needs no proxy. */
function replayPolicy(command: Command): Result<Policy> {
  const configured = loadPolicy(command, null);
  if (configured.ok && configured.value.apps.length > 0) return configured;
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
  const apps = Array.from(profiles.value.values(), ({ profile }, at): App => {
    const { name } = profile;
    return { name, slot: at + 1, profile, devices: [], fallback: 'block', proxies: ['cloud'] };
  });
  return ok({ globals: DEFAULT_GLOBALS, proxies, apps });
}

function reportText(file: string, report: ReplayReport): string {
  const { totals, ports, supernodes, peers } = report;
  const lines = [
    `${file}: ${report.packets} packets, ${report.local} local, ${report.malformed} malformed`,
    `proxied ${totals.proxiedFlows} flows, ${totals.proxiedPackets} packets, ${bytesText(totals.proxiedBytes)}`,
    `direct  ${totals.directFlows} flows, ${totals.directPackets} packets, ${bytesText(totals.directBytes)}`,
    `of them ${totals.earlyFlows} flows, ${totals.earlyPackets} packets before they were known`,
    `from outside ${totals.inboundFlows} flows, ${totals.inboundPackets} packets; refused ${totals.rejectedPackets} packets`,
    '',
    ...ports.map((one) => `learned ${one.protocol} port ${one.port} of ${one.device} (${one.app})`),
    `supernodes ${supernodes.length}, peers ${peers.length}`,
    ...report.endpoints.map(({ address, name }) => `endpoint ${address} (${name})`),
    ...flowLines(report),
  ];
  if (report.foreign > 0) {
    lines.push(
      '',
      `! ${report.foreign} packets are between addresses that are not the home's: name its prefixes with --lan`,
    );
  }
  if (report.broken !== null) lines.push('', `! the file ends early: ${report.broken}`);
  return `${lines.join('\n')}\n`;
}

function flowLines(report: ReplayReport): string[] {
  const rows = report.flows
    .filter(({ app }) => app !== null)
    .map((one) => [
      one.start.toFixed(1),
      one.flow,
      one.packets,
      one.rejected,
      bytesText(one.bytes),
      one.evidence,
      one.detail,
    ]);
  if (rows.length === 0) return [];
  const head = ['s', 'flow', 'packets', 'refused', 'bytes', 'evidence', 'why'];
  return ['', columns([head, ...rows])];
}
