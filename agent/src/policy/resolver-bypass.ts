// policy/resolver-bypass: the options for devices that do not use the router's resolver but another one, over
// plain DNS, DoT, DoQ or DoH. Part of the globals section; ruleset/compile/resolver-bypass and tls-hello
// compile the result.

import type { Host } from '../syntax/dhcp-hosts.ts';
import { type OptionReader, readBoolean, readOneOf } from '../syntax/options.ts';
import { type Directory, readDevices, resolveMacs } from './build-devices.ts';

/** How the server name (SNI) in the ClientHello of an unclassified flow is read. */
export type HelloMode = 'off' | 'watch' | 'hold';

export interface ResolverBypass {
  readonly hello: HelloMode;
  /** The router's resolver answers DNS that a device sends to another resolver. */
  readonly redirect: boolean;
  /** DNS over TLS and QUIC (port 853) is rejected. */
  readonly rejectDot: boolean;
  /** Known DoH services are rejected. */
  readonly rejectDoh: boolean;
  /** Devices that the three options above apply to, as in an app: addresses or blocks, and MACs. */
  readonly devices: readonly string[];
  readonly macs?: readonly string[];
  /** Addresses of known DoH services, either family. */
  readonly doh: readonly string[];
}

export const BYPASS_OPTIONS = ['hello', 'dns_redirect', 'dns_reject_dot', 'dns_reject_doh'];
export const BYPASS_LISTS = ['dns_device'];

export interface BypassInput {
  /** Addresses from doh.json; absent: the file was not read. */
  readonly doh?: readonly string[];
  readonly hosts?: readonly Host[];
}

/** Null: no option is set and doh.json was not read, so there is nothing to compile. */
export function readBypass(
  read: OptionReader,
  directory: Directory,
  input: BypassInput,
): ResolverBypass | null {
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
  // As in an app: an unresolved name must select no device, not all.
  const byMac = chosen !== null && (macs.length > 0 || chosen.blocks.length === 0);
  const asksNothing = hello === 'off' && !redirect && !rejectDot && !rejectDoh;
  if (asksNothing && input.doh === undefined) return null;
  const devices = chosen?.blocks ?? [];
  const all = { hello, redirect, rejectDot, rejectDoh, devices, doh };
  return byMac ? { ...all, macs } : all;
}
