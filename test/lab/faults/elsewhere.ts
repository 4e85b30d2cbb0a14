// Resolvers other than the router's port 53, each with names of the app that are resolved and connected to at
// once: the router's own behind a redirect to another port, one in a private network behind the WAN, and flows
// to one outside that are older than the agent's table.
import { PRIVATE_RESOLVER } from '../world/plan.ts';
import { type ArrivalOptions, type Arrivals, arrivals, toldArrivals, ways } from './arrivals.ts';
import { checks } from './ask.ts';
import type { Fault, FaultLab } from './fault.ts';

const NAMES = 8;
/** Milliseconds of unrelated names, longer than an agent needs to start; times the router's slowness. */
const OLDER_WARM = 9000;
const OTHER_PORT = 5353;

/** AdGuard Home and SmartDNS: a resolver at another port, and DNS to the router redirected there. */
const REDIRECT_ON = `
sed 's/^dhcp-.*//; s,^pid-file=.*,pid-file=/run/dnsmasq.other.pid,' /etc/dnsmasq.conf >/tmp/other.conf
echo port=${OTHER_PORT} >>/tmp/other.conf
dnsmasq --conf-file=/tmp/other.conf
nft 'add table ip lab_redirect; add chain ip lab_redirect pre { type nat hook prerouting priority -101; }
add rule ip lab_redirect pre iifname "br-lan" ip daddr 192.168.1.1 meta l4proto { tcp, udp } th dport 53 redirect to :${OTHER_PORT}'`;
const REDIRECT_OFF = `nft delete table ip lab_redirect; kill $(cat /run/dnsmasq.other.pid); rm -f /tmp/other.conf`;

interface Setup {
  readonly name: string;
  readonly options: ArrivalOptions;
  /** The DNS flow begins before the agent starts. */
  readonly older?: boolean;
  readonly redirected?: boolean;
}

const SETUPS: readonly Setup[] = [
  { name: `redirect to :${OTHER_PORT}`, options: {}, redirected: true },
  { name: 'private resolver', options: { server: PRIVATE_RESOLVER } },
  { name: 'private resolver over TCP', options: { server: PRIVATE_RESOLVER, way: 'tcp' } },
  { name: 'fixed source port', options: { way: 'fixed' } },
  { name: 'fixed source port, older', options: { way: 'fixed' }, older: true },
  { name: 'TCP, older', options: { way: 'tcp' }, older: true },
];

async function begin(
  lab: FaultLab,
  { options, older }: Setup,
  slowness: number,
): Promise<Arrivals> {
  if (older !== true) return arrivals(lab, { ...options, count: NAMES });
  await lab.agent.stop();
  await lab.router.must('conntrack -F');
  // Unrelated names first: the flow exists before a name of the app is asked for.
  const warm = Math.ceil(OLDER_WARM * slowness);
  const flows = await arrivals(lab, { ...options, warm, count: NAMES });
  await lab.sleep(300);
  await lab.agent.start();
  return flows;
}

export const elsewhere: Fault = {
  name: 'elsewhere',
  injected: `names resolved ${SETUPS.length} ways that are not the router's port 53`,
  async run(lab, slowness) {
    const check = checks();
    const told: string[] = [];
    for (const setup of SETUPS) {
      if (setup.redirected) await lab.router.must(REDIRECT_ON);
      const since = lab.isp.mark();
      try {
        const flows = await begin(lab, setup, slowness);
        await flows.over;
        const record = await flows.stop();
        const { tunnel, direct } = ways(lab, since, flows.remotes);
        check.that(record.answered === NAMES, `${setup.name}: ${toldArrivals(record)}`);
        check.that(tunnel > 0, `${setup.name}: nothing in the tunnel`);
        check.that(direct === 0, `${setup.name}: ${direct} packets direct`);
        told.push(`${setup.name} ${tunnel}/${direct}`);
      } finally {
        if (setup.redirected) await lab.router.run(REDIRECT_OFF);
      }
    }
    return { ...check.told(`in the tunnel/direct: ${told.join(', ')}`), seconds: null };
  },
};
