// policy/missing-parts: which packages provide the kernel parts that the agent uses, and what is degraded
// without each part. runtime/feeds.ts and others detect missing parts, `whp status` prints them.

/** NFQUEUE for DNS answers, NFQUEUE for TLS hellos, NFLOG, conntrack netlink, GRE over IPv4 and over IPv6. */
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

/** The program of this router that installs packages; null: none was found. */
export type Installer = 'opkg' | 'apk' | null;

/** What is degraded without `part`, and the commands that install it. `why`: the error of the kernel. */
export function weakerWithout(part: KernelPart, why: string, installer: Installer): string {
  const [brings, weaker] = WEAKER[part];
  return `${weaker} (is ${brings} installed? ${why}); ${installText(part, installer)}`;
}

/** The commands that install what brings `part`. */
export function installText(part: KernelPart, installer: Installer): string {
  const name = packageOf(part);
  const commands = {
    apk: `apk update; apk add ${name}`,
    opkg: `opkg update; opkg install ${name}`,
    unknown: `opkg install ${name} (from OpenWrt 25.12 on: apk add ${name})`,
  };
  return `${commands[installer ?? 'unknown']}; /etc/init.d/whp restart`;
}
