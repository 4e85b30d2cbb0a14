// fw4 with software flow offloading: unrelated flows are offloaded and stay fast. Proxied flows and DNS to
// outside resolvers are not (ruleset/flow-offload): all their packets pass our rules, so that ports and peers
// are renewed, requests open their window, and answers are held.
import { checks } from './ask.ts';
import type { Fault, FaultLab } from './fault.ts';
import { worldProgram } from './programs.ts';

const SERVER = '78.46.72.10';

/** As fw4 writes it; the tunnel is in the table, too, as if its zone were offloaded. */
const TABLE_ON = `
nft 'add flowtable inet fw4 ft { hook ingress priority 0; devices = { eth0, eth1, whp-cloud }; }'
nft 'insert rule inet fw4 forward meta l4proto { tcp, udp } flow add @ft'`;
const TABLE_OFF = `
nft -f /etc/nftables/fw4.nft
nft list flowtables | grep -q ft && nft 'delete flowtable inet fw4 ft'
:`;
const OWN_TABLE = 'nft list table inet whp_offload';

/** Packets that the rules of the forward hook have seen: of proxied flows, and of all unoffloaded. */
async function seen(lab: FaultLab, counter: string): Promise<number> {
  const text = await lab.router.must(counter);
  return Number(/packets (\d+)/.exec(text)?.[1]);
}

const PROXIED = 'nft list counter inet whp skype_proxied';
/** A counter in front of fw4's forward chain: what it counts was not offloaded. */
const COUNT_ON = `nft 'add table inet seen; add chain inet seen f { type filter hook forward priority -300; }
add rule inet seen f ip saddr ${SERVER} counter'`;
const COUNTED = 'nft list chain inet seen f';

/** Megabits a second of an unrelated TCP download through the router, and its packets. */
async function speed(lab: FaultLab): Promise<{ readonly rate: number; readonly packets: number }> {
  const text = await lab.inWorld('macbook', `iperf3 -c ${SERVER} -t 4 -R -J`);
  const { end } = JSON.parse(text) as {
    end: { sum_received: { bits_per_second: number; bytes: number } };
  };
  const { bits_per_second, bytes } = end.sum_received;
  return { rate: bits_per_second / 1e6, packets: bytes / 1448 };
}

/** Share of an unrelated download that passed rules, and its speed: of the fastest of three, because the emulated
 * machines share their processors with others. */
async function offloadedSpeed(lab: FaultLab): Promise<{ rate: number; ruled: number }> {
  let best = { rate: 0, ruled: 1 };
  for (let i = 0; i < 3; i += 1) {
    const before = await seen(lab, COUNTED);
    const { rate, packets } = await speed(lab);
    if (rate > best.rate) best = { rate, ruled: ((await seen(lab, COUNTED)) - before) / packets };
  }
  return best;
}

export const offload: Fault = {
  name: 'offload',
  injected: 'software flow offloading, the tunnel device in the flow table',
  async run(lab) {
    const check = checks();
    await lab.world.must(`ip netns exec internet iperf3 -s -B ${SERVER} -D -I /tmp/iperf3.pid`);
    await lab.router.must(COUNT_ON);
    const without = await offloadedSpeed(lab);
    const noticed = await lab.inject(TABLE_ON, OWN_TABLE);
    const since = lab.isp.mark();
    const [call, dns, other] = [
      await lab.call(),
      await lab.call({
        device: 'windows',
        kind: 'resolver',
        remote: { address: '198.51.100.53', port: 53 },
        name: 'fast%d.skype.com',
        pace: 100,
      }),
      await lab.call({
        device: 'macbook',
        kind: 'unrelated',
        remote: { address: '78.46.72.11', port: 7000 },
      }),
    ];
    const before = await seen(lab, PROXIED);
    await lab.sleep(2000);
    const ruled = (await seen(lab, PROXIED)) - before;
    // A whole session of the app: its stranger is known only by the request window.
    const played = await lab.world.run(
      `ip netns exec ubuntu ${worldProgram('device')} ubuntu 1 1 /tmp/world 0 1`,
      { timeout: 90_000 },
    );
    const strays = lab.isp.strays(since).length;
    const leaks = lab.isp.leaks(since).length;
    // An offloaded flow can be cut: its entry is deleted and it begins anew.
    const cut = await lab.router.run(`conntrack -D -d ${call.remote.address}`);
    await lab.sleep(500);
    const [media, unrelated, asked] = [await call.stop(), await other.stop(), await dns.stop()];
    const learned = await lab.learned();
    // An answer of an outside resolver counts for the device that asked.
    const last = learned.filter((one) => /^skype_peer4 .* 23\.97\.7\./.test(one)).length;
    const withTable = await offloadedSpeed(lab);
    await lab.agent.stop();
    const bare = await offloadedSpeed(lab);
    await lab.world.run('kill $(cat /tmp/iperf3.pid)');
    await lab.router.run(`nft delete table inet seen; ${TABLE_OFF}`);
    check.that(played.status === 0, `the session: ${played.stdout.slice(-300)}`);
    check.that(bare.ruled < 0.1, 'nothing is offloaded: nothing is shown');
    check.that(withTable.ruled < 0.1, 'unrelated flows are not offloaded');
    // 50 packets a second each way.
    check.that(ruled >= 190, `${ruled} packets of the call passed the rules in two seconds`);
    check.that(cut.status === 0, `an entry cannot be deleted: ${cut.stderr}`);
    check.that(media.lost.length + unrelated.lost.length <= 2, 'packets lost');
    check.that(last >= 10, `${last} addresses learned of ${asked.sent.length} answers`);
    check.that(leaks + strays === 0, `${leaks} leaks, ${strays} strays`);
    check.that(withTable.rate > bare.rate * 0.85, 'slower with the table');
    const text = ({ rate, ruled: part }: { rate: number; ruled: number }): string =>
      `${rate.toFixed(0)} Mbit/s (${(part * 100).toFixed(0)} % through rules)`;
    return {
      ...check.told(
        `kept apart ${noticed} s after it began; ${ruled} packets of the call passed the rules in 2 s, ${last} addresses learned over one DNS flow of ${asked.sent.length} questions, a session with a stranger in its window fine; ${strays} strays; unrelated TCP ${text(without)} without flow table, ${text(withTable)} with it, ${text(bare)} with it and no agent`,
      ),
      seconds: noticed,
    };
  },
};
