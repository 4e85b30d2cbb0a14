// The router's set-up in each mode: the agent as it ships (hold), the agent in watch mode (watch), or no agent
// and dnsmasq's nftset (nftset), as existing packages do.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EvidenceAnswer } from '../../agent/src/answers/flows.ts';
import type { Rows } from '../../agent/src/answers/rows.ts';
import type { Machine } from './machine/machine.ts';
import { projectRoot } from './machine/paths.ts';
import { putProfile, type Variant } from './profiles.ts';
import type { FlowOutcome } from './verdict/result.ts';

export type Mode = 'hold' | 'watch' | 'nftset';

export interface Agent {
  status(): Promise<unknown>;
  explain(): Promise<(flow: FlowOutcome) => string>;
}

/** The configuration of the lab's proxy: topology.sh has the other end. `profile` is the shipped one, or a
 * variant of it (profiles.ts). */
export function configText(hold: boolean, profile: 'skype' | Variant = 'skype'): string {
  return `config globals 'globals'
	option enabled '1'
	list lan 'br-lan'
	option hold '${hold ? 1 : 0}'

config proxy 'cloud'
	option enabled '1'
	option address '203.0.113.20'
	option key '5300'
	option local '10.213.0.1'
	option remote '10.213.0.2'

config app 'skype'
	option enabled '1'
	option profile '${profile}'
	option fallback 'block'
	list proxy 'cloud'
`;
}

/** Sets the router up for `mode` and waits until it enforces. */
export async function startAgent(
  router: Machine,
  mode: Mode,
  say: (line: string) => void,
  profile: 'skype' | Variant = 'skype',
): Promise<Agent> {
  if (mode === 'nftset') return startNftset(router);
  if (profile !== 'skype') await putProfile(router, profile);
  await router.put('/etc/config/whp', configText(mode === 'hold', profile), 0o600);
  await router.spawn('exec /usr/bin/whp daemon >>/tmp/whp.log 2>&1', () => {});
  say(await enforcing(router));
  return {
    status: async () => JSON.parse(await router.must('/usr/bin/whp status --json')) as unknown,
    explain: () => explain(router),
  };
}

/** Waits for the agent's log line. Polling `whp status` would compete for the processor. */
async function enforcing(router: Machine): Promise<string> {
  let stdout = '';
  for (let tries = 0; tries < 180; tries++) {
    stdout = (await router.run('cat /tmp/whp.log')).stdout;
    if (/error/.test(stdout)) throw new Error(`the agent does not enforce: ${stdout}`);
    const line = /^whp: (enforcing .*)$/m.exec(stdout)?.[1];
    if (line !== undefined) return `agent: ${line}`;
    await sleep(500);
  }
  const { stdout: processes } = await router.run('ps');
  throw new Error(`the agent does not enforce: ${stdout}\n${processes}\n${router.consoleTail(10)}`);
}

/** The agent's reason for each announced flow, by its tuple. */
async function explain(router: Machine): Promise<(flow: FlowOutcome) => string> {
  const answer = await router.must('/usr/bin/whp flows --recent --json', { timeout: 60_000 });
  const known = new Map<string, EvidenceAnswer>();
  for (const one of (JSON.parse(answer) as Rows<EvidenceAnswer>).rows) {
    const { protocol, source_port: port, destination, destination_port: remotePort } = one;
    known.set(`${protocol} ${port} ${destination} ${remotePort}`, one);
  }
  return ({ protocol, port, remote, remotePort }) => {
    const name = protocol === 17 ? 'udp' : protocol === 6 ? 'tcp' : String(protocol);
    const one = known.get(`${name} ${port} ${remote} ${remotePort}`);
    return one === undefined ? '' : `${one.evidence}: ${one.detail}`;
  };
}

/** The same tunnel, marks and names; dnsmasq adds addresses, nothing adds ports and peers. */
async function startNftset(router: Machine): Promise<Agent> {
  const profile = JSON.parse(
    readFileSync(join(projectRoot(), 'agent/profiles/skype.json'), 'utf8'),
  ) as { dns: { names: { value: string }[]; suffixes: { value: string }[] } };
  const names = [...profile.dns.suffixes, ...profile.dns.names].map(({ value }) => value);
  await router.put(
    '/tmp/nftset.conf',
    names.map((name) => `nftset=/${name}/4#inet#pbr#skype4\n`).join(''),
  );
  await router.put(
    '/tmp/pbr.nft',
    `table inet pbr {
  set skype4 { type ipv4_addr; flags timeout; }
  chain prerouting {
    type filter hook prerouting priority mangle;
    iifname "br-lan" ip daddr @skype4 meta mark set 0x01000000
  }
  chain forward {
    type filter hook forward priority mangle;
    oifname "whp-cloud" tcp flags syn tcp option maxseg size set rt mtu
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "whp-cloud" masquerade
  }
}
`,
  );
  await router.must(`set -e
    nft -f /tmp/pbr.nft
    ip link add whp-cloud type gre local 198.51.100.10 remote 203.0.113.20 key 5300 ttl 64
    ip address add 10.213.0.1/30 dev whp-cloud
    ip link set whp-cloud mtu 1472 up
    ip route add default dev whp-cloud table 15001
    ip rule add fwmark 0x01000000/0x0f000000 lookup 15001 pref 15001
    kill $(cat /run/dnsmasq.pid); sleep 1
    cat /tmp/nftset.conf >>/tmp/dnsmasq.leases.conf
    dnsmasq --conf-file=/etc/dnsmasq.conf`);
  return { status: async () => null, explain: async () => () => '' };
}
