// A router in a namespace for the ruleset's tests, and the far end of its wires in another:
//
//     far: lan0 ---- br-lan 192.168.1.1/24 (and 192.168.2.0/24)  fd00:1::1/64
//          wan0 ---- wan    203.0.113.2/24, default route        2001:db8:0:1::2/64
//          tun0 ---- whp-a  10.200.0.2/24, default of slot 1     fd00:2::2/64
//
// No ARP on any wire, no NAT on the WAN, and a second table `inet probe` that remembers what
// passed. What leaves is judged inside the router: nobody listens at the far end.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import type { Rule, Ruleset, Statement } from '../../agent/src/ruleset/model.ts';
import { renderLoad } from '../../agent/src/ruleset/render.ts';
import { HOST } from '../lib/bare.ts';
import { HOST_BUNDLE } from '../lib/host-bundle.ts';
import { layWires, run } from '../lib/wires.ts';
import { SENDER, type Side } from '../trace/cases.ts';

const MAC = '020000000001';
const WIRES: { readonly [side in Side]: readonly [far: string, near: string] } = {
  lan: ['lan0', 'br-lan'],
  wan: ['wan0', 'wan'],
  tunnel: ['tun0', 'whp-a'],
};

/** What the late chains of the probe table saw of one packet. */
export interface Seen {
  /** It passed the last chain before ours that could refuse it: forward or input. */
  readonly passed: boolean;
  readonly prerouting: boolean;
  /** The router answered with a reset or an ICMP error. */
  readonly refused: boolean;
  readonly mark: number | null;
  readonly ctmark: number | null;
  readonly logs: readonly string[];
  /** ICMP errors of the router: device and source address with which they left. */
  readonly errors: readonly string[];
}

export interface Router {
  readonly load: (ruleset: Ruleset) => void;
  /** `mac`: the sender's hardware address. */
  readonly send: (side: Side, packet: Uint8Array, mac?: string) => Promise<void>;
  /** Sends many packets as fast as the kernel takes them; `Seen` is not recorded. `macOf`: the sender of
   * each. */
  readonly flood: (
    side: Side,
    packets: readonly Uint8Array[],
    macOf?: (index: number) => string,
  ) => Promise<void>;
  /** Packets that each log rule has seen since the table was loaded, by feed ("full"). */
  readonly announced: () => Map<string, number>;
  /** Clears what was seen; `mark`: the mark of the next packet. */
  readonly forget: (mark?: number) => void;
  readonly seen: () => Seen;
  readonly elements: (set: string) => unknown[];
  readonly nft: (text: string) => string;
  readonly run: (...words: string[]) => string;
  readonly stop: () => void;
}

const PROBE = `
add table inet probe
delete table inet probe
table inet probe {
  set pre { typeof meta mark; flags dynamic; size 64; }
  set marks { typeof meta mark . ct mark; flags dynamic; size 64; }
  set bare { typeof meta mark; flags dynamic; size 64; }
  set errors { typeof oifname . ip saddr; flags dynamic; size 64; }
  counter refused { }
  chain foreign { type filter hook prerouting priority -290;
  }
  chain pre { type filter hook prerouting priority -140; update @pre { meta mark }
  }
  chain watch {
    update @bare { meta mark }
    update @marks { meta mark . ct mark }
  }
  chain forward { type filter hook forward priority 300; jump watch
  }
  chain input { type filter hook input priority 300; jump watch
  }
  chain output { type filter hook output priority 300;
    oifname "br-lan" tcp flags & (rst) == rst counter name refused
    oifname "br-lan" icmp type destination-unreachable counter name refused
    oifname "br-lan" icmpv6 type destination-unreachable counter name refused
  }
  chain post { type filter hook postrouting priority 300;
    icmp type time-exceeded update @errors { oifname . ip saddr }
  }
}
`;

/** Every log rule also counts, so that a listing shows it. */
function counting(ruleset: Ruleset): Ruleset {
  const counters = new Set<string>();
  const counted = (rule: Rule): Rule => ({
    ...rule,
    statements: rule.statements.flatMap((one): Statement[] => {
      if (one.kind !== 'log') return [one];
      const counter = `log_${one.prefix.split(':')[1]}`;
      counters.add(counter);
      return [{ kind: 'count', counter }, one];
    }),
  });
  const chains = ruleset.chains.map((chain) => ({ ...chain, rules: chain.rules.map(counted) }));
  return { ...ruleset, chains, counters: [...ruleset.counters, ...counters] };
}

/** `ip netns exec` without its mounts, which take most of its time. */
function inNamespace(space: string, words: readonly string[]): string {
  return run('nsenter', [`--net=/run/netns/${space}`, ...words]);
}

export async function startRouter(name: string): Promise<Router> {
  const home = `${name}-r`;
  const far = `${name}-f`;
  run('bash', ['-c', '. scripts/lib/packages.sh; need conntrack nft=nftables ip=iproute2']);
  if (!existsSync('out/host/x86_64/whp-host')) run('scripts/host.sh', ['x86_64']);
  for (const space of [home, far]) run('ip', ['netns', 'add', space]);
  const inside = (...words: string[]) => inNamespace(home, words);
  mkdirSync('out/netns', { recursive: true });
  const file = `out/netns/${name}.nft`;
  const nft = (text: string) => {
    // Node's standard input is a socket, and nft opens /dev/stdin by name: that fails (ENXIO).
    writeFileSync(file, text);
    return inside('nft', '-j', '-f', file);
  };
  wire(home, far);
  // The last values of the counters: the difference belongs to the last packet.
  const before = new Map<string, number>();
  const injector = await startInjector(far);
  const indexes = Object.fromEntries(
    Object.entries(WIRES).map(([side, [device]]) => {
      const [link] = JSON.parse(run('ip', ['-n', far, '-j', 'link', 'show', device]));
      return [side, link.ifindex as number];
    }),
  );
  return {
    load: (ruleset) => {
      before.clear();
      nft(renderLoad(counting(ruleset)));
      nft(PROBE);
      inside('conntrack', '-F');
    },
    send: (side, packet, mac) => injector.send(indexes[side]!, packet, mac ?? SENDER),
    flood: (side, packets, macOf = () => SENDER) =>
      injector.flood(
        indexes[side]!,
        packets.map((packet, i) => frameText(packet, macOf(i))),
      ),
    announced: () => announcedSince(nft),
    forget: (mark = 0) => forget(nft, mark),
    seen: () => readProbe(nft, before),
    elements: (set) => {
      const listing = JSON.parse(inside('nft', '-j', 'list', 'set', 'inet', 'whp', set));
      const found = listing.nftables.find((one: { set?: unknown }) => one.set);
      return found.set.elem ?? [];
    },
    nft,
    run: inside,
    stop: () => {
      injector.stop();
      for (const space of [home, far]) spawnSync('ip', ['netns', 'del', space]);
    },
  };
}

function wire(home: string, far: string): void {
  inNamespace(far, ['sysctl', '-q', 'net.ipv6.conf.default.disable_ipv6=1']);
  layWires(home, far, Object.values(WIRES), [
    'addr add 10.200.0.2/24 dev whp-a',
    'addr add fd00:1::1/64 dev br-lan nodad',
    'addr add 2001:db8:0:1::2/64 dev wan nodad',
    'addr add fd00:2::2/64 dev whp-a nodad',
    'route add 192.168.2.0/24 dev br-lan',
    '-6 route add default dev wan',
  ]);
  const sysctl = [
    'net.ipv4.ip_forward=1',
    // As on OpenWrt: the meter reads conntrack's counters.
    'net.netfilter.nf_conntrack_acct=1',
    'net.ipv6.conf.all.forwarding=1',
    'net.ipv4.icmp_ratelimit=0',
    'net.ipv6.icmp.ratelimit=0',
    ...['all', 'br-lan', 'wan', 'whp-a'].flatMap((device) => [
      `net.ipv4.conf.${device}.rp_filter=0`,
      `net.ipv4.conf.${device}.send_redirects=0`,
    ]),
  ];
  inNamespace(home, ['sysctl', '-q', ...sysctl]);
  for (const family of ['-4', '-6']) {
    const ip = (line: string) => run('ip', ['-n', home, family, ...line.split(' ')]);
    for (const slot of [1, 2]) {
      ip(`rule add fwmark 0x0${slot}000000/0x0f000000 lookup 15001 pref 1500${slot}`);
    }
    ip('route add default dev whp-a table 15001');
    ip('route add prohibit default table 15001 metric 4294967295');
  }
}

interface Injector {
  readonly send: (index: number, packet: Uint8Array, mac: string) => Promise<void>;
  readonly flood: (index: number, frames: readonly string[]) => Promise<void>;
  readonly stop: () => void;
}

async function startInjector(far: string): Promise<Injector> {
  const bundle = `out/netns/inject-${process.pid}.mjs`;
  await build({
    ...HOST_BUNDLE,
    absWorkingDir: process.cwd(),
    entryPoints: ['test/netns/inject.ts'],
    outfile: bundle,
  });
  const words = ['netns', 'exec', far, ...HOST, bundle];
  const child = spawn('ip', words, { stdio: ['pipe', 'pipe', 'inherit'] });
  return {
    send: (index, packet, mac) => inject(child, index, packet, mac),
    async flood(index, frames) {
      for (let at = 0; at < frames.length; at += 512) {
        await injectMany(child, index, frames.slice(at, at + 512));
      }
    },
    stop: () => child.stdin.end(),
  };
}

function frameText(packet: Uint8Array, mac: string): string {
  const type = packet[0]! >> 4 === 4 ? '0800' : '86dd';
  return `${MAC}${mac.replaceAll(':', '')}${type}${Buffer.from(packet).toString('hex')}`;
}

function injectMany(child: ChildProcess, index: number, frames: readonly string[]): Promise<void> {
  let answers = 0;
  return new Promise((resolve, reject) => {
    const listen = (answer: Buffer): void => {
      const lines = answer.toString().split('\n').slice(0, -1);
      answers += lines.length;
      const bad = lines.find((line) => line !== 'ok');
      if (bad === undefined && answers < frames.length) return;
      child.stdout!.off('data', listen);
      if (bad === undefined) resolve();
      else reject(new Error(`inject: ${bad}`));
    };
    child.stdout!.on('data', listen);
    child.stdin!.write(frames.map((one) => `${index} ${one}\n`).join(''));
  });
}

function inject(
  child: ChildProcess,
  index: number,
  packet: Uint8Array,
  mac: string,
): Promise<void> {
  const frame = frameText(packet, mac);
  return new Promise((resolve, reject) => {
    child.stdout!.once('data', (answer: Buffer) => {
      if (answer.toString() === 'ok\n') resolve();
      else reject(new Error(`inject: ${answer}`));
    });
    child.stdin!.write(`${index} ${frame}\n`);
  });
}

/** Clears the probe table, and sets foreign mark bits on the following packets. */
function forget(nft: (text: string) => string, mark: number): void {
  const lines = [
    ...['pre', 'marks', 'bare', 'errors'].map((set) => `flush set inet probe ${set}`),
    'flush chain inet probe foreign',
    ...(mark === 0 ? [] : [`add rule inet probe foreign meta mark set ${mark}`]),
  ];
  nft(`${lines.join('\n')}\n`);
}

/** Reads the probe table. One listing a run: nft caches what the first command of a file needs, and a flush
 * in the same file would already be visible. */
function readProbe(nft: (text: string) => string, before: Map<string, number>): Seen {
  const objects = ['list table inet probe\n', 'list counters table inet whp\n'].flatMap(
    (command) => JSON.parse(nft(command)).nftables as Listed[],
  );
  const elements = (name: string) => objects.find((one) => one.set?.name === name)?.set?.elem ?? [];
  const fresh = new Map<string, number>();
  for (const { counter } of objects) {
    if (counter === undefined) continue;
    fresh.set(counter.name, counter.packets - (before.get(counter.name) ?? 0));
    before.set(counter.name, counter.packets);
  }
  const [pair] = elements('marks') as { concat: number[] }[];
  const [bare] = elements('bare') as number[];
  return {
    passed: bare !== undefined,
    prerouting: elements('pre').length > 0,
    refused: (fresh.get('refused') ?? 0) > 0,
    mark: bare ?? null,
    ctmark: pair?.concat[1] ?? null,
    logs: [...fresh].flatMap(([counter, packets]) =>
      counter.startsWith('log_') ? Array<string>(packets).fill(counter.slice(4)) : [],
    ),
    errors: elements('errors').map((one) => (one as { concat: string[] }).concat.join(' ')),
  };
}

function announcedSince(nft: (text: string) => string): Map<string, number> {
  const objects = JSON.parse(nft('list counters table inet whp\n')).nftables as Listed[];
  const logs = objects.flatMap(({ counter }) =>
    counter?.name.startsWith('log_') ? [[counter.name.slice(4), counter.packets] as const] : [],
  );
  return new Map(logs);
}

interface Listed {
  readonly set?: { readonly name: string; readonly elem?: unknown[] };
  readonly counter?: { readonly name: string; readonly packets: number };
}
