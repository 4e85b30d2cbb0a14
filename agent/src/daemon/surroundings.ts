// daemon/surroundings: what status and why ask beside the agent's state: which tunnel devices are up,
// which way each app takes, which addresses are at home. Reads the kernel when asked, never at ticks.

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

/** What decides where packets go now. `links`: the devices there are. */
export function decisive(
  { policy, failover, settings, table, guard, problems }: Agent,
  links: readonly KernelLink[],
): Pick<StatusInput, 'now' | 'tunnels' | 'steering' | 'choices' | 'tableless'> {
  const tunnels = policy.proxies.map(({ name, address }) => {
    const link = links.find((one) => one.name === tunnelDevice(name));
    const device = link !== undefined && (link.flags & IFF_UP) !== 0;
    return { name, address, device, mtu: link?.mtu ?? 0 };
  });
  const stands = table.piece !== null && !problems.has('table');
  const tableless = stands ? null : guard.raised === null ? 'direct' : 'refused';
  return { now: now(), tunnels, steering: failover.steering, choices: settings.choices, tableless };
}

/** What becomes of DNS answers now. */
export function earOf({ policy, feeds, table, filling }: Agent): Ear {
  if (policy.apps.length === 0) return 'none';
  if (table.piece?.holds === true && feeds.answers !== null) return 'held';
  if (filling.now?.fills === true) return 'filled';
  return feeds.announced === null ? 'unseen' : 'watched';
}

/** Whether the meter at the exit is as it was loaded, and whether the kernel counts packets of flows;
 * its counters are read on the way. */
export function meterNow({ state, kernel, repair }: Agent): StatusInput['meter'] {
  const { tables } = kernel;
  const isRead = refreshCounts(state.outside, tables);
  const stands = isRead && tables.fingerprint() === repair.fingerprint;
  const counting = readText('/proc/sys/net/netfilter/nf_conntrack_acct');
  return { stands, flows: counting.ok && counting.text.trim() !== '0' };
}

function linksOf({ kernel }: Agent): readonly KernelLink[] {
  const links = kernel.routing.links();
  return links.ok ? links.value : [];
}

/** What decides where packets go now, with the devices as the kernel has them. */
export function presentNow(agent: Agent): Present {
  return presentOf(decisive(agent, linksOf(agent)));
}

export function surroundings(agent: Agent): Surroundings {
  const { routing } = agent.kernel;
  const links = linksOf(agent);
  const addresses = routing.addresses();
  const home = addresses.ok ? addresses.value.filter(isOn(agent, links)) : [];
  const macs = routing.neighbours();
  return {
    ...presentOf(decisive(agent, links)),
    hosts: agent.settings.hosts,
    own: agent.inForce.addresses,
    isHome(address) {
      const bytes = parseAddress(address);
      return bytes !== null && home.some((one) => isInside(one, bytes));
    },
    macOf: (address) =>
      agent.settings.hosts.find((one) => one.address === address)?.mac ?? macs.get(address) ?? null,
  };
}

/** Whether an address is one of a lan device. */
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
