// The world and the router for a played capture: a world that only plays, a router that admits what the
// capture's router admitted, and a witness of packets that conntrack calls invalid.
import type { Scheduled } from '../../captures/schedule.ts';
import type { Lab } from '../machine/lab.ts';
import { RESOLVER_ADDRESS } from '../world/plan.ts';
import type { Cards } from './stage.ts';

/**
 * The world has the devices' and the provider's addresses for ARP, and says nothing by itself: its
 * kernel would refuse connections that it has not made.
 */
export async function buildWorld({ world }: Lab, devices: readonly string[]): Promise<void> {
  await world.must(`set -e
    nft -f - <<'NFT'
    table inet quiet {
      chain in {
        type filter hook prerouting priority raw; policy drop;
        ip daddr ${RESOLVER_ADDRESS} udp dport 53 accept
      }
      chain out {
        type filter hook output priority raw; policy drop;
        ip saddr ${RESOLVER_ADDRESS} udp sport 53 accept
      }
    }
NFT
    for device in ${devices.join(' ')}; do ip address add $device/24 dev wire-lan; done
    for host in 198.51.100.1 ${RESOLVER_ADDRESS}; do ip address add $host/24 dev wire-wan; done
    ip link set wire-lan up
    ip link set wire-wan up`);
}

/**
 * Whatever is in a capture has reached the device: its home's router let it in. So does this one,
 * for the device with the most packets from outside.
 */
export async function exposeDevice({ router }: Lab, schedule: readonly Scheduled[]): Promise<void> {
  const counts = new Map<string, number>();
  for (const { way, device } of schedule) {
    if (way === 'in') counts.set(device, (counts.get(device) ?? 0) + 1);
  }
  const [device] = [...counts].sort(([, a], [, b]) => b - a)[0] ?? [];
  if (device === undefined) return;
  await router.must(
    `nft add rule inet fw4 dstnat iifname eth1 meta l4proto '{ tcp, udp }' dnat ip to ${device}`,
  );
}

/**
 * CounterValues by 5-tuple, and changes nothing, what the router's connection tracking calls invalid: such
 * packets are not translated, and the home's firewall drops them (fw4: "Prevent NAT leakage"). The
 * replay has no TCP windows. Priority: behind tracking, before the agent.
 */
export async function witnessInvalid({ router }: Lab): Promise<void> {
  const key = 'ip saddr . meta l4proto . th sport . ip daddr . th dport';
  await router.must(`nft -f - <<'NFT'
    table inet witness {
      set invalid { typeof ${key}; size 4096; flags dynamic; counter; }
      chain prerouting {
        type filter hook prerouting priority -180;
        ct state invalid update @invalid { ${key} counter }
      }
    }
NFT`);
}

/** Packets that tracking called invalid, by "source port > destination port" as on the wire. */
export async function invalidPackets({ router }: Lab): Promise<Map<string, number>> {
  const text = await router.must('nft -n list set inet witness invalid', { timeout: 60_000 });
  const pattern = /(\S+) \. (?:\d+|tcp|udp) \. (\d+) \. (\S+) \. (\d+) counter packets (\d+)/g;
  const found = [...text.matchAll(pattern)];
  return new Map(
    found.map(([, from, port, to, toPort, count]) => [
      `${from}:${port} > ${to}:${toPort}`,
      Number(count),
    ]),
  );
}

export async function cardsOf(
  { world, router }: Lab,
  wire: string,
  device: string,
): Promise<Cards> {
  const read = `cat /sys/class/net/${wire}/ifindex /sys/class/net/${wire}/address`;
  const [index = '', own = ''] = (await world.must(read)).trim().split('\n');
  const behind = await router.must(`cat /sys/class/net/${device}/address`);
  const digits = (address: string) => address.trim().replaceAll(':', '');
  return { index: Number(index), own: digits(own), router: digits(behind) };
}
