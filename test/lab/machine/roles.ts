// What each machine of the lab is made of: kernel, packages and kernel modules, by role and
// architecture. The only place where a package or module is named. WHP_KERNEL (lab.sh --kernel) is
// the line of the router's kernel; the world keeps Debian 12's.
import type { DebianArchitecture } from './packages.ts';
import type { Board } from './qemu.ts';

export type RouterKind = 'mipsel' | 'x86_64' | 'mips';

export interface Role {
  readonly name: 'router' | 'world';
  readonly architecture: DebianArchitecture;
  readonly kernel: Kernel;
  /** Of the packages. */
  readonly release: Release;
  readonly packages: readonly string[];
  /** Names, or directories below kernel/ that end in "/" (all modules in them). */
  readonly modules: readonly string[];
  /** Modules the initramfs loads before there is a root file system. */
  readonly early: readonly string[];
}

type Release = 'bookworm' | 'trixie';

export interface Kernel {
  /** A package as apt-get takes it: NAME or NAME/SUITE. */
  readonly name: string;
  readonly architecture: DebianArchitecture | 'mips64el';
  readonly board: Board;
  /** MiB: below this it does not start, since it unpacks itself beside its compressed form. */
  readonly memory: number;
}

export const KERNEL_LINES = ['6.1', '6.12'] as const;
type Line = (typeof KERNEL_LINES)[number];

// 6.12 is Debian 13's. The one in bookworm-backports, 6.12.95, ends half of its boots on an emulated
// machine of less than 256 MB with a torn free list or a double fault.
const PC: Kernel = {
  name: 'linux-image-cloud-amd64',
  architecture: 'amd64',
  board: 'pc',
  memory: 96,
};

// 6.12 of Debian 13 refuses how nft before 1.1 loads "meta l4proto" beside a range ("Operation not
// supported"): its own nft is 1.1.3. MIPS has no newer one than Debian 12's, and a kernel that takes it.
const PC_RELEASE: Record<Line, Release> = { '6.1': 'bookworm', '6.12': 'trixie' };

// Debian has no 32-bit MIPS kernel after 6.1: the 64-bit one runs the same 32-bit programs.
const MALTA: Record<Line, Kernel> = {
  '6.1': { name: 'linux-image-4kc-malta', architecture: 'mipsel', board: 'malta-el', memory: 64 },
  '6.12': {
    name: 'linux-image-5kc-malta/bookworm-backports',
    architecture: 'mips64el',
    board: 'malta-el64',
    memory: 128,
  },
};

/** The kernel line that the router is to boot. */
export function kernelLine(): Line {
  const named = process.env.WHP_KERNEL ?? '6.1';
  const line = KERNEL_LINES.find((one) => one === named);
  if (line !== undefined) return line;
  throw new Error(`WHP_KERNEL ${named}: known are ${KERNEL_LINES.join(', ')}`);
}

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
    kernel: kind === 'mipsel' ? MALTA[kernelLine()] : PC,
    release: kind === 'mipsel' ? 'bookworm' : PC_RELEASE[kernelLine()],
    packages: [...BASE, 'dnsmasq-base'],
    modules: [...EARLY, ...DEVICES, ...NETWORK, ...cards],
    early: EARLY,
  };
}

/** The world: LAN devices, the ISP link and the Internet, in namespaces of one machine. */
export function worldRole(): Role {
  return {
    name: 'world',
    architecture: 'amd64',
    kernel: PC,
    release: 'bookworm',
    packages: [...BASE, 'iperf3', 'ethtool'],
    modules: [...EARLY, ...DEVICES, ...NETWORK],
    early: EARLY,
  };
}
