// Runs one case of the trace comparison through the tracer and returns the differences from its expectations.
// test/netns/trace does the same with a real kernel.

import { pairOf, portOf } from '../../agent/src/ruleset/elements.ts';
import type { Hook } from '../../agent/src/ruleset/model.ts';
import { parsePrefix } from '../../agent/src/ruleset/names.ts';
import {
  addElements,
  cutFlow,
  listElements,
  type ModelKernel,
} from '../../agent/src/ruleset/trace/fake-kernel.ts';
import type { Trace, TracedPacket } from '../../agent/src/ruleset/trace/result.ts';
import { trace } from '../../agent/src/ruleset/trace/trace.ts';
import { formatAddress, parseAddress } from '../../agent/src/wire/address.ts';
import { canonicalMac, macBytes, macText } from '../../agent/src/wire/mac.ts';
import { type Case, macOf, type Send, type Side, type Step, type Want } from './cases.ts';

const DEVICES: { readonly [side in Side]: string } = { lan: 'br-lan', wan: 'wan', tunnel: 'whp-a' };
const LOCAL = new Set(['192.168.1.1', '203.0.113.2', '10.200.0.2', 'fd00:1::1']);
const BROADCAST = ['192.168.1.255', '192.168.2.255'];

export const WORLD = { broadcast: BROADCAST };

/** Routing as the router's main table: its own addresses, two lan networks, everything else by the WAN. */
export function arrival(send: Send): TracedPacket {
  const { from, bytes, mark } = send;
  const family = bytes[0]! >> 4 === 4 ? 4 : 6;
  const target = formatAddress(bytes, family === 4 ? 16 : 24, family);
  const many = target === '255.255.255.255' || BROADCAST.includes(target);
  const local = LOCAL.has(target) || many;
  const home = target.startsWith('192.168.') || target.startsWith('fd00:1:');
  return {
    bytes,
    iif: DEVICES[from],
    oif: local ? '' : home ? DEVICES.lan : DEVICES.wan,
    hooks: local ? 'input' : 'forward',
    ether: macBytes(senderOf(send))!,
    ...(mark === undefined ? {} : { mark }),
  };
}

/** The MAC of the sender. */
export function senderOf({ bytes, mac }: Pick<Send, 'bytes' | 'mac'>): string {
  const family = bytes[0]! >> 4 === 4 ? 4 : 6;
  return mac ?? macOf(formatAddress(bytes, family === 4 ? 12 : 8, family));
}

/** The differences between the tracer and the case; empty: none. */
export function play(kernel: ModelKernel, one: Case): string[] {
  let now = 1000;
  const differences: string[] = [];
  one.steps.forEach((step, index) => {
    now += 1;
    if ('wait' in step) now += step.wait;
    else differences.push(...playStep(kernel, step, now).map((text) => `step ${index}: ${text}`));
  });
  return differences;
}

export function playStep(kernel: ModelKernel, step: Exclude<Step, { wait: number }>, now: number) {
  if ('add' in step) {
    const { set, key, timeout } = step.add;
    addElements(kernel, set, [timeout === undefined ? { key } : { key, timeout }], now);
    return [];
  }
  if ('cut' in step) return cutFlow(kernel, step.cut, now) ? [] : ['there is no flow to cut'];
  if ('set' in step) {
    const texts = listElements(kernel, step.set, now).map(({ key }) => keyText(step.set, key));
    return compareSets(step.set, texts, step.holds);
  }
  return compareTrace(trace(kernel, arrival(step.send), now), step.send.want);
}

export function compareTrace(got: Trace, want: Want): string[] {
  const seen = {
    verdict: got.verdict,
    ...(want.mark === undefined ? {} : { mark: got.mark }),
    ...(want.ctmark === undefined ? {} : { ctmark: got.ctmark }),
    ...(want.logs === undefined ? {} : { logs: got.logs.map(({ prefix }) => feedOf(prefix)) }),
  };
  const { cost, ...rest } = want;
  const wanted = JSON.stringify({
    verdict: rest.verdict,
    ...(rest.mark === undefined ? {} : { mark: rest.mark }),
    ...(rest.ctmark === undefined ? {} : { ctmark: rest.ctmark }),
    ...(rest.logs === undefined ? {} : { logs: rest.logs }),
  });
  const differences: string[] = [];
  if (JSON.stringify(seen) !== wanted) {
    differences.push(`wanted ${wanted}, got ${JSON.stringify(seen)} by ${got.path.join(' > ')}`);
  }
  for (const hook of ['prerouting', 'forward', 'postrouting'] satisfies Hook[]) {
    const looked = got.cost[hook] ?? 0;
    if (cost !== undefined && looked > cost) differences.push(`${looked} rules in ${hook}`);
  }
  return differences;
}

export function feedOf(prefix: string): string {
  return parsePrefix(prefix)?.feed ?? `not ours: ${prefix}`;
}

export function compareSets(
  name: string,
  got: readonly string[],
  want: readonly string[],
): string[] {
  const [left, right] = [got, want].map((list) => JSON.stringify([...list].sort()));
  return left === right ? [] : [`${name} holds ${left}, wanted ${right}`];
}

/** Sets whose key is a device and a port. */
export const PORT_SET = /(_udp|_tcp|^hello_segment|^dns_bypass)(mac|[46])$/;
/** Sets whose key is a MAC. */
export const MAC_SET = /^gateways$|mac$/;

/** Sets whose key begins with a MAC in two fields. */
export const SPLIT_MAC_SET = /_(peermac[46]|portmapmac)$/;

/** A MAC in two fields and what follows it, as nft reads them; `text`: as `keyText` returns it. */
export function macWords(text: string): string {
  const [mac = '', ...rest] = text.split(' ');
  const digits = mac.replaceAll(':', '');
  return [`0x${digits.slice(0, 8)}`, `0x${digits.slice(8)}`, ...rest].join(' . ');
}

/** The key as cases write it: "device port", "device peer", "address". */
export function keyText(set: string, key: Uint8Array): string {
  if (/^cut[46]$/.test(set)) {
    const { device, port } = portOf(key)!;
    const low = (key[key.length - 2]! << 8) | key[key.length - 1]!;
    return `${device} ${port * 65536 + low}`;
  }
  if (PORT_SET.test(set)) {
    const { device, port } = portOf(key)!;
    return `${device} ${port}`;
  }
  if (/_(peer|hello|peermac)[46]$/.test(set)) {
    const { device, peer } = pairOf(key)!;
    return `${device} ${peer}`;
  }
  if (MAC_SET.test(set)) return macText(key, 0);
  return formatAddress(key, 0, key.length === 4 ? 4 : 6);
}

/** "device port" from the text of an nft listing. */
export function canonical(address: string): string {
  if (canonicalMac(address) !== null) return address;
  return formatAddress(parseAddress(address)!, 0, address.includes(':') ? 6 : 4);
}
