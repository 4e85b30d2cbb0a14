// step/outside: a packet counted by the meter at the exit is reported with its ground, and its flow is looked
// for, so that its conntrack entry is deleted and it begins anew.

import type { Effect } from '../learn/effect.ts';
import { describe, flowOf } from '../learn/evidence.ts';
import type { Recheck } from '../learn/late-flows.ts';
import { noteOutside } from '../learn/outside.ts';
import type { App } from '../policy/policy.ts';
import type { Ground } from '../ruleset/names.ts';
import { flowText } from '../wire/flow-text.ts';
import { destinationText, type Packet, sourceText, TCP, UDP } from '../wire/packet.ts';
import { report } from './packet.ts';
import type { State } from './state.ts';

export function onOutside(
  state: State,
  app: App,
  ground: Ground,
  packet: Packet,
  mac: string | null,
  now: number,
): readonly Effect[] {
  const flow = flowOf(packet);
  const why = whyOf(state, app, ground, packet, mac ?? sourceText(packet), now);
  noteOutside(state.outside, app.name, { flow, ground, why, at: now }, packet.length);
  const text = `${app.name}: a packet left outside the tunnels: ${flowText(flow)} (${why})`;
  const recheck = recheckOf(app, ground, packet, mac);
  return [
    ...report(state, `outside ${app.name}`, text, now),
    ...(recheck === null ? [] : [{ kind: 'late', recheck } as const]),
  ];
}

function whyOf(
  state: State,
  app: App,
  ground: Ground,
  packet: Packet,
  holder: string,
  now: number,
): string {
  if (ground === 'mark')
    return 'its flow has our mark: a rule of others, or none of ours, led it away';
  const sources = { app, learned: state.learned, pairs: state.pairs, holder };
  return describe(ground, flowOf(packet), packet, sources, app.name, now).detail;
}

/** The recheck that finds this packet's flow, which never had our mark or lost it; null: none does. */
function recheckOf(
  { name: app }: App,
  ground: Ground,
  packet: Packet,
  mac: string | null,
): Recheck | null {
  const device = sourceText(packet);
  const remote = destinationText(packet);
  const { protocol, sourcePort: port } = packet;
  if (ground === 'addr') return { kind: 'address', app, remote };
  if (ground === 'peer' || ground === 'hello') return { kind: 'peer', app, device, mac, remote };
  // By a range or its port: the recheck names this flow's own port.
  if (ground === 'mark') return null;
  if (protocol === UDP) return { kind: 'port', app, device, mac, protocol: 'udp', port };
  return protocol === TCP ? { kind: 'port', app, device, mac, protocol: 'tcp', port } : null;
}
