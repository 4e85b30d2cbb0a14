// wire/portmap: decodes port mapping requests of home devices to the router (UDP 5351): NAT-PMP (RFC 6886) and PCP
// (RFC 6887). The ruleset itself learns the port, from its offset; this decoder is for the feed that explains it and
// for captures.
import { type Malformed, u16At, u32At } from './reader.ts';

export interface PortMapRequest {
  readonly protocol: 'nat-pmp' | 'pcp';
  /** 'all' is PCP's protocol 0: every protocol (RFC 6887 section 11.1). */
  readonly transport: 'udp' | 'tcp' | 'all';
  /** 0: all ports; valid only with lifetime 0 or protocol 0. */
  readonly internalPort: number;
  readonly externalPort: number;
  /** 0 deletes the mapping. */
  readonly lifetimeSeconds: number;
}

/**
 * The mapping request in a UDP payload bytes[offset, end). Null: another message of the two protocols (external
 * address, announce, peer, responses).
 */
export function decodePortMap(
  bytes: Uint8Array,
  offset: number,
  end: number,
): PortMapRequest | Malformed | null {
  if (offset < 0 || end > bytes.length || end - offset < 2) {
    return { malformed: 'shorter than a version and an opcode' };
  }
  const version = bytes[offset]!;
  if (version === 0) return decodeNatPmp(bytes, offset, end);
  if (version === 2) return decodePcp(bytes, offset, end);
  return { malformed: `port mapping protocol version ${version}` };
}

function decodeNatPmp(
  bytes: Uint8Array,
  offset: number,
  end: number,
): PortMapRequest | Malformed | null {
  const operation = bytes[offset + 1]!;
  // RFC 6886 section 3.3: 1 maps UDP, 2 maps TCP; 0 requests the address, 128 and up are responses.
  if (operation !== 1 && operation !== 2) return null;
  if (end - offset < 12) return { malformed: 'NAT-PMP request shorter than 12 bytes' };
  return {
    protocol: 'nat-pmp',
    transport: operation === 1 ? 'udp' : 'tcp',
    internalPort: u16At(bytes, offset + 4),
    externalPort: u16At(bytes, offset + 6),
    lifetimeSeconds: u32At(bytes, offset + 8),
  };
}

function decodePcp(
  bytes: Uint8Array,
  offset: number,
  end: number,
): PortMapRequest | Malformed | null {
  // RFC 6887 section 7.1: the top bit marks a response, opcode 1 is MAP.
  if (bytes[offset + 1] !== 1) return null;
  if (end - offset < 60) return { malformed: 'PCP MAP request shorter than 60 bytes' };
  const protocol = bytes[offset + 36]!;
  if (protocol !== 0 && protocol !== 6 && protocol !== 17) return null;
  return {
    protocol: 'pcp',
    transport: protocol === 17 ? 'udp' : protocol === 6 ? 'tcp' : 'all',
    internalPort: u16At(bytes, offset + 40),
    externalPort: u16At(bytes, offset + 42),
    lifetimeSeconds: u32At(bytes, offset + 4),
  };
}
