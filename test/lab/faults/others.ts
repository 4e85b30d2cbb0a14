// Interference by other programs on the router, one a session: during a call, an unrelated flow and DNS
// something is done; it is repaired within a second times `slowness`, no learned element is lost, and no packet
// leaves outside the tunnel.
import type { CallRecord, Fault, FaultLab, Finding } from './fault.ts';

/** The table and its parts exist. A cheap condition: it is polled on the router. */
export const STANDING = 'nft list chain inet whp prerouting';
export const RULES =
  'ip rule | grep -q "15001:.*lookup 15001" && ip -6 rule | grep -q "15001:.*lookup 15001"';
export const TUNNEL =
  'ip -d link show whp-cloud | grep -q "remote 203.0.113.20" && ip route show table 15001 | grep -q "default dev whp-cloud"';

interface Other {
  readonly name: string;
  readonly injected: string;
  readonly command: string;
  /** Holds when it is repaired. */
  readonly repaired: string;
  /** The other program's next command. */
  readonly next?: string;
  /** Packets of the call that may be lost: those under way while something was missing. */
  readonly lost: number;
  /** The command costs packets without an agent too: done once more without one, for comparison. */
  readonly alone?: boolean;
  /** The unrelated flow has to lose as little. */
  readonly unrelated: boolean;
}

const OTHERS: readonly Other[] = [
  {
    name: 'fw4-reload',
    injected: 'fw4 reload: its table flushed and loaded again',
    command: 'nft -f /etc/nftables/fw4.nft',
    repaired: STANDING,
    lost: 0,
    alone: true,
    unrelated: true,
  },
  {
    name: 'table-deleted',
    injected: 'nft delete table inet whp',
    command: 'nft delete table inet whp',
    repaired: STANDING,
    lost: 60,
    unrelated: true,
  },
  {
    name: 'ruleset-flushed',
    injected: 'nft flush ruleset (firewall stop), then the firewall again',
    command: 'nft flush ruleset',
    repaired: STANDING,
    next: 'nft -f /etc/nftables/fw4.nft',
    lost: 60,
    unrelated: false,
  },
  {
    name: 'chain-emptied',
    injected: 'nft flush chain inet whp prerouting',
    command: 'nft flush chain inet whp prerouting',
    repaired: 'nft list chain inet whp prerouting | grep -q "!whp"',
    lost: 60,
    unrelated: true,
  },
  {
    name: 'rules-deleted',
    injected: 'netifd starts: every ip rule deleted',
    command:
      'ip rule flush; ip -6 rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default; ip -6 rule add pref 32766 lookup main',
    repaired: RULES,
    lost: 60,
    unrelated: true,
  },
  {
    name: 'device-deleted',
    injected: 'ip link del of the GRE device',
    command: 'ip link del whp-cloud',
    repaired: TUNNEL,
    lost: 60,
    unrelated: true,
  },
  {
    name: 'device-down',
    injected: 'ip link set down of the GRE device',
    command: 'ip link set whp-cloud down',
    repaired: `ip link show whp-cloud | grep -q "[<,]UP[,>]" && ${TUNNEL}`,
    lost: 60,
    unrelated: true,
  },
];

/** Packets of an unrelated flow that it costs where no agent runs. */
async function withoutAgent(lab: FaultLab, { command }: Other): Promise<number> {
  await lab.agent.stop();
  const flow = await lab.call({ device: 'windows', kind: 'unrelated' });
  await lab.sleep(500);
  await lab.router.must(command);
  await lab.sleep(1500);
  const { lost } = await flow.stop();
  await lab.agent.start();
  return lost.length;
}

/** When the first and the last of the lost packets were sent, from `at` on. */
function when(records: readonly CallRecord[], at: number): string {
  const times = records.flatMap(({ lost, sent }) => lost.map((packet) => sent[packet]! - at));
  if (times.length === 0) return '';
  const [first, last] = [Math.min(...times), Math.max(...times)];
  return ` (${first.toFixed(0)} to ${last.toFixed(0)} ms from the injection)`;
}

/** Longer than this between two lost packets: they were not lost of the same. */
const APART = 500;

/** Seconds from the last answered packet to the first answered again, by the capture: polling the router
 * would take processor time from the repair. */
function outage({ lost, sent }: CallRecord): number {
  const [first] = lost;
  if (first === undefined) return 0;
  let last = first;
  for (const packet of lost) if (sent[packet]! - sent[last]! <= APART) last = packet;
  const end = sent[last + 1] ?? sent[last]!;
  return (end - (sent[first - 1] ?? sent[first]!)) / 1000;
}

async function endure(lab: FaultLab, other: Other, slowness: number): Promise<Finding> {
  const alone = other.alone === true ? await withoutAgent(lab, other) : 0;
  const allowed = Math.ceil(other.lost * slowness) + (alone === 0 ? 0 : 2 * alone + 10);
  const since = lab.isp.mark();
  const call = await lab.call();
  const named = await lab.call({
    device: 'macbook',
    kind: 'name',
    name: 'ui.skype.com',
    remote: { address: '23.96.10.11', port: 7100 },
  });
  const free = { address: '78.46.72.11', port: 7000 };
  const unrelated = await lab.call({ device: 'windows', kind: 'unrelated', remote: free });
  await lab.sleep(500);
  const before = await lab.learned();
  const at = await lab.worldTime();
  await lab.inject(other.command, other.repaired, 10, 1);
  if (other.next !== undefined) await lab.router.must(other.next);
  await lab.sleep(1500 * slowness);
  const after = new Set(await lab.learned());
  // A new flow must find the learned elements.
  const again = await lab.call({
    device: 'iphone',
    remote: call.remote,
    kind: 'name',
    name: 'ui.skype.com',
  });
  await lab.sleep(500);
  await again.stop();
  const records = [await call.stop(), await named.stop()];
  const other0 = await unrelated.stop();
  const lost = records.map((record) => record.lost.length);
  const seconds = Math.max(...records.map(outage));
  const forgotten = before.filter((one) => !after.has(one));
  const strays = lab.isp.strays(since).length;
  const alive = records.every(({ heard }) => heard.slice(-40).some((at) => at !== null));
  const ok =
    seconds <= slowness &&
    Math.max(...lost) <= allowed &&
    (!other.unrelated || other0.lost.length <= allowed) &&
    forgotten.length === 0 &&
    before.length > 0 &&
    strays === 0 &&
    alive;
  return {
    ok,
    verdict: `${lost.join(' and ')} of ${records[0]!.sent.length} packets of two calls lost${when(records, at)}, silent ${Math.max(...records.map((one) => one.silence))} ms; unrelated ${other0.lost.length} lost${other.alone === true ? ` (without the agent ${alone})` : ''}; ${forgotten.length} of ${before.length} learned elements lost${forgotten.length > 0 ? ` (${forgotten[0]})` : ''}${strays > 0 ? `, ${strays} strays` : ''}`,
    seconds,
  };
}

export const others: readonly Fault[] = OTHERS.map((other) => ({
  name: other.name,
  injected: other.injected,
  run: (lab, slowness) => endure(lab, other, slowness),
}));
