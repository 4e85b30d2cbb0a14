// daemon/surroundings: what the answers of status and why need beside the agent's state: tunnel devices that are
// up, the way of each app, addresses of the home. Reads the kernel on request, not at ticks.

import { type DeviceNames, deviceNames } from '../answers/device-names.ts';
import type { Present } from '../answers/now.ts';
import { type Ear, presentOf, type StatusInput } from '../answers/status.ts';
import type { Surroundings } from '../answers/why-parts.ts';
import { IFF_UP } from '../netlink/constants.ts';
import type { KernelLink } from '../netlink/kernel-link.ts';
import { now } from '../os/clock.ts';
import { readText } from '../os/file.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import type { Agent } from '../runtime/agent.ts';
import { refreshCounts } from '../runtime/meter.ts';
import { cidrHas, familyOf, parseAddress } from '../wire/address.ts';

/** The state that decides the way of packets. `links`: the existing devices. */
export function decisive(
  { policy, failover, settings, table, guard, problems }: Agent,
  links: readonly KernelLink[],
): Pick<StatusInput, 'now' | 'tunnels' | 'steering' | 'choices' | 'tableless' | 'lanless'> {
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
  const stands = isRead && tables.fingerprint() === repair.fingerprint;
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
  const links = linksOf(agent);
  const addresses = agent.kernel.routing.addresses();
  const home = addresses.ok ? addresses.value.filter(isOn(agent, links)) : [];
  return {
    ...presentOf(decisive(agent, links)),
    hosts: agent.settings.hosts,
    own: agent.inForce.addresses,
    isHome(address) {
      const bytes = parseAddress(address);
      return bytes !== null && home.some((one) => isInside(one, bytes));
    },
    names: namesOf(agent),
  };
}

/** Returns a predicate: whether an address belongs to a lan device. */
function isOn({ policy }: Agent, links: readonly KernelLink[]) {
  const indexes = links
    .filter(({ name }) => policy.globals.lan.includes(name))
    .map((one) => one.index);
  return ({ link }: { readonly link: number }): boolean => indexes.includes(link);
}

function isInside(
  { address, prefix }: { readonly address: string; readonly prefix: number },
  bytes: Uint8Array,
): boolean {
  const network = parseAddress(address);
  if (network === null || network.length !== bytes.length) return false;
  return cidrHas({ family: familyOf(network), bytes: network, prefix }, bytes, 0);
}
