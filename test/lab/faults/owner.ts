// Choices of the owner during calls: some devices only, a pause, a schedule, a configuration with a mistake.
import { configText } from '../mode.ts';
import type { Endpoint } from '../world/plan.ts';
import type { Call, Fault, FaultLab, Mark } from './fault.ts';

const LEASES = '/tmp/dhcp.leases';
const WHP = '/usr/bin/whp';

interface Ways {
  readonly tunnel: number;
  readonly direct: number;
}

/** How many packets to or from `remote` went which way since `mark`. */
function ways(lab: FaultLab, mark: Mark, { address }: Endpoint): Ways {
  const about = lab.isp
    .sightings(mark)
    .filter((one) => one.destination === address || one.source === address);
  const tunnel = about.filter((one) => one.tunnelled).length;
  return { tunnel, direct: about.length - tunnel };
}

/** A call for `milliseconds`, and which way its packets went. */
async function sample(lab: FaultLab, device: string, milliseconds = 1500): Promise<Ways> {
  const mark = lab.isp.mark();
  const call = await lab.call({ device });
  await lab.sleep(milliseconds);
  await call.stop();
  await lab.sleep(200);
  return ways(lab, mark, call.remote);
}

const onlyTunnel = ({ tunnel, direct }: Ways): boolean => tunnel > 20 && direct === 0;
const onlyDirect = ({ tunnel, direct }: Ways): boolean => direct > 20 && tunnel === 0;
const told = ({ tunnel, direct }: Ways): string => `${tunnel} in the tunnel, ${direct} direct`;

async function lost(call: Call): Promise<number> {
  return (await call.stop()).lost.length;
}

/** The MACs of world/topology.sh end with the address. */
const macOf = (host: number): string => `02:00:c0:a8:01:${host.toString(16).padStart(2, '0')}`;

export const devicesOnly: Fault = {
  name: 'devices-only',
  injected: 'app limited to one device by MAC, then to another by the name in a lease that comes',
  mayLeak: 'devices that the owner left out',
  config: `${configText(true)}\tlist device '${macOf(11)}'\n`,
  async run(lab) {
    const [mine, others] = [await sample(lab, 'iphone'), await sample(lab, 'windows')];
    await lab.router.must(`: >${LEASES}`);
    const problems = await lab.agent.configure(
      `${configText(true)}\tlist device 'pc'\nconfig device 'pc'\n\tlist name 'windows-pc'\n`,
    );
    const before = await sample(lab, 'windows');
    const seconds = await lab.inject(
      `echo '9999999999 ${macOf(13)} 192.168.1.13 Windows-PC *' >${LEASES}`,
      `nft list set inet whp skype_mac | grep -q ${macOf(13)}`,
      30,
    );
    const after = await sample(lab, 'windows');
    const left = await sample(lab, 'iphone');
    await lab.router.must(`rm -f ${LEASES}`);
    const ok =
      onlyTunnel(mine) &&
      onlyDirect(others) &&
      onlyDirect(before) &&
      onlyTunnel(after) &&
      onlyDirect(left);
    return {
      ok,
      verdict: `by MAC: the device ${told(mine)}, another ${told(others)}; by name: before its lease ${told(before)}, after it ${told(after)}, the first device now ${told(left)}; ${problems.trim()}`,
      seconds,
    };
  },
};

export const paused: Fault = {
  name: 'paused',
  injected: 'whp pause during a call, then whp resume',
  mayLeak: 'a call in the pause',
  async run(lab) {
    const since = lab.isp.mark();
    const call = await lab.call({ device: 'iphone' });
    await lab.router.must(`${WHP} pause skype`, { timeout: 60_000 });
    const began = lab.isp.mark();
    const open = await lab.call({ device: 'windows' });
    await lab.sleep(1500);
    const inPause = ways(lab, began, open.remote);
    await lab.router.must(`${WHP} resume`, { timeout: 60_000 });
    await lab.sleep(1000);
    const resumed = lab.isp.mark();
    await lab.sleep(1500);
    const taken = ways(lab, resumed, open.remote);
    await open.stop();
    const afterwards = await sample(lab, 'macbook');
    const missing = await lost(call);
    await lab.sleep(200);
    const kept = ways(lab, since, call.remote);
    const ok =
      onlyDirect(inPause) &&
      onlyTunnel(taken) &&
      onlyTunnel(afterwards) &&
      onlyTunnel(kept) &&
      missing === 0;
    return {
      ok,
      verdict: `the call before: ${told(kept)}, ${missing} lost; one in the pause: ${told(inPause)}, a second after its end ${told(taken)}; one after it: ${told(afterwards)}`,
      seconds: null,
    };
  },
};

export const hours: Fault = {
  name: 'hours',
  injected: 'schedule mon-fri 16:00-20:00 in Berlin time; the clock jumps in, out, and to 1970',
  mayLeak: 'calls outside the hours',
  config: `${configText(true)}\tlist schedule 'mon-fri 16:00-20:00'\n`,
  async run(lab) {
    const { router } = lab;
    const admits = '! nft list set inet whp skype_paused | grep -q ipv4';
    const zone = await router.run('cat /etc/TZ 2>/dev/null');
    const year = (await router.must('date -u +%s')).trim();
    await router.must("echo 'CET-1CEST,M3.5.0,M10.5.0/3' >/etc/TZ");
    // 15:01 UTC on a Monday of November is 16:01 in Berlin; 15:01 in July is 17:01.
    const into = await lab.inject('date -u -s "2026-11-16 15:01:00"', admits, 30);
    const inside = await sample(lab, 'iphone');
    const out = await lab.inject('date -u -s "2026-11-16 19:00:30"', `! { ${admits}; }`, 30);
    const outside = await sample(lab, 'windows');
    const summer = await lab.inject('date -u -s "2027-07-12 14:01:00"', admits, 30);
    await lab.inject('date -u -s "2026-11-15 15:01:00"', `! { ${admits}; }`, 30);
    // Not the first minutes: a kernel refuses a time before its own start.
    const unset = await lab.inject('date -u -s "1970-01-03 00:10:00"', admits, 30);
    const never = await sample(lab, 'macbook');
    await router.must(`date -u -s @${year}`);
    await router.must(
      zone.status === 0 ? `echo '${zone.stdout.trim()}' >/etc/TZ` : 'rm -f /etc/TZ',
    );
    const ok = onlyTunnel(inside) && onlyDirect(outside) && onlyTunnel(never);
    return {
      ok,
      verdict: `inside: ${told(inside)}; outside: ${told(outside)}; clock not set: ${told(never)}; changes after ${into}, ${out}, ${summer} (summer time) and ${unset} s`,
      seconds: Math.max(into, out, summer, unset),
    };
  },
};

export const mistake: Fault = {
  name: 'mistake',
  injected: 'a mistake in /etc/config/whp: whp reload, then kill -9 of the agent, during a call',
  async run(lab) {
    const call = await lab.call();
    const answer = await lab.agent.configure(`${configText(true)}\toption fallbck 'direct'\n`);
    const before = await lab.agent.starts();
    const seconds = await lab.inject(
      'kill -9 $(cat /tmp/whp.pid)',
      `[ $(grep -c '^whp: enforcing' /tmp/whp.log) -gt ${before} ]`,
      60,
    );
    const after = await sample(lab, 'windows');
    const { problems } = await lab.agent.status();
    const missing = await lost(call);
    const named = 'whp.skype.fallbck (/etc/config/whp:18): unknown option';
    const ok =
      answer.includes(named) &&
      problems.some(({ text }) => /last good configuration.*fallbck/.test(text)) &&
      onlyTunnel(after) &&
      missing === 0;
    return {
      ok,
      verdict: `refused: "${answer.trim().slice(0, 80)}.."; the new agent enforces the last good one and says so; call ${missing} lost; a new call ${told(after)}`,
      seconds,
    };
  },
};
