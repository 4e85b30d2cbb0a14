// `lab.sh boot`: both machines start, a LAN host and an Internet host of the world reach the
// router over the two wires and each other through it, and both shut down. Shows boot time and
// the router's free memory.
import { controlCheck } from './control-check.ts';
import { type LabOptions, startLab } from './lab.ts';
import type { Machine } from './machine.ts';

/** Two hosts in the world: `home` on the LAN wire by DHCP's fixed address, `net` on the ISP wire. */
export const TWO_HOSTS = `
  set -e
  ip netns add home; ip link set wire-lan netns home
  ip netns add net; ip link set wire-wan netns net
  ip -n home link set lo up; ip -n net link set lo up
  ip -n home address add 192.168.1.20/24 dev wire-lan
  ip -n home link set wire-lan up
  ip -n home route add default via 192.168.1.1
  ip -n net address add 198.51.100.1/24 dev wire-wan
  ip -n net address add 203.0.113.80/32 dev wire-wan
  ip -n net link set wire-wan up
`;

/** Boots, pings across both wires, reports, shuts down. Rejects at the first thing that fails. */
export async function bootCheck(options: LabOptions): Promise<void> {
  const started = Date.now();
  const lab = await startLab(options);
  try {
    await controlCheck(lab.router);
    await controlCheck(lab.world);
    await lab.world.must(TWO_HOSTS);
    await ping(lab.world, 'home', '192.168.1.1', 'LAN wire: home -> router');
    await ping(lab.world, 'net', '198.51.100.10', 'ISP wire: Internet -> router');
    await ping(lab.world, 'home', '203.0.113.80', 'both wires: home -> router -> Internet');
    console.log(
      await lab.router.must('uname -srm; free -k; ps -o pid,vsz,rss,args | grep -v "\\["'),
    );
  } finally {
    await lab.stop();
  }
  console.log(`lab: booted, checked and shut down in ${(Date.now() - started) / 1000} s`);
}

async function ping(world: Machine, host: string, target: string, what: string): Promise<void> {
  const output = await world.must(`ip netns exec ${host} ping -c 3 -i 0.2 -W 3 ${target}`);
  console.log(`${what}: ${output.trim().split('\n').slice(-2).join(', ')}`);
}
