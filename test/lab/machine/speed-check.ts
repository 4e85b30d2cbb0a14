// `lab.sh speed`: how fast the router forwards, LAN -> ISP wire with masquerade, direct and through
// a GRE device. TCP one way and back, and small UDP packets, by iperf3 in the world. The numbers
// compare set-ups (cards, wires, with and without the agent's table) on one host, nothing else.
import { TWO_HOSTS } from './boot-check.ts';
import { type LabOptions, startLab } from './lab.ts';
import type { Machine } from './machine.ts';

const DIRECT = '203.0.113.80';
const TUNNELLED = '203.0.113.90';

const ROUTER_GRE = `
  set -e
  ip link add whp-speed type gre local 198.51.100.10 remote 203.0.113.5 ttl 64
  ip address add 10.99.0.2/30 dev whp-speed
  ip link set whp-speed mtu 1476 up
  ip route add ${TUNNELLED}/32 dev whp-speed
  nft add table inet speed
  nft add chain inet speed srcnat '{ type nat hook postrouting priority srcnat; }'
  nft add rule inet speed srcnat oifname whp-speed masquerade
`;

const WORLD_GRE = `
  set -e
  ip -n net address add 203.0.113.5/32 dev wire-wan
  ip -n net link add gre1 type gre local 203.0.113.5 remote 198.51.100.10 ttl 64
  ip -n net address add 10.99.0.1/30 dev gre1
  ip -n net address add ${TUNNELLED}/32 dev gre1
  ip -n net link set gre1 mtu 1476 up
`;

interface Flow {
  readonly megabits: number;
  readonly packets: number;
}

/** Seconds of each measurement; the first one of TCP's slow start is left out. */
const SECONDS = 5;

/** Measures both ways and prints a table. */
export async function speedCheck(options: LabOptions): Promise<void> {
  const lab = await startLab({ ...options, capture: false });
  try {
    await lab.world.must(TWO_HOSTS);
    await lab.world.must(WORLD_GRE);
    await lab.router.must(ROUTER_GRE);
    const name = `${options.router} ${options.card ?? 'virtio'}`;
    for (const [path, target] of [
      ['direct', DIRECT],
      ['GRE', TUNNELLED],
    ] as const) {
      const up = await measure(lab.world, target, '-O 1');
      const down = await measure(lab.world, target, '-O 1 -R');
      const small = await measure(lab.world, target, '-u -b 0 -l 64');
      console.log(
        `${name} ${path}: TCP out ${up.megabits.toFixed(0)} Mbit/s, ` +
          `in ${down.megabits.toFixed(0)} Mbit/s; UDP 64 B ${small.packets.toFixed(0)} packets/s`,
      );
    }
  } finally {
    await lab.stop();
  }
}

async function measure(world: Machine, target: string, flags: string): Promise<Flow> {
  const server = await world.spawn(`ip netns exec net iperf3 -s -1 -B ${target}`, () => {});
  const client = `for try in $(seq 20); do
    ip netns exec home iperf3 -c ${target} -t ${SECONDS} -J ${flags} >/tmp/iperf && break
    sleep 0.3
  done; cat /tmp/iperf`;
  const report = JSON.parse(await world.must(client, { timeout: 60_000 })) as {
    error?: string;
    end: {
      sum?: { packets: number; lost_packets: number; seconds: number; bits_per_second: number };
      sum_received?: { bits_per_second: number };
    };
  };
  await server.kill('KILL');
  if (report.error !== undefined) throw new Error(`iperf3 ${flags}: ${report.error}`);
  const { sum, sum_received: received } = report.end;
  return {
    megabits: (received?.bits_per_second ?? sum?.bits_per_second ?? 0) / 1e6,
    packets: sum === undefined ? 0 : (sum.packets - sum.lost_packets) / sum.seconds,
  };
}
