// learn/observe-hello: which server of an application a device names in a TLS ClientHello, and its address. Joins
// a hello of two segments; does not wait for a third. The results go to named-servers and the set of device and
// server.
import { matchText } from '../profile/name-match.ts';
import { isRoutable } from '../wire/address.ts';
import { flowText } from '../wire/flow-text.ts';
import { destinationText, type Packet, sourceText, TCP } from '../wire/packet.ts';
import type { Malformed } from '../wire/reader.ts';
import { decodeClientHello } from '../wire/tls.ts';
import type { DnsObserver } from './dns-observer.ts';
import { flowOf } from './evidence.ts';
import { type Hellos, keepPart, type NamedServer, takePart } from './named-servers.ts';

/** Most bytes of both segments together: two segments of an Ethernet path. */
const LONGEST = 3200;

export interface HelloObservation {
  /** One for each application that the name matches; empty: no match, or the name has not arrived yet. */
  readonly named: readonly NamedServer[];
}

const NOBODY: HelloObservation = { named: [] };

/** Observes a packet from a device to port 443 at `now` (milliseconds). */
export function observeHello(
  hellos: Hellos,
  observer: DnsObserver,
  packet: Packet,
  now: number,
): HelloObservation | Malformed {
  if (packet.protocol !== TCP || packet.transport < 0) return { malformed: 'not a TCP segment' };
  const flow = flowText(flowOf(packet));
  const part = takePart(hellos, flow, packet.tcpSequence);
  const bytes = part === null ? null : joined(part, packet);
  const hello =
    bytes === null
      ? decodeClientHello(packet.bytes, packet.payload, packet.payloadEnd)
      : decodeClientHello(bytes);
  if ('malformed' in hello) return hello;
  if ('more' in hello) {
    if (part === null) keepFirst(hellos, flow, packet, now);
    return NOBODY;
  }
  const matches = hello.server === null ? [] : matchText(observer.matcher, hello.server);
  if (matches.length === 0) return NOBODY;
  const address = destinationText(packet);
  const { bytes: b, destination, family } = packet;
  if (!isRoutable(b, destination, family)) return NOBODY;
  if (observer.isOwn(address)) return NOBODY;
  const name = hello.server!;
  const device = sourceText(packet);
  return { named: matches.map(({ app }) => ({ app, device, address, name, flow })) };
}

function keepFirst(hellos: Hellos, flow: string, packet: Packet, now: number): void {
  const { payload, payloadEnd, tcpSequence } = packet;
  if (payloadEnd - payload > LONGEST / 2) return;
  const next = (tcpSequence + payloadEnd - payload) >>> 0;
  keepPart(hellos, flow, { bytes: packet.bytes.slice(payload, payloadEnd), next, at: now });
}

function joined(part: Uint8Array, { bytes, payload, payloadEnd }: Packet): Uint8Array {
  const rest = bytes.subarray(payload, Math.min(payloadEnd, payload + LONGEST - part.length));
  const whole = new Uint8Array(part.length + rest.length);
  whole.set(part);
  whole.set(rest, part.length);
  return whole;
}
