// Devices with global IPv6 and a proxy without: the app's IPv6 is refused at once and falls back to IPv4 in the
// tunnel, other IPv6 passes, and no IPv6 of the app is on the wire.
import { configText } from '../mode.ts';
import { APPLICATION6, TUNNEL6_HOME, TUNNEL6_PROXY, v6Bytes } from '../world/plan.ts';
import { checks, probe } from './ask.ts';
import type { Fault, FaultLab, WireFrame } from './fault.ts';

/** Who flushed the addresses of the WAN's device took the one that neighbours are asked from with them. */
const ROUTER_UP = `
sysctl -qw net.ipv6.conf.all.forwarding=1
ip -6 addr show dev eth1 scope link | grep -q fe80 || ip -6 addr add fe80::10/64 dev eth1 nodad
ip -6 addr add 2001:db8:1::10/64 dev eth1 nodad
ip -6 addr add 2001:db8:a::1/64 dev br-lan nodad
ip -6 route add default via 2001:db8:1::1`;
const ROUTER_DOWN = `
ip -6 route del default via 2001:db8:1::1
ip -6 addr del 2001:db8:a::1/64 dev br-lan
ip -6 addr del 2001:db8:1::10/64 dev eth1
:`;
const IPV6 = 0x86dd;

/** Runs `act` in a world with IPv6; `proxy`: the proxy offers it inside the tunnel. */
export async function withSix<T>(lab: FaultLab, proxy: boolean, act: () => Promise<T>): Promise<T> {
  await lab.world.must(`sh /usr/lib/world/topology6.sh up ${proxy ? 'proxy' : ''}`);
  await lab.router.must(ROUTER_UP);
  try {
    return await act();
  } finally {
    await lab.router.run(ROUTER_DOWN);
    await lab.world.run('sh /usr/lib/world/topology6.sh down');
  }
}

const prefix = v6Bytes(`${APPLICATION6}::`).slice(0, 6);
const isOurs = ({ bytes, offset }: WireFrame, at: number): boolean =>
  prefix.every((byte, i) => bytes[offset + at + i] === byte);

/** IPv6 packets on the ISP wire outside the tunnel: the application's, and all. */
export function sixOnWire(frames: readonly WireFrame[]): { ours: number; all: number } {
  const six = frames.filter(({ etherType }) => etherType === IPV6);
  return { ours: six.filter((one) => isOurs(one, 8) || isOurs(one, 24)).length, all: six.length };
}

/** IPv6 packets inside GRE (RFC 2784, protocol 0x86dd) to or from the application's servers. */
function sixInside(frames: readonly WireFrame[]): number {
  return frames.filter(({ etherType, bytes, offset }) => {
    const header = (bytes[offset]! & 15) * 4;
    if (etherType !== 0x0800 || bytes[offset + 9] !== 47) return false;
    const gre = offset + header;
    const inner = gre + ((bytes[gre]! & 0x20) === 0 ? 4 : 8);
    if (bytes[gre + 2] !== 0x86 || bytes[gre + 3] !== 0xdd) return false;
    return [8, 24].some((at) => prefix.every((byte, i) => bytes[inner + at + i] === byte));
  }).length;
}

export const sixTunnelled: Fault = {
  name: 'six-tunnelled',
  injected: 'global IPv6 at home and at the proxy',
  config: configText(true).replace(
    "\toption remote '10.213.0.2'\n",
    `\toption remote '10.213.0.2'\n\toption local6 '${TUNNEL6_HOME}'\n\toption remote6 '${TUNNEL6_PROXY}'\n`,
  ),
  run: (lab) =>
    withSix(lab, true, async () => {
      const since = lab.isp.mark();
      const check = checks();
      const aaaa = await probe(lab, 'iphone', 'ask 192.168.1.1 six8.skype.com AAAA');
      const through = await probe(lab, 'iphone', 'tcp application 2603:1005:5::8 443');
      const other = await probe(lab, 'macbook', 'tcp unrelated 2606:4706:6::9 443');
      await lab.sleep(300);
      const frames = lab.isp.frames(since);
      const seen = sixOnWire(frames);
      const ends = await lab.router.run('conntrack -L -f ipv6 2>/dev/null | grep 1005:5');
      check.that(aaaa.ok && through.ok, `not through: ${JSON.stringify(through)} ${ends.stdout}`);
      // What the proxy sends on is on its own wire, not on the home's.
      check.that(seen.ours === 0, `${seen.ours} IPv6 packets of the application on the ISP wire`);
      const inside = sixInside(frames);
      check.that(inside > 2, `${inside} in the tunnel`);
      check.that(other.ok, 'unrelated IPv6 does not pass');
      return {
        ...check.told(
          `connected over IPv6 in ${through.ms} ms, ${inside} packets in the tunnel, ${seen.ours} of ${seen.all} IPv6 packets beside it the application's; unrelated IPv6 passes`,
        ),
        seconds: null,
      };
    }),
};

export const six: Fault = {
  name: 'six',
  injected: 'global IPv6 at home, none at the proxy',
  run: (lab) =>
    withSix(lab, false, async () => {
      const since = lab.isp.mark();
      const check = checks();
      const aaaa = await probe(lab, 'iphone', 'ask 192.168.1.1 six7.skype.com AAAA');
      const refused = await probe(lab, 'iphone', 'tcp application 2603:1005:5::7 443');
      const a = await probe(lab, 'iphone', 'ask 192.168.1.1 six7.skype.com A');
      const fallback = await probe(lab, 'iphone', 'tcp application 23.97.7.207 443');
      const other = await probe(lab, 'macbook', 'tcp unrelated 2606:4706:6::9 443');
      await lab.sleep(300);
      const learned = await lab.learned();
      const seen = sixOnWire(lab.isp.frames(since));
      const tunnelled = lab.isp
        .sightings(since)
        .filter((one) => one.tunnelled && one.destination === '23.97.7.207').length;
      check.that(aaaa.ok && learned.includes('skype_addr6 2603:1005:5::7'), 'AAAA not learned');
      check.that(!refused.ok && refused.ms < 1000, `not refused at once: ${refused.ms} ms`);
      check.that(a.ok && fallback.ok && tunnelled > 1, 'no fallback through the tunnel');
      check.that(other.ok, 'unrelated IPv6 does not pass');
      check.that(seen.ours === 0, `${seen.ours} IPv6 packets of the application on the ISP wire`);
      return {
        ...check.told(
          `refused in ${refused.ms} ms (errno ${refused.errno}), then IPv4 through the tunnel (${tunnelled} packets); ${seen.ours} of ${seen.all} IPv6 packets on the wire are the application's; unrelated IPv6 passes`,
        ),
        seconds: refused.ms / 1000,
      };
    }),
};
