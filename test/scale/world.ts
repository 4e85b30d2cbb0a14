// The namespaces of the scale measurement: the router, the far ends of br-lan and wan, and two proxies that are veth
// pairs in the place of GRE devices and answer the probes:
//
//     lan0 ---- br-lan 192.168.0.1/16
//     wan0 ---- wan    198.51.100.10/24, default route, masquerade
//     eth0 ---- whp-a, whp-b
//
// A frame from lan0 or wan0 crosses the router; nobody listens at the other end.
import { spawnSync } from 'node:child_process';

export interface World {
  /** The words before a command in the router, and in the far ends of br-lan and wan. */
  readonly router: readonly string[];
  readonly far: readonly string[];
  readonly run: (where: readonly string[], ...words: string[]) => string;
  readonly stop: () => void;
}

/** Returns what the command prints. Throws with its error output when its status is not 0. */
export function run(where: readonly string[], ...words: string[]): string {
  const [head = '', ...rest] = [...where, ...words];
  const done = spawnSync(head, rest, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (done.status === 0) return done.stdout;
  throw new Error(`${words.slice(0, 8).join(' ')}: ${done.stderr || done.error}${done.stdout}`);
}

/** As fw4 has them: established flows and those from the home are accepted, the home's address is masqueraded. */
const FIREWALL = `table inet fw4 {
  chain forward { type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "br-lan" accept
  }
  chain srcnat { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
}`;

export function layWorld(name: string): World {
  const spaces = ['router', 'far', 'proxya', 'proxyb'].map((one) => `${name}-${one}`);
  const [router, far, proxya, proxyb] = spaces.map((one) => [
    'nsenter',
    `--net=/run/netns/${one}`,
  ]) as [string[], string[], string[], string[]];
  for (const space of spaces) run(['ip', 'netns', 'add'], space);
  const wire = (near: string, there: string, space: string): string =>
    `ip link add ${near} type veth peer name ${there} netns ${space}`;
  run(
    router,
    'sh',
    '-ec',
    `ip link set lo up
${wire('br-lan', 'lan0', spaces[1]!)}
${wire('wan', 'wan0', spaces[1]!)}
${wire('whp-a', 'eth0', spaces[2]!)}
${wire('whp-b', 'eth0', spaces[3]!)}
sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1
sysctl -qw net.netfilter.nf_conntrack_acct=1 net.netfilter.nf_conntrack_udp_timeout=3600
for one in br-lan wan; do
  ip link set $one address 02:00:00:00:00:01 arp off; sysctl -qw net.ipv4.conf.$one.rp_filter=0
done
for one in whp-a whp-b; do ip link set $one address 02:00:00:00:00:0a arp off up; done
ip addr add 192.168.0.1/16 dev br-lan; ip addr add 198.51.100.10/24 dev wan
ip link set br-lan up; ip link set wan up
ip route add default via 198.51.100.1 dev wan
nft '${FIREWALL}'`,
  );
  run(
    far,
    'sh',
    '-ec',
    'sysctl -qw net.ipv6.conf.all.disable_ipv6=1; ip link set lan0 up; ip link set wan0 up',
  );
  for (const [at, proxy] of [proxya, proxyb].entries()) {
    run(
      proxy,
      'sh',
      '-ec',
      `sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.conf.all.rp_filter=0
ip link set lo up; ip link set eth0 address 02:00:00:00:00:0a arp off up; ip addr add 10.200.${at}.2/24 dev eth0
nft 'table inet quiet { chain input { type filter hook input priority 0; meta l4proto udp drop; }; }'`,
    );
  }
  return {
    router,
    far,
    run,
    stop: () => {
      for (const space of spaces) spawnSync('ip', ['netns', 'del', space]);
    },
  };
}
