// fw4 with software flow offloading: unrelated flows are taken into the flow table and stay as fast.
// Proxied ones and DNS to resolvers outside should not be: they are, on Linux 6.1 (ARCHITECTURE, flow
// tables), and this session fails until they are not.
import { checks } from './ask.ts';
import type { Fault, FaultLab } from './fault.ts';

const HOST = 'env WHP_WATCHDOG_SECONDS=60 WHP_MEMORY_MB=128 /usr/lib/whp/whp-host';

/** As fw4 writes it; the tunnel is in the table, too, as if its zone were offloaded. */
const TABLE_ON = `
nft 'add flowtable inet fw4 ft { hook ingress priority 0; devices = { eth0, eth1, whp-cloud }; }'
nft 'insert rule inet fw4 forward meta l4proto { tcp, udp } flow add @ft'`;

async function offloaded(lab: FaultLab, part: string): Promise<number> {
  const { stdout } = await lab.router.run(
    `conntrack -L 2>/dev/null | grep OFFLOAD | grep -c -- '${part}'`,
  );
  return Number(stdout.trim());
}

/** Megabits a second of an unrelated TCP download through the router. */
async function speed(lab: FaultLab): Promise<number> {
  const text = await lab.inWorld('macbook', 'iperf3 -c 78.46.72.10 -t 3 -R -J');
  const { end } = JSON.parse(text) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e6;
}

export const offload: Fault = {
  name: 'offload',
  injected: 'software flow offloading, the tunnel device in the flow table',
  async run(lab) {
    const check = checks();
    await lab.world.must('ip netns exec internet iperf3 -s -B 78.46.72.10 -D -I /tmp/iperf3.pid');
    const without = await speed(lab);
    await lab.router.must(TABLE_ON);
    const since = lab.isp.mark();
    const call = await lab.call();
    const other = await lab.call({
      device: 'macbook',
      kind: 'unrelated',
      remote: { address: '78.46.72.11', port: 7000 },
    });
    const dns = await lab.call({
      device: 'windows',
      kind: 'resolver',
      remote: { address: '198.51.100.53', port: 53 },
      name: 'fast%d.skype.com',
      pace: 100,
    });
    // A whole session of the application: its stranger can only be known by the window.
    const played = await lab.world.run(
      `ip netns exec ubuntu ${HOST} /usr/lib/world/device.js ubuntu 1 1 /tmp/world 0 1`,
      { timeout: 90_000 },
    );
    const flows = {
      unrelated: await offloaded(lab, 'dst=78.46.72.11'),
      call: await offloaded(lab, `dst=${call.remote.address}`),
      dns: await offloaded(lab, 'dst=198.51.100.53'),
      device: await offloaded(lab, 'src=192.168.1.14 dst=\\(111\\|157\\|65\\|64\\|213\\)'),
    };
    const [media, unrelated, asked] = [await call.stop(), await other.stop(), await dns.stop()];
    const learned = await lab.learned();
    const last = learned.filter((one) => /^skype_addr4 23\.97\.7\./.test(one)).length;
    const withTable = await speed(lab);
    await lab.router.must('nft delete table inet whp; sleep 1; nft list tables');
    const bare = await speed(lab);
    await lab.world.run('kill $(cat /tmp/iperf3.pid)');
    check.that(played.status === 0, `the session: ${played.stdout.slice(-300)}`);
    check.that(flows.unrelated > 0, 'the unrelated flow is not offloaded: nothing is shown');
    check.that(flows.call + flows.device + flows.dns === 0, JSON.stringify(flows));
    check.that(media.lost.length + unrelated.lost.length === 0, 'packets lost');
    check.that(last >= 10, `${last} addresses learned of ${asked.sent.length} answers`);
    check.that(lab.isp.leaks(since).length === 0, 'leaks');
    check.that(withTable > bare * 0.85, 'slower with the table');
    return {
      ok: check.wrong.length === 0,
      verdict: `offloaded: unrelated ${flows.unrelated}, proxied ${flows.call + flows.device}, watched DNS ${flows.dns} (${last} addresses learned over one flow); a session with a stranger in its window fine; unrelated TCP ${without.toFixed(0)} Mbit/s without flow table, ${withTable.toFixed(0)} with it, ${bare.toFixed(0)} with it and no table of ours${check.wrong.length > 0 ? `; WRONG: ${check.wrong.join('; ')}` : ''}`,
      seconds: null,
    };
  },
};
