// What each machine of the lab is made of: kernel, packages and kernel modules, by role and
// architecture. The only place where a package or module is named.
import type { DebianArchitecture } from './packages.ts';

export type RouterKind = 'mipsel' | 'x86_64' | 'mips';

export interface Role {
  readonly name: 'router' | 'world';
  readonly architecture: DebianArchitecture;
  readonly packages: readonly string[];
  /** Names, or directories below kernel/ that end in "/" (all modules in them). */
  readonly modules: readonly string[];
  /** Modules the initramfs loads before there is a root file system. */
  readonly early: readonly string[];
}

const KERNEL = { amd64: 'linux-image-cloud-amd64', mipsel: 'linux-image-4kc-malta' };

// Not busybox-static, whose applets start its own small `ip` where iproute2's was asked for; the
// initramfs takes that one, since it has no libc.
const BASE = ['busybox', 'netbase', 'nftables', 'iproute2', 'conntrack', 'tcpdump'];

export const INITRAMFS_PACKAGE = 'busybox-static';

const EARLY = ['virtio_pci', 'virtio_blk', 'squashfs', 'overlay'];

const DEVICES = ['virtio_net', 'virtio_console', 'virtio_rng', 'dummy', 'tun', 'veth', 'ifb'];

const NETWORK = [
  'net/netfilter/',
  'net/ipv4/',
  'net/ipv6/',
  'net/bridge/',
  'net/8021q/',
  'net/802/',
  'net/llc/',
  'net/sched/',
  'net/xfrm/',
  'wireguard',
  'macvlan',
  'crc32c_generic',
];

/** The router: what an OpenWrt image has, from Debian's packages. */
export function routerRole(kind: Exclude<RouterKind, 'mips'>): Role {
  const architecture = kind === 'mipsel' ? 'mipsel' : 'amd64';
  // The other card that the speed check compares; the cloud kernel has no driver for it.
  const cards = kind === 'mipsel' ? ['e1000'] : [];
  return {
    name: 'router',
    architecture,
    packages: [KERNEL[architecture], ...BASE, 'dnsmasq-base'],
    modules: [...EARLY, ...DEVICES, ...NETWORK, ...cards],
    early: EARLY,
  };
}

/** The world: LAN devices, the ISP link and the Internet, in namespaces of one machine. */
export function worldRole(): Role {
  return {
    name: 'world',
    architecture: 'amd64',
    packages: [KERNEL.amd64, ...BASE, 'iperf3', 'ethtool'],
    modules: [...EARLY, ...DEVICES, ...NETWORK],
    early: EARLY,
  };
}
