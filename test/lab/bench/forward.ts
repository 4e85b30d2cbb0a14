// Forwarding with and without the agent from LAN to ISP wire: TCP and small UDP packets, direct and through a
// GRE device. Both alternate in one boot (A B B A ...), because the host's speed drifts by more than the
// difference; each pair of neighbours gives one ratio.
import type { Machine } from '../machine/machine.ts';
import { type Start, startAgent, stopAgent } from './agent.ts';
import { beside, type Reading, reading } from './figures.ts';
import { DIRECT, PORT, PROXIED, PROXY } from './world.ts';

/** For README. */
const QUESTION = {
  direct: 'web and games: speed of one TCP connection, of that without `whp`',
  tunnel: 'in the tunnel: of the speed of the same tunnel made by hand',
};

export type Path = 'direct' | 'tunnel';
export type Load = 'tcp' | 'udp';

export interface Pair {
  readonly without: number;
  readonly with: number;
}

export interface Forwarding {
  readonly path: Path;
  readonly load: Load;
  /** Mbit/s or packets/s. */
  readonly pairs: readonly Pair[];
  /** Idle share of the router's time during the measurements, 0..1. */
  readonly idle: number;
}

const SECONDS = 3;
/** Twenty thousand small packets a second: more than the router forwards, few enough for iperf3's control
 * connection. */
const FLAGS = { tcp: '-O 1', udp: '-u -b 10M -l 64' };

/** The same tunnel without the agent: a rule selects it by destination. */
const TUNNEL_UP = `
  set -e
  ip link add whp-cloud type gre local 198.51.100.10 remote ${PROXY} key 5300 ttl 64
  ip address add 10.213.0.1/32 dev whp-cloud
  ip link set whp-cloud mtu 1472 up
  ip route add default dev whp-cloud table 15001
  ip rule add to ${PROXIED} lookup 15001 pref 15001
  nft 'table inet plain {
    chain forward {
      type filter hook forward priority mangle;
      oifname "whp-cloud" tcp flags syn tcp option maxseg size set rt mtu
      iifname "whp-cloud" tcp flags syn tcp option maxseg size set rt mtu
    }
    chain postrouting {
      type nat hook postrouting priority srcnat;
      oifname "whp-cloud" masquerade
    }
  }'
`;
const TUNNEL_DOWN = `
  nft delete table inet plain
  ip rule del pref 15001
  ip link del whp-cloud
`;

/** `rounds` pairs of each load on each path. */
export async function measureForwarding(
  world: Machine,
  router: Machine,
  rounds: number,
  say: (line: string) => void,
): Promise<Forwarding[]> {
  // One iperf3 for each address: with a wildcard address UDP answers can come from another address.
  const servers = await Promise.all(
    [DIRECT, PROXIED].map((address) =>
      world.spawn(`exec ip netns exec net iperf3 -s -p ${PORT} -B ${address}`, () => {}),
    ),
  );
  const kinds = (['direct', 'tunnel'] as const).flatMap((path) =>
    (['tcp', 'udp'] as const).map((load) => ({ path, load, pairs: [] as Pair[], idle: [0, 0] })),
  );
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? [false, true] : [true, false];
    const values: { with: number; without: number }[] = kinds.map(() => ({ with: 0, without: 0 }));
    for (const agent of order) {
      const started = agent ? await startAgent(router) : null;
      for (const [at, { path, load, idle }] of kinds.entries()) {
        const plain = path === 'tunnel' && started === null;
        if (plain) await router.must(TUNNEL_UP);
        const before = await idleTime(router);
        const got = await iperf(world, path === 'direct' ? DIRECT : PROXIED, load);
        const after = await idleTime(router);
        if (plain) await router.must(TUNNEL_DOWN);
        values[at]![agent ? 'with' : 'without'] = got;
        idle[0]! += after.idle - before.idle;
        idle[1]! += after.all - before.all;
      }
      if (started !== null) await checkTunnelled(router, started);
      if (started !== null) await stopAgent(router, started);
    }
    for (const [at, { pairs }] of kinds.entries()) pairs.push(values[at]!);
    say(`forwarding, round ${round + 1} of ${rounds}`);
  }
  for (const server of servers) await server.kill('KILL');
  return kinds.map(({ idle, ...rest }) => ({ ...rest, idle: idle[0]! / idle[1]! }));
}

/** Checks that the agent's table sent packets into the tunnel. */
async function checkTunnelled(router: Machine, _started: Start): Promise<void> {
  const sent = await router.must('cat /sys/class/net/whp-cloud/statistics/tx_packets');
  if (Number(sent) < 1000) throw new Error(`the agent sent ${sent.trim()} packets into its tunnel`);
}

async function iperf(world: Machine, target: string, load: Load): Promise<number> {
  const client = `for try in $(seq 5); do
    ip netns exec home iperf3 -c ${target} -p ${PORT} -t ${SECONDS} -J ${FLAGS[load]} >/tmp/iperf && ! grep -q '"error"' /tmp/iperf && break
    sleep 0.3
  done; cat /tmp/iperf`;
  const report = JSON.parse(await world.must(client, { timeout: 120_000 })) as {
    error?: string;
    end: {
      sum?: { packets: number; lost_packets: number; seconds: number };
      sum_received?: { bits_per_second: number };
    };
  };
  if (report.error !== undefined) throw new Error(`iperf3 ${FLAGS[load]}: ${report.error}`);
  const { sum, sum_received: received } = report.end;
  if (load === 'tcp') return (received?.bits_per_second ?? 0) / 1e6;
  return sum === undefined ? 0 : (sum.packets - sum.lost_packets) / sum.seconds;
}

async function idleTime(router: Machine): Promise<{ idle: number; all: number }> {
  const [, ...ticks] = (await router.must('head -n 1 /proc/stat')).trim().split(/\s+/).map(Number);
  return { idle: ticks[3] ?? 0, all: ticks.reduce((sum, one) => sum + one, 0) };
}

/** One reading a pair: in percent of that without the agent. */
export function forwardingReadings(measured: readonly Forwarding[]): Reading[][] {
  const rounds = measured[0]?.pairs.length ?? 0;
  return Array.from({ length: rounds }, (_, round) =>
    measured.map(({ path, load, pairs, idle }) => {
      const pair = pairs[round]!;
      const unit = load === 'tcp' ? 'Mbit/s' : 'packets/s';
      const how = load === 'tcp' ? 'TCP' : 'UDP 64 B';
      const where = path === 'direct' ? 'direct' : 'in the tunnel, beside plain GRE';
      const question = load === 'tcp' ? { question: QUESTION[path] } : {};
      const name = `forwarding with the table: ${how} ${where}`;
      return reading(name, (100 * pair.with) / pair.without, '%', {
        atLeast: 97,
        beside: [
          beside('with the agent', pair.with, unit),
          beside(path === 'direct' ? 'without' : 'a tunnel made by hand', pair.without, unit),
        ],
        note: `router idle ${(idle * 100).toFixed(0)} %`,
        ...question,
      });
    }),
  );
}
