// daemon/surroundings: what the answers of status and why need beside the agent's state: tunnel devices that are
// up, the way of each app, addresses of the home. Reads the kernel on request, not at ticks.

import { type DeviceNames, deviceNames } from '../answers/device-names.ts';
import type { Present } from '../answers/now.ts';
import { type Ear, type PresentInput, presentOf, type StatusInput } from '../answers/status.ts';
import type { Surroundings } from '../answers/why-parts.ts';
import type { KernelAddress } from '../netlink/address.ts';
import { IFF_UP } from '../netlink/constants.ts';
import type { KernelLink } from '../netlink/kernel-link.ts';
import { now } from '../os/clock.ts';
import { readText } from '../os/file.ts';
import { stopsOf } from '../preflight/looks.ts';
import { isLinkName, tunnelDevice } from '../ruleset/names.ts';
import type { Agent } from '../runtime/agent.ts';
import { refreshCounts } from '../runtime/meter.ts';
import { type Cidr, cidrHas, familyOf, parseAddress } from '../wire/address.ts';

/** The state that decides the way of packets. `links`: the existing devices. */
export function decisive(agent: Agent, links: readonly KernelLink[]): PresentInput {
  const { policy, failover, settings, table, guard, problems, preflight } = agent;
  const tunnels = policy.proxies.map(({ name, address }) => {
    const link = links.find((one) => one.name === tunnelDevice(name));
    const device = link !== undefined && (link.flags & IFF_UP) !== 0;
    return { name, address, device, mtu: link?.mtu ?? 0 };
  });
  const stands = table.piece !== null && !problems.has('table');
  const tableless = stands ? null : guard.raised === null ? 'direct' : 'refused';
  const { lan } = policy.globals;
  return {
    now: now(),
    tunnels,
    steering: failover.steering,
    choices: settings.choices,
    tableless,
    // The list is empty if the kernel does not give it: then nothing is known.
    lanless: links.length > 0 && !links.some(({ name }) => lan.includes(name)),
    lan,
    stops: stopsOf(preflight.looks),
    enters: entering(agent, links),
  };
}

/** How DNS answers are read now. */
export function earOf({ policy, feeds, table, filling }: Agent): Ear {
  if (policy.apps.length === 0) return 'none';
  if (table.piece?.holds === true && feeds.answers !== null) return 'held';
  if (filling.now?.fills === true) return 'filled';
  return feeds.announced === null ? 'unseen' : 'watched';
}

/** Reads the counters of the meter. `stands`: the table is as loaded; `samples_flows`: conntrack counts packets
 * (nf_conntrack_acct). */
export function meterNow({ state, kernel, repair }: Agent): StatusInput['meter'] {
  const { tables } = kernel;
  const isRead = refreshCounts(state.outside, tables);
  // Without a transaction since, the table is not read again.
  const isKnown = repair.matches && tables.generation() === repair.generation;
  const stands = isRead && (isKnown || tables.fingerprint() === repair.fingerprint);
  const counting = readText('/proc/sys/net/netfilter/nf_conntrack_acct');
  return { stands, samples_flows: counting.ok && counting.text.trim() !== '0' };
}

function linksOf({ kernel }: Agent): readonly KernelLink[] {
  const links = kernel.routing.links();
  return links.ok ? links.value : [];
}

/** The state that decides the way of packets, with the kernel's devices. */
export function presentNow(agent: Agent): Present {
  return presentOf(decisive(agent, linksOf(agent)));
}

/** Names of the home's devices. */
export function namesOf({ policy, settings, kernel }: Agent): DeviceNames {
  const { directory } = policy;
  return deviceNames({ directory, hosts: settings.hosts, neighbours: kernel.routing.neighbours });
}

export function surroundings(agent: Agent): Surroundings {
  const present = presentNow(agent);
  return {
    ...present,
    hosts: agent.settings.hosts,
    own: agent.inForce.addresses,
    isHome(address) {
      const device = present.enters(address);
      return device !== null && present.lan.includes(device);
    },
    names: namesOf(agent),
  };
}

/** In whose network an address is; the kernel is asked once, at the first question. */
function entering(
  { policy, kernel, preflight: { waysOut } }: Agent,
  links: readonly KernelLink[],
): Present['enters'] {
  const { lan } = policy.globals;
  const isLan = ({ name }: KernelLink): boolean => lan.includes(name);
  // A relay gives devices of the home addresses of the network before the router.
  const others = links.filter(
    (one) =>
      !isLan(one) && one.name !== 'lo' && !isLinkName(one.name) && !waysOut.includes(one.index),
  );
  const ordered = [...links.filter(isLan), ...others];
  let networks: { readonly name: string; readonly network: Cidr }[] | null = null;
  return (address) => {
    const bytes = parseAddress(address);
    if (bytes === null) return null;
    if (networks === null) {
      const read = kernel.routing.addresses();
      networks = ordered.flatMap(({ name, index }) =>
        networksOf(read.ok ? read.value : [], index).map((network) => ({ name, network })),
      );
    }
    const found = networks.find(
      ({ network }) => network.bytes.length === bytes.length && cidrHas(network, bytes, 0),
    );
    return found?.name ?? null;
  };
}

/** The networks of a device. */
function networksOf(addresses: readonly KernelAddress[], index: number): Cidr[] {
  return addresses.flatMap(({ link, address, prefix }) => {
    const bytes = link === index ? parseAddress(address) : null;
    return bytes === null ? [] : [{ family: familyOf(bytes), bytes, prefix }];
  });
}
