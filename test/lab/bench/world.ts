// The world of the benchmarks: two hosts wired directly to the router, so that the router is the slowest part.
// `home` on the LAN wire sends queries, of four devices; `net` on the ISP wire is the ISP, the resolver, the proxy's end of the
// tunnel and every server.
import type { ProjectFile } from '../machine/image.ts';
import type { Machine } from '../machine/machine.ts';
import { DEVICES } from './devices.ts';
import { bundle } from './programs.ts';

export const RESOLVER = '198.51.100.53';
export const ROUTER = '192.168.1.1';
/** A server of no app, and one in a range of the profile; port 40001 on both. */
export const DIRECT = '104.16.0.80';
export const PROXIED = '65.55.223.80';
export const PORT = 40001;
export const PROXY = '203.0.113.20';

const HOSTS = `
  set -e
  ip netns add home; ip link set wire-lan netns home
  ip netns add net; ip link set wire-wan netns net
  ip -n home link set lo up; ip -n net link set lo up
  ip -n home link set wire-lan address 02:00:c0:a8:01:0b
  ip -n home address add 192.168.1.11/24 dev wire-lan
  ip -n home link set wire-lan up
  ip -n home route add default via ${ROUTER}
  ip -n net address add 198.51.100.1/24 dev wire-wan
  for address in ${RESOLVER} ${PROXY} ${DIRECT} ${PROXIED}; do
    ip -n net address add $address/32 dev wire-wan
  done
  ip -n net link set wire-wan up
  ip -n net link add home type gre local ${PROXY} remote 198.51.100.10 key 5300 ttl 64
  ip -n net address add 10.213.0.2/30 dev home
  ip -n net link set home mtu 1472 up
  ip netns exec net sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.home.rp_filter=0
`;

/** A device's packets leave by its own interface: arp_ignore lets only that one answer for its address. */
const HOME_DEVICES = `
  set -e
  ip netns exec home sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
    net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
${DEVICES.map(
  ({ name, address, mac }, at) => `
  ip -n home link add link wire-lan name ${name} address ${mac} type macvlan mode bridge
  ip -n home address add ${address}/24 dev ${name}
  ip -n home link set ${name} up
  ip -n home route add default via ${ROUTER} dev ${name} metric ${at + 1}`,
).join('')}
`;

const HOME = '/usr/lib/bench';

/** The world's programs, for LabOptions.worldFiles. */
export async function worldPrograms(): Promise<Map<string, ProjectFile>> {
  const names = ['resolver', 'asker', 'flows'];
  return bundle(Object.fromEntries(names.map((n) => [n, `test/lab/bench/${n}.ts`])), HOME);
}

/** Builds the hosts and starts the resolver. */
export async function startWorld(world: Machine): Promise<void> {
  await world.must(HOSTS);
  await world.must(HOME_DEVICES);
  // Runs in the background: a control channel delays the last bytes of a program's output.
  await world.must(
    `ip netns exec net /usr/lib/whp/whp-host ${HOME}/resolver.mjs ${RESOLVER} >/tmp/resolver 2>&1 &
    for try in $(seq 50); do grep -q ready /tmp/resolver && exit; sleep 0.1; done
    cat /tmp/resolver >&2; exit 1`,
  );
  await world.must(`ip netns exec home ping -c 3 -i 0.2 -W 3 ${RESOLVER}`);
}

export interface Asked {
  readonly sent: number;
  readonly failed: number;
  readonly received: number;
  readonly seconds: number;
}

/** Asks `server` `count` times at `rate` a second; `percent` of the names match. */
export async function ask(
  world: Machine,
  server: string,
  phase: string,
  rate: number,
  count: number,
  percent: number,
): Promise<Asked> {
  const timeout = (count / rate) * 3000 + 20_000;
  const said = await atHome(world, timeout, 'asker', server, rate, count, phase, percent);
  return JSON.parse(said) as Asked;
}

/** `count` flows from the home to servers in the range of PROXIED; 2,540 at most. */
export async function openFlows(world: Machine, count: number): Promise<void> {
  await atHome(world, 120_000, 'flows', PROXIED.slice(0, PROXIED.lastIndexOf('.')), count);
}

function atHome(
  world: Machine,
  timeout: number,
  program: string,
  ...words: readonly (string | number)[]
): Promise<string> {
  const host = 'env WHP_WATCHDOG_SECONDS=90 /usr/lib/whp/whp-host';
  const line = `ip netns exec home ${host} ${HOME}/${program}.mjs ${words.join(' ')}`;
  return world.must(line, { timeout });
}
