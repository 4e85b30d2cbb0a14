// runtime/live: the evidence of live connections. A marked connection whose evidence has expired (a silent server,
// a sleeping device) has its device and remote address added to the peer sets, so that its later packets are
// recognised.

import { noteTaught, taughtElements } from '../learn/dynamic-sets.ts';
import { livingEndpoints } from '../learn/endpoints.ts';
import {
  type Grounds,
  peerText,
  portText,
  type Setting,
  unbackedPair,
} from '../learn/late-flows.ts';
import { addedKeys, unlearn } from '../learn/undo.ts';
import type { KernelError } from '../netlink/kernel-error.ts';
import type { SetChange } from '../netlink/nft-set.ts';
import { now, unattended } from '../os/clock.ts';
import { errorText } from '../os/errno.ts';
import { log } from '../os/log.ts';
import { markOf } from '../policy/marks.ts';
import type { App } from '../policy/policy.ts';
import { macKey, pairKey, pairOf, portKey, portOf } from '../ruleset/elements.ts';
import { type FilledKind, setName } from '../ruleset/names.ts';
import type { State } from '../step/state.ts';
import { FAMILIES, type Family, familyIn } from '../wire/address.ts';
import { byteString, bytesIn } from '../wire/hex.ts';
import type { Learning } from './learning.ts';

/** Most ports, and most peers, that one call teaches. */
const MOST_SHOWN = 256;

/** Teaches the pairs of marked connections without evidence. Only at the start of an agent, since the time without
 * one is unknown; later, what the owner forgets must not be taught again by live connections. */
export function keepLive(effects: Learning, setting: Setting): void {
  const { kernel, inForce } = effects;
  const { state } = inForce;
  const { mask } = state.policy.globals;
  for (const app of state.policy.apps) {
    const grounds = knownGrounds(state, app);
    const bare = new Set<string>();
    const read = kernel.conntrack.list([{ mark: markOf(mask, app.slot), mask }], (connection) => {
      if (bare.size >= MOST_SHOWN) return;
      const pair = unbackedPair(connection, grounds, setting);
      if (pair !== null) bare.add(pair);
    });
    const teach = (): void => {
      const isStill = inForce.state.apps.has(app.name);
      if (bare.size === 0 || !isStill) return;
      const error = teachShown(effects, state, app, { ports: [], peers: [...bare] });
      if (error !== null) log('error', errorText(error));
    };
    unattended(read.then(teach));
  }
}

/** All current evidence of `app`: endpoints, ports, peers. */
export function knownGrounds(state: State, app: App): Grounds {
  const ports = new Set<string>();
  const peers = new Set<string>();
  const at = now();
  const addresses = livingEndpoints(state.learned, at).filter((one) => one.app === app.name);
  const keysIn = (byAddress: FilledKind, byMac: FilledKind, family: Family) =>
    [byAddress, byMac].flatMap((kind) =>
      taughtElements(state.taught, setName(app.name, kind, family), at),
    );
  for (const family of FAMILIES) {
    for (const protocol of ['udp', 'tcp'] as const) {
      for (const { key } of keysIn(protocol, `${protocol}mac`, family)) {
        const found = portOf(bytesIn(key));
        if (found !== null) ports.add(portText(found.device, protocol, found.port));
      }
    }
    for (const { key } of keysIn('peer', 'peermac', family)) {
      const found = pairOf(bytesIn(key));
      if (found !== null) peers.add(peerText(found.device, found.peer));
    }
  }
  return { app, addresses: new Set(addresses.map(({ address }) => address)), ports, peers };
}

/** Adds shown ports and peers of `app` to the sets: MOST_SHOWN of each at most, in one call. What the kernel refuses
 * is not learned. */
export function teachShown(
  effects: Learning,
  state: State,
  { profile, name }: App,
  shown: Shown,
): KernelError | null {
  const { caps, ports, peers } = profile;
  const until = (seconds: number): number => now() + seconds * 1000;
  const elements = new Map<string, { readonly key: Uint8Array }[]>();
  const take = (set: string, key: Uint8Array | null, expires: number, cap: number): void => {
    if (key === null) return;
    noteTaught(state.taught, set, { key: byteString(key), expires }, cap);
    const list = elements.get(set) ?? [];
    elements.set(set, list);
    list.push({ key });
  };
  for (const text of shown.ports.slice(0, MOST_SHOWN)) {
    const [device = '', protocol = '', port = ''] = text.split(' ');
    if (protocol !== 'udp' && protocol !== 'tcp') continue;
    const kind = macKey(device) === null ? protocol : (`${protocol}mac` as const);
    const set = setName(name, kind, familyIn(device));
    take(set, portKey(device, Number(port)), until(ports.leaseSeconds), caps.ports);
  }
  for (const text of shown.peers.slice(0, MOST_SHOWN)) {
    const [device = '', remote = ''] = text.split(' ');
    const kind = macKey(device) === null ? 'peer' : 'peermac';
    const set = setName(name, kind, familyIn(remote));
    take(set, pairKey(device, remote), until(peers.leaseSeconds), caps.peers);
  }
  const changes = Array.from(elements, ([set, list]): SetChange => {
    return { operation: 'add', set, elements: list };
  });
  if (changes.length === 0) return null;
  const error = effects.kernel.sets.change(changes);
  if (error !== null) for (const [set, keys] of addedKeys(changes)) unlearn(state, set, keys);
  return error;
}

interface Shown {
  readonly ports: readonly string[];
  readonly peers: readonly string[];
}
