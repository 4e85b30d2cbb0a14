// Names that the router's resolver is not asked for: devices with a resolver of their own, over
// plain DNS, DoT, DoQ or DoH. What is done about them, read from the globals section; used by build,
// compiled by ruleset/compile/resolver-bypass and tls-hello.

import type { Host } from '../syntax/dhcp-hosts.ts';
import { type OptionReader, readBoolean, readOneOf } from '../syntax/options.ts';
import { type Directory, readDevices, resolveMacs } from './build-devices.ts';

/** How the server's name in the ClientHello of a flow that nobody knows yet is read. */
export type HelloMode = 'off' | 'watch' | 'hold';

export interface Escape {
  readonly hello: HelloMode;
  /** DNS to a resolver outside is answered by the router's. */
  readonly redirect: boolean;
  /** DNS over TLS and QUIC (port 853) is refused. */
  readonly rejectDot: boolean;
  /** Known DoH services are refused. */
  readonly rejectDoh: boolean;
  /** Devices the three options above apply to, as in an app: addresses or blocks, and MACs. */
  readonly devices: readonly string[];
  readonly macs?: readonly string[];
  /** Addresses of known DoH services, either family. */
  readonly doh: readonly string[];
}

export const ESCAPE_OPTIONS = ['hello', 'dns_redirect', 'dns_reject_dot', 'dns_reject_doh'];
export const ESCAPE_LISTS = ['dns_device'];

export interface EscapeInput {
  /** The services of the data file; absent when it was not read. */
  readonly doh?: readonly string[];
  readonly hosts?: readonly Host[];
}

/** Null when nothing is asked for and no service is known: then there is nothing to compile. */
export function readEscape(
  read: OptionReader,
  directory: Directory,
  input: EscapeInput,
): Escape | null {
  const hello = readOneOf(read, 'hello', ['off', 'watch', 'hold'] as const, 'off');
  const redirect = readBoolean(read, 'dns_redirect', false);
  const rejectDot = readBoolean(read, 'dns_reject_dot', false);
  const rejectDoh = readBoolean(read, 'dns_reject_doh', false);
  const doh = input.doh ?? [];
  if (rejectDoh && doh.length === 0) {
    read.complain('dns_reject_doh', 'no DoH service is known: doh.json is missing or unreadable');
  }
  const chosen = readDevices(read, directory, 'dns_device');
  const macs = chosen === null ? [] : resolveMacs(chosen, input.hosts ?? []);
  // As in an app: a name that nobody has yet must not mean everybody.
  const byMac = chosen !== null && (macs.length > 0 || chosen.blocks.length === 0);
  const asksNothing = hello === 'off' && !redirect && !rejectDot && !rejectDoh;
  if (asksNothing && input.doh === undefined) return null;
  const devices = chosen?.blocks ?? [];
  const all = { hello, redirect, rejectDot, rejectDoh, devices, doh };
  return byMac ? { ...all, macs } : all;
}
