// learn/recheck: when a packet adds a port or a peer to a set, the evidence by which running flows are checked
// again. Called by step/evidence for every announced packet. Pure.
import type { App } from '../policy/policy.ts';
import { destinationText, type Packet, sourceText, transportName } from '../wire/packet.ts';
import { rangeShowsPort, showsPort } from './endpoint-port.ts';
import type { EvidenceKind } from './evidence.ts';
import type { Recheck } from './late-flows.ts';
import { observePortmap } from './observe-portmap.ts';

/** The rechecks of one announced packet: mostly none. `mac`: the device's; null: not known. */
export function rechecksOf(
  app: App,
  kind: EvidenceKind,
  packet: Packet,
  mac: string | null,
): readonly Recheck[] {
  switch (kind) {
    case 'range':
      return ofRange(app, packet, mac);
    case 'port':
      return ofPort(app, packet, mac);
    case 'addr':
      return showsPort(app, packet) ? [portRecheck(app, packet, mac, 'udp')] : [];
    case 'mapping':
      return ofMapping(app, packet, mac);
    default:
      return [];
  }
}

function ofRange(app: App, packet: Packet, mac: string | null): Recheck[] {
  const protocol = transportName(packet.protocol);
  if (protocol === null || !rangeShowsPort(app, packet)) return [];
  return [portRecheck(app, packet, mac, protocol)];
}

function portRecheck(
  app: App,
  packet: Packet,
  mac: string | null,
  protocol: 'udp' | 'tcp',
): Recheck {
  const ends = { app: app.name, device: sourceText(packet), mac };
  return { kind: 'port', ...ends, protocol, port: packet.sourcePort };
}

function ofPort(app: App, packet: Packet, mac: string | null): Recheck[] {
  if (!app.profile.peers.enabled) return [];
  const ends = { device: sourceText(packet), mac, remote: destinationText(packet) };
  return [{ kind: 'peer', app: app.name, ...ends }];
}

function ofMapping(app: App, packet: Packet, mac: string | null): Recheck[] {
  const mapped = observePortmap(packet);
  if (mapped === null || 'malformed' in mapped) return [];
  const { device, port } = mapped;
  return mapped.transports.map((protocol) => ({
    kind: 'port',
    app: app.name,
    device,
    mac,
    protocol,
    port,
  }));
}
