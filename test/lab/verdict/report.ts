// result.json for people: the table of sessions, what went wrong, and flow by flow what went where.
import { APPLICATION_NETS, TAG } from '../world/plan.ts';
import type { FlowOutcome, Result, SessionResult } from './result.ts';

/** How anyone repeats the verdict on the ISP capture. The tag is in the TOS byte: the outer one at
 * ip[1], the inner one at ip[29], behind 20 bytes of IP and 8 of GRE with a key. */
export const TCPDUMP_FILTERS = {
  leaked: `not proto 47 and ip[1] & 0xfc = ${hex(TAG.application)}`,
  unrelatedProxied: `proto 47 and ip[20:2] = 0x2000 and ip[29] & 0xfc = ${hex(TAG.unrelated)}`,
  applicationTunnel: `proto 47 and ip[20:2] = 0x2000 and ip[29] & 0xfc = ${hex(TAG.application)}`,
  unrelatedDirect: `not proto 47 and ip[1] & 0xfc = ${hex(TAG.unrelated)}`,
  // Whatever the tag, also without one (RST, ICMP): nothing but the application goes there.
  leakedByAddress: `not proto 47 and (${APPLICATION_NETS.map((net) => `net ${net}`).join(' or ')})`,
} as const;

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

/** One letter a session: . fine, L leaked, U unrelated proxied, V home address seen, M missed. */
function letter(session: SessionResult): string {
  if (session.ok) return '.';
  if (session.leaked > 0) return 'L';
  if (session.unrelatedProxied > 0) return 'U';
  return session.missedSteps.length > 0 || session.end === null ? 'M' : 'V';
}

/** Devices down, their sessions across. */
export function sessionTable(result: Result): string {
  const lines = ['sessions (. fine, L leaked, U unrelated proxied, V home seen, M step missed)'];
  for (const device of result.devices) {
    const own = result.sessions.filter((one) => one.device === device && one.kind !== 'adversary');
    if (own.length === 0) continue;
    const tunnel = own.reduce((total, one) => total + one.applicationSeen.tunnel, 0);
    const letters = own.map(letter).join(' ');
    lines.push(`  ${device.padEnd(10)} ${letters}   ${tunnel} application packets in the tunnel`);
  }
  const attacks = result.sessions.filter((one) => one.kind === 'adversary');
  for (const one of attacks) {
    const name = `${one.session.replace('adversary-', '')} (${one.device})`;
    const window = one.unrelatedInWindow > 0 ? `, ${one.unrelatedInWindow} in the window` : '';
    const seen = `${one.applicationSeen.tunnel} tunnelled, ${one.unrelatedDirect} direct${window}`;
    lines.push(`  adversary  ${letter(one)} ${name.padEnd(28)} ${seen}`);
  }
  return lines.join('\n');
}

function problems(session: SessionResult): string[] {
  const name = session.session || '(no session)';
  const lines = session.missedSteps.map((step) => `  ${name}: missed ${step}`);
  if (session.end === null) lines.push(`  ${name}: its program did not finish`);
  for (const leak of session.leaks.slice(0, 5)) {
    lines.push(
      `  ${name}: LEAK ${leak.direction} protocol ${leak.protocol} ${leak.flow} ${leak.length} B`,
    );
  }
  if (session.unrelatedProxied > 0) {
    lines.push(`  ${name}: ${session.unrelatedProxied} unrelated packets in the tunnel`);
  }
  return lines;
}

function middle(values: readonly number[]): number {
  return values[values.length >> 1] ?? 0;
}

/** The summary that ends a run. */
export function summary(result: Result): string {
  const { totals, timings } = result;
  const gap = timings.pounceMicroseconds;
  return [
    sessionTable(result),
    ...[...result.sessions, result.elsewhere].flatMap(problems).slice(0, 60),
    '',
    `seed ${result.seed}, router ${result.router}, ${timings.seconds.toFixed(0)} s,` +
      ` median session ${timings.sessionSeconds.toFixed(1)} s`,
    ...(gap.length > 0
      ? [
          `SYN after a DNS answer: ${gap[0]} / ${middle(gap)} / ${gap.at(-1)} us (least, median, most)`,
        ]
      : []),
    `application packets: ${totals.applicationLan} on the LAN, ${totals.applicationTunnel} in the` +
      ` tunnel, ${totals.leaked} LEAKED`,
    `unrelated packets: ${totals.unrelatedDirect} direct, ${totals.unrelatedProxied} proxied,` +
      ` ${totals.unrelatedInWindow} in a request window (proxied by rule)`,
    `home address seen ${totals.homeSeen} times; ${totals.missedSteps} steps missed;` +
      ` ${totals.heldBack} application flows held back`,
    `sessions: ${totals.sessionsOk} of ${totals.expectedSessions} fine`,
    `verdict: ${totals.ok ? 'PASS' : 'FAIL'}`,
  ].join('\n');
}

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmpv6',
};

function where(flow: FlowOutcome): string {
  if (flow.tunnel > 0 && flow.direct > 0) return 'BOTH';
  if (flow.tunnel > 0) return 'proxy';
  return flow.direct > 0 ? 'direct' : 'held';
}

/** Flow by flow: time, device, what it was, where it went, why, packets in and outside the tunnel.
 * `why` asks the agent's account of itself (`whp flows --json`), where there is one. */
export function flowTable(
  flows: readonly FlowOutcome[],
  why: (flow: FlowOutcome) => string = () => '',
): string {
  const start = Math.min(...flows.map((flow) => flow.time));
  const rows = flows.map((flow) =>
    [
      (flow.time - start).toFixed(3).padStart(8),
      flow.device.padEnd(9),
      (flow.session ?? '-').padEnd(12),
      (flow.step ?? '-').padEnd(9),
      `${PROTOCOLS[flow.protocol] ?? flow.protocol} ${flow.port} > ${flow.remote}:${flow.remotePort}`.padEnd(
        42,
      ),
      flow.nature.padEnd(11),
      `${where(flow)}${flow.inWindow && flow.nature === 'unrelated' ? ' (window)' : ''}`.padEnd(6),
      String(flow.tunnel).padStart(6),
      String(flow.direct).padStart(6),
      why(flow),
    ]
      .join(' ')
      .trimEnd(),
  );
  const head = `${'time'.padStart(8)} ${'device'.padEnd(9)} ${'session'.padEnd(12)} ${'step'.padEnd(9)} ${'flow'.padEnd(42)} ${'is'.padEnd(11)} went    tunnel direct why`;
  return [head, ...rows].join('\n');
}
