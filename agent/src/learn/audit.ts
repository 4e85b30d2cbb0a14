// learn/audit: judges the flows that left outside the tunnels by the evidence known when an audit ends.
// kernel/audit-table reads the flows from the kernel. Pure.
import { isRoutableText, parseAddress } from '../wire/address.ts';
import { type FlowEnds, protocolName } from '../wire/flow-text.ts';
import { transportName } from '../wire/packet.ts';
import type { Learned } from './endpoints.ts';
import { describe } from './evidence.ts';
import { type Grounds, groundOf, type HomeEnd, type Lasting, type Setting } from './late-flows.ts';

/** One outgoing flow, as read from the audit's sets. */
export interface LeftFlow {
  readonly device: string;
  readonly protocol: number;
  readonly remote: string;
  /** 0: the protocol has no ports. */
  readonly devicePort: number;
  readonly remotePort: number;
  readonly packets: number;
  readonly bytes: number;
  /** Seconds since the last packet. */
  readonly ago: number;
}

export interface JudgedFlow {
  readonly app: string;
  readonly ground: Lasting;
  readonly why: string;
  readonly flow: FlowEnds;
  readonly packets: number;
  readonly bytes: number;
  /** Seconds since the last packet. */
  readonly ago: number;
}

export interface AuditSources {
  readonly grounds: readonly Grounds[];
  readonly setting: Setting;
  readonly learned: Learned;
  readonly pairs: Learned;
  readonly now: number;
}

/** The flows that belong to an application by a ground, one entry for each app and flow. */
export function judgeFlows(flows: readonly LeftFlow[], from: AuditSources): JudgedFlow[] {
  return flows.flatMap((flow) => {
    const { device, devicePort, remote, remotePort, protocol } = flow;
    if (isForMany(remote)) return [];
    const transport = transportName(protocol);
    const remoteBytes = parseAddress(remote);
    const end: HomeEnd = { ...flow, remoteBytes, protocol: transport, outward: true };
    return from.grounds.flatMap((grounds) => {
      const ground = groundOf(grounds, end, from.setting);
      if (ground === null) return [];
      const ends = {
        protocol: protocolName(protocol),
        source: device,
        sourcePort: devicePort,
        destination: remote,
        destinationPort: remotePort,
      };
      const why = wordsOf(ground, ends, protocol, grounds, from);
      const { packets, bytes, ago } = flow;
      const { name: app } = grounds.app;
      return [{ app, ground, why, flow: ends, packets, bytes, ago }];
    });
  });
}

function wordsOf(
  ground: Lasting,
  ends: Parameters<typeof describe>[1],
  protocol: number,
  { app }: Grounds,
  { learned, pairs, setting, now }: AuditSources,
): string {
  const bytes = parseAddress(ends.destination)!;
  const family = bytes.length === 4 ? 4 : 6;
  const { destinationPort } = ends;
  const at = { bytes, destination: 0, destinationPort, family, protocol, length: 0 } as const;
  const mac = setting.macOf(ends.source);
  const holder = mac === null || setting.gateways.has(mac) ? ends.source : mac;
  const sources = { app, learned, pairs, holder };
  return describe(ground, ends, at, sources, app.name, now).detail;
}

/** Multicast and broadcast: local to a link, or routed only where somebody configured it. */
function isForMany(address: string): boolean {
  if (isRoutableText(address)) return false;
  return /^(22[4-9]|23\d|255)\.|^ff/i.test(address);
}
