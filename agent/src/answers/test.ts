// answers/test: the lines of `whp test`: each says what was looked at, what it means for a call, and the command that
// mends it. Pure: what was measured is an argument.
import type { Proxy } from '../policy/policy.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import { splitFix } from '../syntax/fix.ts';
import { isRoutableText } from '../wire/address.ts';
import { type BypassAnswer, bypassFix, bypassText } from './bypass.ts';
import type { StatusAnswer } from './status.ts';

/** ok; wrong: a call is not protected; note: worth knowing, or not looked at. */
export type TestState = 'ok' | 'wrong' | 'note';

/** One line; with --json one object. Other fields are what was measured. */
export interface TestLine {
  readonly subject: string;
  readonly state: TestState;
  readonly text: string;
  /** A command, or what to do where none helps. */
  readonly fix?: string;
  readonly [measured: string]: string | number | boolean | null | undefined;
}

export function line(
  subject: string,
  state: TestState,
  text: string,
  fix?: string,
  measured: Readonly<Record<string, number | string | null>> = {},
): TestLine {
  return { subject, state, text, ...(fix === undefined ? {} : { fix }), ...measured };
}

/** The commands at the end of a sentence become the fix. */
export function split(subject: string, state: TestState, sentence: string): TestLine {
  const { what, fix } = splitFix(sentence);
  return line(subject, state, what, fix);
}

const RESTART = '/etc/init.d/whp restart';
export const START = '/etc/init.d/whp enable; /etc/init.d/whp start';
const ON_PROXY = 'on the server: whp-proxy status';
const GET_PUBLIC = 'ask your provider for a public IPv4 address';

/** The router's own address towards the proxies. What a router further out translates it to is not seen here. */
export function homeLine(own: string | null): TestLine {
  const subject = 'home address';
  if (own === null)
    return line(subject, 'wrong', 'no route to the proxy: the WAN is down', 'ifup wan');
  if (isRoutableText(own)) {
    const text = `${own}, public: the router's own; a translation further out is not seen here`;
    return line(subject, 'ok', text, undefined, { address: own });
  }
  // Of 100.0.0.0/8 only 100.64.0.0/10 is not public (RFC 6598).
  const what = own.startsWith('100.')
    ? "your provider's carrier-grade NAT"
    : 'another router before this';
  const text = `${own} is private: ${what} translates it, and GRE passes few of these`;
  return line(subject, 'note', text, GET_PUBLIC, { address: own });
}

/** `times`: round trips of the probes in milliseconds, null: lost; or why none could be sent. */
export function tunnelLine(
  { name, address }: Pick<Proxy, 'name' | 'address'>,
  times: readonly (number | null)[] | string,
  own: string | null,
): TestLine {
  const subject = `tunnel ${name}`;
  if (typeof times === 'string') {
    const text = `the device ${tunnelDevice(name)} cannot be used: ${times}`;
    return line(subject, 'wrong', text, RESTART);
  }
  const heard = times.flatMap((one) => one ?? []).sort((a, b) => a - b);
  const lost = times.length - heard.length;
  const measured = { sent: times.length, lost };
  if (heard.length === 0) {
    const isPrivate = own !== null && !isRoutableText(own);
    const why = isPrivate
      ? 'GRE does not pass the NAT between this router and the Internet'
      : `it drops GRE, has another key, or expects another home address than ${own ?? 'this one'}`;
    const fix = isPrivate ? GET_PUBLIC : ON_PROXY;
    const text = `${address} answers none of ${times.length} probes: ${why}`;
    return line(subject, 'wrong', text, fix, measured);
  }
  const middle = Math.round(heard[heard.length >> 1]!);
  const range = `${Math.round(heard[0]!)} to ${Math.round(heard.at(-1)!)}`;
  const text = `out and back in ${middle} ms (${range}), ${lost} of ${times.length} probes lost`;
  const state = lost * 5 > times.length ? 'note' : 'ok';
  return line(subject, state, text, undefined, { ...measured, rtt_ms: middle });
}

/** Said where the tunnel is silent and banIP runs, whose lists have many addresses of rented servers. */
export function banIpLine({ name, address }: Pick<Proxy, 'name' | 'address'>): TestLine {
  const text = `it drops what its lists have: the tunnel too, if ${address} is among them; then add it to /etc/banip/banip.allowlist`;
  return line(`banIP ${name}`, 'note', text, `/etc/init.d/banip search ${address}`);
}

/** `passed`: bytes of the largest packet that came back unfragmented, 0: none. `mtu`: of the tunnel device. */
export function mtuLine(name: string, mtu: number, passed: number): TestLine {
  const subject = `largest packet ${name}`;
  const measured = { mtu_bytes: mtu, passed_bytes: passed };
  if (passed >= mtu) return line(subject, 'ok', `${mtu} bytes pass`, undefined, measured);
  const text = `${passed === 0 ? 'no large packet passes' : `${passed} bytes pass`}, not the ${mtu} of the tunnel: larger ones are lost`;
  // The smallest MTU that the configuration takes.
  const fix =
    passed < 1280 ? ON_PROXY : `uci set whp.${name}.mtu='${passed}'; uci commit whp; whp reload`;
  return line(subject, 'note', text, fix, measured);
}

export interface Filled {
  readonly sent: number;
  readonly replies: number;
  readonly lost: number;
}

/** `replies` to requests of `size` bytes within a second; `lost` of those `sent` came not even later. */
export function speedLine(name: string, size: number, { replies, sent, lost }: Filled): TestLine {
  const rate = ((replies * size * 8) / 1e6).toFixed(1);
  const text = `at least ${rate} Mbit/s each way, by ICMP echoes for a second; ${lost} of ${sent} lost`;
  const isSlow = replies * size * 8 < 100_000;
  return line(`throughput ${name}`, isSlow ? 'note' : 'ok', text, undefined, {
    bytes: replies * size,
    duration_ms: 1000,
    sent,
    lost,
  });
}

/** `seen`: the address that the resolver of option test_address saw; null: no answer. */
export function exitLine(
  { name, address }: Pick<Proxy, 'name' | 'address'>,
  resolver: string,
  seen: string | null,
  own: string | null,
): TestLine {
  const subject = `seen by the world ${name}`;
  if (seen === null) {
    const text = `not known: ${resolver} (option test_address) does not answer through the tunnel`;
    return line(subject, 'note', text, ON_PROXY);
  }
  const measured = { address: seen };
  if (seen === own) return line(subject, 'wrong', `${seen}, your own address`, ON_PROXY, measured);
  const other = seen === address ? '' : `, though its tunnel goes to ${address}`;
  return line(subject, 'ok', `${seen}${other}`, undefined, measured);
}

export const ASK_ADDRESS =
  "uci set whp.globals.test_address='myip.opendns.com@208.67.222.222'; uci commit whp; whp reload";

export interface HeldSeen {
  /** Milliseconds of each probe, null: it did not leave; or why none could be sent. */
  readonly times: readonly (number | null)[] | string;
  /** How many of them the queue took; null: nobody reads the queue. */
  readonly queued: number | null;
}

export function heldLine(
  { dns_answers: ear, hold_wanted: wanted }: Pick<StatusAnswer, 'dns_answers' | 'hold_wanted'>,
  seen: HeldSeen,
): TestLine {
  const subject = 'DNS held';
  if (ear === 'none')
    return line(subject, 'note', 'not asked: no app is enabled, so nothing is held');
  if (!wanted) {
    const fix = "uci set whp.globals.hold='1'; uci commit whp; whp reload";
    return line(subject, 'note', 'option hold is 0: the first packet may go direct', fix);
  }
  const { times, queued } = seen;
  if (ear !== 'held') {
    const text = 'answers cannot be held: the first packet of a quick client may go direct';
    return line(subject, 'wrong', text, `opkg install kmod-nft-queue; ${RESTART}`);
  }
  if (typeof times === 'string') return line(subject, 'note', `not asked: ${times}`);
  const heard = times.flatMap((one) => one ?? []);
  const measured = { sent: times.length, lost: times.length - heard.length, queued };
  if (heard.length < times.length) {
    const text = `${times.length - heard.length} of ${times.length} probe answers did not leave`;
    return line(subject, 'wrong', text, RESTART, measured);
  }
  if (queued === null || queued < times.length) {
    const text = 'probe answers left without a wait for the agent';
    return line(subject, 'wrong', text, RESTART, measured);
  }
  const worst = Math.max(1, Math.round(Math.max(...heard)));
  const text = `${times.length} of ${times.length} probe answers waited for the agent, ${worst} ms at most`;
  return line(subject, 'ok', text, undefined, { ...measured, most_ms: worst });
}

/** Devices that ask other resolvers; a fix where their answers cannot be read. */
export function bypassLines(bypass: readonly BypassAnswer[]): TestLine[] {
  const subject = 'other resolvers';
  if (bypass.length === 0) return [line(subject, 'ok', 'no device has asked one within a day')];
  return bypass.map((one) => {
    const fix = bypassFix(one);
    const what = fix === null ? 'their answers are read as they pass' : 'names are not seen';
    return line(subject, 'note', `${bypassText(one)}: ${what}`, fix ?? undefined);
  });
}

/** Sizes to try between one that passes and one that does not, largest first. */
export function sizesBetween(passes: number, fails: number): number[] {
  const step = Math.max(1, Math.ceil((fails - passes) / 16));
  const sizes: number[] = [];
  for (let size = fails - step; size > passes; size -= step) sizes.push(size);
  return sizes;
}
