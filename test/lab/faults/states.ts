// What may flow in each state: a proxy that dies with another one, with none, and with fallback direct; and
// flows older than their evidence. The tunnel is cut at the proxy's end, so every device of the router stays
// up: only probes can notice.
import type { EndedAnswer } from '../../../agent/src/answers/flows.ts';
import { byText } from '../../../agent/src/answers/now.ts';
import type { Rows } from '../../../agent/src/answers/rows.ts';
import { SUPERNODES } from '../world/plan.ts';
import { probe } from './ask.ts';
import type { Fault, FaultLab, Mark } from './fault.ts';

const SUPERNODE = SUPERNODES[3]!;

const proxy = (name: string, address: string, key: number, net: number): string => `
config proxy '${name}'
	option address '${address}'
	option key '${key}'
	option local '10.213.${net}.1'
	option remote '10.213.${net}.2'
`;

export function config(fallback: string, proxies: readonly string[]): string {
  return `config globals 'globals'
	list lan 'br-lan'
${proxy('cloud', '203.0.113.20', 5300, 0)}${proxy('spare', '203.0.113.36', 5301, 1)}
config app 'skype'
	option profile 'skype'
	option fallback '${fallback}'
${proxies.map((name) => `\tlist proxy '${name}'\n`).join('')}`;
}

export const cut = (lab: FaultLab): Promise<string> =>
  lab.inWorld('proxy', 'ip link set whp-home down');
export const mend = (lab: FaultLab): Promise<string> =>
  lab.inWorld('proxy', 'ip link set whp-home up');

/** Until the agent has said that it moved the app, seconds. */
export async function said(lab: FaultLab, text: string, limit = 20): Promise<number> {
  return lab.inject(':', `grep -qe '${text}' /tmp/whp.log`, limit);
}

const PROXIES = new Map([
  ['203.0.113.20', 'cloud'],
  ['203.0.113.36', 'spare'],
]);

/** The proxies that packets to `remote` were sent to, one after the other: "cloud spare". */
export function pathsOf(lab: FaultLab, since: Mark, remote: string): string {
  const taken: string[] = [];
  for (const { destination, outer } of lab.isp.sightings(since)) {
    const proxy = destination === remote ? PROXIES.get(outer?.destination ?? '') : undefined;
    if (proxy !== undefined && proxy !== taken.at(-1)) taken.push(proxy);
  }
  return taken.join(' ');
}

export const failover: Fault = {
  name: 'failover',
  injected: 'the first proxy stops answering during a call, and comes back',
  config: config('block', ['cloud', 'spare']),
  async run(lab) {
    // The spare has to be known before it is needed.
    await lab.sleep(3000);
    const call = await lab.call({ kind: 'supernode', remote: SUPERNODE });
    const other = await lab.call({ device: 'macbook', kind: 'unrelated' });
    const since = lab.isp.mark();
    const began = await lab.worldTime();
    await cut(lab);
    const detected = await said(lab, 'proxy cloud -> proxy spare');
    await lab.sleep(1000);
    const record = await call.stop();
    const after = record.answeredAfter(began + 400);
    const second = await lab.call({ kind: 'supernode', remote: SUPERNODE });
    await mend(lab);
    const back = await said(lab, 'proxy spare -> proxy cloud', 90);
    await lab.sleep(1000);
    const [moved, unrelated] = [await second.stop(), await other.stop()];
    const paths = pathsOf(lab, since, SUPERNODE.address);
    const log = await lab.router.must('/usr/bin/whp flows --ended --json', { timeout: 60_000 });
    const { rows } = JSON.parse(log) as Rows<EndedAnswer>;
    // A connection that was moved has ended on the proxy that it began on.
    const logged = [...new Set(rows.map(byText))].sort().join(' ');
    const ok =
      record.silence < 4000 &&
      moved.silence < 1500 &&
      unrelated.lost.length === 0 &&
      paths === 'cloud spare cloud' &&
      logged === 'cloud spare';
    return {
      ok,
      verdict: `left ${detected.toFixed(1)} s after the cut, silent for ${record.silence} ms (answered again ${after} ms after the cut); its packets took ${paths}; back after ${back.toFixed(1)} s of answers, silent for ${moved.silence} ms; unrelated ${unrelated.lost.length} lost; proxies in the connection log: ${logged}`,
      seconds: record.silence / 1000,
    };
  },
};

export const blocked: Fault = {
  name: 'blocked',
  injected: 'the only proxy stops answering during a call; fallback block',
  config: config('block', ['cloud']),
  async run(lab) {
    await lab.sleep(2000);
    const call = await lab.call({ kind: 'supernode', remote: SUPERNODE });
    const other = await lab.call({ device: 'macbook', kind: 'unrelated' });
    const mark = lab.isp.mark();
    await cut(lab);
    const refusedIn = await said(lab, '-> refused');
    // TCP to a supernode: a reset has to come at once, not a timeout.
    const tcp = await probe(lab, 'iphone', `tcp application ${SUPERNODE.address} 40011`);
    const { address, port } = SUPERNODES[4]!;
    const udp = await probe(lab, 'xbox', `udp application ${address} ${port}`);
    const leaks = lab.isp.leaks(mark).length;
    await mend(lab);
    const back = await said(lab, 'refused -> proxy cloud', 30);
    await lab.sleep(1500);
    const healed = await lab.call({ device: 'ubuntu', kind: 'supernode', remote: SUPERNODE });
    const [, , unrelated] = [await call.stop(), await healed.stop(), await other.stop()];
    return {
      ok:
        tcp.errno === '111' &&
        tcp.ms < 1000 &&
        udp.errno === '113' &&
        udp.ms < 1000 &&
        leaks === 0 &&
        unrelated.lost.length === 0,
      verdict: `refused ${refusedIn.toFixed(1)} s after the cut, TCP refused in ${tcp.ms} ms (errno ${tcp.errno}: reset), UDP in ${udp.ms} ms (errno ${udp.errno}: prohibited); ${leaks} leaked; unrelated ${unrelated.lost.length} lost`,
      seconds: back,
    };
  },
};

export const direct: Fault = {
  name: 'direct',
  injected: 'the only proxy stops answering during a call; fallback direct',
  config: config('direct', ['cloud']),
  mayLeak: 'direct by the owner while no proxy is up',
  async run(lab) {
    await lab.sleep(2000);
    const call = await lab.call({ kind: 'supernode', remote: SUPERNODE });
    await cut(lab);
    await said(lab, '-> DIRECT');
    await lab.sleep(1000);
    const { apps } = await lab.agent.status();
    const { state } = apps[0]!.new_connections;
    await mend(lab);
    const back = await said(lab, 'proxies -> proxy cloud', 30);
    await lab.sleep(500);
    const mark = lab.isp.mark();
    await lab.sleep(1000);
    const leaks = lab.isp.leaks(mark).length;
    const record = await call.stop();
    return {
      ok: state === 'direct' && leaks === 0 && record.silence < 4000,
      verdict: `status says ${state}; silent for ${record.silence} ms at most; ${leaks} direct packets once the proxy was back`,
      seconds: back,
    };
  },
};

export const late: Fault = {
  name: 'late',
  injected: 'the agent is enabled during a call',
  mayLeak: 'the call began without the agent',
  async run(lab) {
    await lab.agent.stop();
    const call = await lab.call({ kind: 'supernode', remote: SUPERNODE });
    const other = await lab.call({ device: 'macbook', kind: 'unrelated' });
    const began = await lab.worldTime();
    await lab.agent.start();
    await lab.sleep(300);
    const settled = await lab.worldTime();
    const mark = lab.isp.mark();
    await lab.sleep(1500);
    const leaks = lab.isp.leaks(mark).length;
    const tunnelled = lab.isp.sightings(mark).filter((seen) => seen.tunnelled).length;
    const [record, unrelated] = [await call.stop(), await other.stop()];
    const answers = record.heard.filter((at) => at !== null).sort((a, b) => a - b);
    const gap = answers.findIndex((at, i) => i > 0 && at - answers[i - 1]! >= record.silence);
    lab.say(
      `late: started at 0, settled at ${settled - began}, last answer at ${(answers.at(-1) ?? 0) - began}, gap from ${(answers[gap - 1] ?? 0) - began}`,
    );
    return {
      ok: leaks === 0 && tunnelled > 20 && unrelated.lost.length === 0,
      verdict: `${leaks} direct packets after it enforced, ${tunnelled} in the tunnel; silent for ${record.silence} ms; unrelated ${unrelated.lost.length} lost`,
      seconds: record.silence / 1000,
    };
  },
};
