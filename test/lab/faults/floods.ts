// One device takes all it can (SECURITY.md): it holds only its share, agent and router stay within their
// memory, another device's call and DNS go on, and the log has one line.
import { arrivals, toldArrivals, ways } from './arrivals.ts';
import { checks } from './ask.ts';
import type { Call, Fault, FaultLab, Finding } from './fault.ts';
import { worldProgram } from './programs.ts';

const FLOOD = worldProgram('flood');
const MEMORY = '/tmp/memory.txt';
/** The hostile device: ubuntu. */
const HOSTILE = '192.168.1.14';
/** A name of no app: its answers pass even if the agent is busy. */
const STRANGER = 'www.shop1.example';
/** An address of no app. */
const UNRELATED = { address: '78.46.72.11', port: 7000 };
/** Kilobytes: the agent's budget (6 MB at rest, one more for flows and evidence up to their caps), and what
 * a router of 64 MB must have left. */
const AGENT_MOST = 7168;
const FREE_LEAST = 8192;
/** Seconds of the same flood without an agent, for comparison. */
const ALONE_SECONDS = 10;
/** Most milliseconds of silence of another device's call; times the router's slowness. */
const CALL_SILENCE = 1000;
/** Most milliseconds of silence of another device's DNS, in addition to twice the silence without the agent:
 * a stub resolver's timeout before it asks again (resolv.conf(5)). */
const SILENCE = 5000;
/** Most milliseconds until a new call is answered, in addition to twice those before the flood and those of
 * an unrelated flow. */
const OPENING = 1500;
/** Milliseconds between two names that another device resolves and connects to. */
const ARRIVAL = 1000;
/** Share of them that must be answered: a refused one is asked for again, four times. */
const ANSWERED = 0.9;

interface Flood {
  readonly kind: 'names' | 'ports' | 'peers';
  readonly injected: string;
  readonly count: number;
  readonly perSecond: number;
  /** The set that the flood fills, its cap, and the cap of one device. */
  readonly set: string;
  readonly cap: number;
  readonly share: number;
}

const FLOODS: readonly Flood[] = [
  {
    kind: 'names',
    injected: 'a device resolves 30,000 names of the application (1,000 a second)',
    count: 30_000,
    perSecond: 1000,
    set: 'skype_addr4',
    cap: 4096,
    share: 4096,
  },
  {
    kind: 'ports',
    injected: 'a device maps 65,535 ports (1,000 a second)',
    count: 65_535,
    perSecond: 1000,
    set: 'skype_udp4',
    cap: 256,
    share: 96,
  },
  {
    kind: 'peers',
    injected: 'a device opens 50,000 peers (1,000 a second)',
    count: 50_000,
    perSecond: 1000,
    set: 'skype_peer4',
    cap: 4096,
    share: 1536,
  },
];

/** Records the agent's resident and the router's available kilobytes every two seconds, while there is an agent. */
const sampler = `while :; do
  r=$(grep VmRSS /proc/$(cat /tmp/whp.pid)/status)
  a=$(grep MemAvailable /proc/meminfo)
  set -- $r $a
  [ $# -eq 6 ] && echo "$2 $5"
  sleep 2
done >${MEMORY}`;

async function memory(lab: FaultLab): Promise<{ first: number; most: number; free: number }> {
  const text = await lab.router.must(`cat ${MEMORY}`);
  const rows = text
    .trim()
    .split('\n')
    .map((line) => line.split(' ').map(Number));
  const resident = rows.map(([value = 0]) => value);
  return {
    first: resident[0] ?? 0,
    most: Math.max(...resident),
    free: Math.min(...rows.map(([, value = 0]) => value)),
  };
}

/** The longest silence of another device's DNS during the same flood without an agent, in milliseconds; 0
 * where it is no comparison: without an agent a flood of peers hinders nobody. */
async function withoutAgent(lab: FaultLab, { kind, perSecond }: Flood): Promise<number> {
  if (kind === 'peers') return 0;
  await lab.agent.stop();
  const dns = await lab.call({ device: 'macbook', kind: 'dns', name: STRANGER, pace: 200 });
  await lab.inWorld('ubuntu', `${FLOOD} ${kind} ${perSecond * ALONE_SECONDS} ${perSecond}`);
  const { silence } = await dns.stop();
  await lab.agent.start();
  return silence;
}

/** Milliseconds until a call that begins now has its first answer; of an unrelated flow the same. */
async function opening(
  lab: FaultLab,
  device: string,
  kind: 'peer' | 'unrelated' = 'peer',
): Promise<{ call: Call; took: number }> {
  const began = await lab.worldTime();
  const call = await lab.call(kind === 'peer' ? { device } : { device, kind, remote: UNRELATED });
  return { call, took: (await lab.worldTime()) - began };
}

/** How many of `calls`' packets found no answer, and the longest silence, milliseconds. */
async function ended(call: Call): Promise<{ sent: number; lost: number; silence: number }> {
  const { sent, lost, silence } = await call.stop();
  return { sent: sent.length, lost: lost.length, silence };
}

/** How long the kernel keeps a UDP flow that nobody answers. */
const TIMEOUT = '/proc/sys/net/netfilter/nf_conntrack_udp_timeout';

/** Runs `session` with a short conntrack timeout for unanswered flows: otherwise the kernel's table would be
 * full after sixteen seconds and refuse all flows. */
export async function withRoom(lab: FaultLab, session: () => Promise<Finding>): Promise<Finding> {
  const before = (await lab.router.must(`cat ${TIMEOUT}; echo 10 >${TIMEOUT}`)).trim();
  try {
    return await session();
  } finally {
    await lab.router.must(`echo ${before} >${TIMEOUT}`);
  }
}

async function endure(lab: FaultLab, flood: Flood, slowness: number): Promise<Finding> {
  const check = checks();
  const alone = await withoutAgent(lab, flood);
  const sampling = await lab.router.spawn(sampler, () => {});
  const { call, took: quiet } = await opening(lab, 'iphone');
  const dns = await lab.call({ device: 'macbook', kind: 'dns', name: STRANGER, pace: 200 });
  const web = await lab.call({
    device: 'windows',
    kind: 'unrelated',
    remote: UNRELATED,
  });
  await lab.sleep(1000);
  const since = lab.isp.mark();
  const newcomers = await arrivals(lab, { device: 'macbook', pace: ARRIVAL });
  let said = '';
  const words = `${flood.kind} ${flood.count} ${flood.perSecond}`;
  const running = await lab.world.spawn(`exec ip netns exec ubuntu ${FLOOD} ${words}`, (line) => {
    said = line;
  });
  const end = await running.done;
  if (said === '') throw new Error(`the flood ended with ${end.status}: ${end.stderr}`);
  const arrived = await newcomers.stop();
  const seen = ways(lab, since, newcomers.remotes);
  const { call: spare, took: plain } = await opening(lab, 'xbox', 'unrelated');
  const { call: fresh, took: opened } = await opening(lab, 'xbox');
  await spare.stop();
  await lab.sleep(1000);
  const [media, asked, other, late] = [
    await ended(call),
    await ended(dns),
    await ended(web),
    await ended(fresh),
  ];
  await sampling.kill('TERM');
  const { first, most, free } = await memory(lab);
  const learned = (await lab.learned()).filter((one) => one.startsWith(`${flood.set} `));
  const its = learned.filter((one) => flood.kind === 'names' || one.includes(HOSTILE)).length;
  const log = (await lab.agent.log()).split('\n');
  const lines = log.filter((line) => /flood|surplus|full|share|room|more/.test(line));
  const starts = await lab.agent.starts();
  for (const line of lines) lab.say(line);
  const done = JSON.parse(said) as {
    sent: number;
    refused: number;
    answered: number;
    seconds: number;
  };
  check.that(done.sent === flood.count, `${done.sent} sent`);
  check.that(learned.length <= flood.cap && its <= flood.share, 'more than its share');
  check.that(starts === 1, `the agent started ${starts} times`);
  check.that(most <= AGENT_MOST, `${most} KB resident`);
  check.that(free >= FREE_LEAST, `${free} KB free`);
  const few = ({ sent, lost }: { sent: number; lost: number }): boolean => lost <= sent / 100;
  check.that(few(media) && media.silence < CALL_SILENCE * slowness, 'the call suffered');
  const again = flood.kind === 'names' ? asked.sent / 20 : asked.sent / 100;
  check.that(
    asked.lost <= again && asked.silence < SILENCE + 2 * alone,
    "another device's DNS suffered",
  );
  check.that(few(other), 'an unrelated flow suffered');
  check.that(
    late.lost <= 1 && opened < OPENING + 2 * Math.max(quiet, plain),
    'a new call suffered',
  );
  check.that(seen.direct === 0, `${seen.direct} packets direct to names resolved meanwhile`);
  // A 24K has no time to learn during a flood of names: answers are refused, and asked for again.
  const mayRefuse = flood.kind === 'names';
  check.that(mayRefuse || seen.tunnel > 0, 'nothing in the tunnel of names resolved meanwhile');
  check.that(mayRefuse || arrived.answered >= arrived.asked * ANSWERED, toldArrivals(arrived));
  check.that(lines.length <= 4 && log.length < 30, `${lines.length} of ${log.length} log lines`);
  return {
    ...check.told(
      `${done.sent} in ${done.seconds.toFixed(0)} s (${done.answered} answered); it holds ${its} of ${flood.set} (${learned.length} in all, cap ${flood.cap}); agent ${first} -> ${most} KB at most, router ${free} KB available at least; others: call ${media.lost} of ${media.sent} lost (silent ${media.silence} ms), DNS ${asked.lost} of ${asked.sent} (${asked.silence} ms${alone === 0 ? '' : `, without the agent ${alone} ms`}), unrelated ${other.lost} of ${other.sent}, a new call in ${opened} ms (before it ${quiet} ms; an unrelated flow ${plain} ms); names resolved meanwhile on another device: ${toldArrivals(arrived)}, packets ${seen.tunnel}/${seen.direct} in the tunnel/direct; ${lines.length} log line(s) of ${log.length - 1}`,
    ),
    seconds: null,
  };
}

export const floods: readonly Fault[] = FLOODS.map((flood) => ({
  name: `flood-${flood.kind}`,
  injected: flood.injected,
  run: (lab, slowness) => withRoom(lab, () => endure(lab, flood, slowness)),
}));
