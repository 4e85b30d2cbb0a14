// What the agent does without: parts of the kernel that a package brings, and what is weaker while
// one of them is missing. Pure; runtime/feeds.ts and others find out which, `whp status` says it.

/** held answers, held TLS hellos, announcements, connection entries, tunnels to an IPv4 and to an IPv6 address */
export type KernelPart = 'queue' | 'hello' | 'announce' | 'connections' | 'gre' | 'gre6';

const WEAKER: Readonly<Record<KernelPart, readonly [without: string, weaker: string]>> = {
  queue: [
    'kmod-nft-queue',
    'DNS answers cannot be held, only watched: the first packet of a quick client may go direct',
  ],
  hello: ['kmod-nft-queue', 'TLS hellos cannot be held, and are not read (option hello)'],
  announce: [
    'kmod-nfnetlink-log',
    'nothing is announced: DNS answers are believed that nobody has asked for, mapped ports are not learned, flows that came before their evidence stay direct, `whp why` knows no flows',
  ],
  connections: [
    'kmod-nf-conntrack-netlink',
    'connections can be neither read nor ended: no flows and accounts are shown, and what runs stays where it is when evidence comes late or the proxy changes',
  ],
  gre: ['kmod-gre', 'no tunnel can be made: the application is refused'],
  gre6: ['kmod-gre6', 'no tunnel to an IPv6 address can be made: the application is refused'],
};

export function packageOf(part: KernelPart): string {
  return WEAKER[part][0];
}

/** What is weaker without `part`, and the package that brings it. `why`: what the kernel said. */
export function weakerWithout(part: KernelPart, why: string): string {
  const [brings, weaker] = WEAKER[part];
  return `${weaker} (is ${brings} installed? ${why})`;
}
