// Names that the router's resolver is not asked for: devices with a resolver of their own, over
// plain DNS, DoT, DoQ or DoH. What is done about them, read from the globals section; used by build,
// compiled by ruleset/compile-escape and compile-hello.
import { formatCidr, parseCidr } from '../wire/address.ts';
import { type OptionReader, readBoolean, readOneOf } from './options.ts';

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
  /** Addresses or blocks of the devices the three options above apply to; empty = all. */
  readonly devices: readonly string[];
  /** Addresses of known DoH services, either family. */
  readonly doh: readonly string[];
}

export const ESCAPE_OPTIONS = ['hello', 'dns_redirect', 'dns_reject_dot', 'dns_reject_doh'];
export const ESCAPE_LISTS = ['dns_device'];

/** `doh`: the services of the data file, null when it was not read. */
export function readEscape(
  read: OptionReader,
  doh: readonly string[] | null,
  problemOf: (value: string) => string | null,
): Escape | null {
  const escape: Escape = {
    hello: readOneOf(read, 'hello', ['off', 'watch', 'hold'] as const, 'off'),
    redirect: readBoolean(read, 'dns_redirect', false),
    rejectDot: readBoolean(read, 'dns_reject_dot', false),
    rejectDoh: readBoolean(read, 'dns_reject_doh', false),
    devices: read.list('dns_device', problemOf).map((text) => formatCidr(parseCidr(text)!)),
    doh: doh ?? [],
  };
  if (escape.rejectDoh && escape.doh.length === 0) {
    read.complain('dns_reject_doh', 'no DoH service is known: doh.json is missing or unreadable');
  }
  const { hello, redirect, rejectDot, rejectDoh } = escape;
  const asksNothing = hello === 'off' && !redirect && !rejectDot && !rejectDoh;
  return asksNothing && doh === null ? null : escape;
}
