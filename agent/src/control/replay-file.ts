// control/replay-file: `whp replay FILE`: reads the capture and the policy, prints the report.
// Without a usable configuration every shipped profile is tried, each as an app of its own.
import * as std from 'qjs:std';
import { DEFAULT_GLOBALS } from '../policy/build.ts';
import { LAST_SLOT } from '../policy/marks.ts';
import type { App, Policy } from '../policy/policy.ts';
import { fail, ok, type Result } from '../policy/result.ts';
import { type ReplayReport, replayCapture } from '../replay/replay.ts';
import type { Command } from './arguments.ts';
import { loadPolicy, loadProfiles } from './load.ts';
import { bytesText, columns } from './text.ts';

/** Prints the report; returns 0, or 1 when the file or the policy cannot be read. */
export function replayFile(command: Command): number {
  const file = command.operand ?? '';
  const policy = replayPolicy(command);
  if (!policy.ok) {
    for (const { where, what } of policy.problems) std.err.puts(`whp: ${where}: ${what}\n`);
    return 1;
  }
  const bytes = std.loadFile(file, { binary: true });
  if (bytes === null) {
    std.err.puts(`whp: ${file}: cannot be read\n`);
    return 1;
  }
  const report = replayCapture(bytes, policy.value, command.lan);
  std.out.puts(
    command.json ? `${JSON.stringify({ file, ...report })}\n` : reportText(file, report),
  );
  return report.broken === null ? 0 : 1;
}

/** The configured apps, or all profiles where none is enabled: a capture needs no proxy. */
function replayPolicy(command: Command): Result<Policy> {
  const configured = loadPolicy(command, null);
  if (configured.ok && configured.value.apps.length > 0) return configured;
  const profiles = loadProfiles(command.profiles);
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
  const apps = Array.from(profiles.value.values(), (profile, at): App => {
    const { name } = profile;
    return { name, slot: at + 1, profile, devices: [], fallback: 'block', proxies: ['cloud'] };
  });
  return ok({ globals: DEFAULT_GLOBALS, proxies, apps });
}

function reportText(file: string, report: ReplayReport): string {
  const { totals } = report;
  const lines = [
    `${file}: ${report.packets} packets, ${report.local} local, ${report.inbound} began outside`,
    `proxied ${totals.proxiedFlows} flows, ${totals.proxiedPackets} packets, ${bytesText(totals.proxiedBytes)}`,
    `direct  ${totals.directFlows} flows, ${totals.directPackets} packets, ${bytesText(totals.directBytes)}`,
    '',
  ];
  for (const { device, protocol, port } of report.ports) {
    lines.push(`learned ${protocol} port ${port} of ${device}`);
  }
  lines.push(`supernodes ${report.supernodes.length}, peers ${report.peers.length}`);
  for (const { address, name } of report.endpoints) lines.push(`endpoint ${address} (${name})`);
  const rows = report.flows
    .filter(({ app }) => app !== null)
    .map((one) => [
      one.start.toFixed(1),
      one.flow,
      one.packets,
      bytesText(one.bytes),
      one.evidence,
      one.detail,
    ]);
  if (rows.length > 0) {
    lines.push('', columns([['s', 'flow', 'packets', 'bytes', 'evidence', 'why'], ...rows]));
  }
  if (report.broken !== null) lines.push('', `! the file ends early: ${report.broken}`);
  return `${lines.join('\n')}\n`;
}
