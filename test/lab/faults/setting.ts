// Makes the functions of a fault session from two booted machines: the world's topology and servers once, and
// before every session the router as after a boot, with a new agent.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../machine/lab.ts';
import type { Spawned } from '../machine/machine.ts';
import { configText } from '../mode.ts';
import { putProfile } from '../profiles.ts';
import { buildWorld, type SessionLab } from '../session/run.ts';
import { type Endpoint, EVERY_DEVICE, peerAddress } from '../world/plan.ts';
import { routerAgent } from './agent.ts';
import type { Call, CallOptions, CallRecord, Fault, FaultLab } from './fault.ts';
import { LOGS, worldProgram } from './programs.ts';
import { ispWire } from './wire.ts';

/** Removes everything in the kernel and in RAM files; the flash is kept. */
export const NO_STATE = `
nft flush ruleset
nft -f /etc/nftables/fw4.nft
for p in $(seq 15001 15015); do
  for f in -4 -6; do
    while ip $f rule del pref $p 2>/dev/null; do :; done
    ip $f route flush table $p 2>/dev/null
  done
done
ip rule show | grep -q 'lookup main' || ip rule add pref 32766 lookup main
for l in $(ip -o link show type gre | sed 's/^[0-9]*: \\(whp-[^@:]*\\).*/\\1/' | grep ^whp-); do ip link del $l; done
conntrack -F 2>/dev/null
rm -rf /var/run/whp /var/run/whp.* /tmp/whp.full`;

/** The router as after a boot, whatever the last session did. With 64 MB the distribution's kernel once
 * stalled for half a minute in proactive memory compaction: that is switched off. */
const AS_BOOTED = `
echo 0 >/proc/sys/vm/compaction_proactiveness
${NO_STATE}
ip address show dev eth1 | grep -q ' 198.51.100.10/24' || {
  ip address flush dev eth1; ip address add 198.51.100.10/24 brd + dev eth1; }
ip link set eth1 up
ip link set br-lan up
ip -6 address replace fd00:c0a8:1::1/64 dev br-lan nodad
ip route show default | grep -q eth1 || ip route add default via 198.51.100.1 dev eth1
rm -rf /etc/whp
:`;
export interface Setting {
  readonly lab: FaultLab;
  /** Before each session. */
  prepare(fault: Fault): Promise<void>;
  /** After each session: ends what it left running. */
  clear(): Promise<void>;
}

/** Builds the world of a booted lab and starts its servers. */
export async function openSetting(machines: Lab, say: (line: string) => void): Promise<Setting> {
  const { router, world, out } = machines;
  const home: SessionLab = { world, out, say };
  await buildWorld(home, { seed: 1, sessionsPerDevice: 0, noise: false, adversary: false });
  await startServers(machines);
  const agent = routerAgent(router);
  const calls = new Set<Call>();
  const programs = new Set<Spawned>();
  let number = 0;
  let names = 0;
  const lab: FaultLab = {
    router,
    world,
    isp: ispWire(`${out}/isp.pcap`),
    agent,
    say,
    sleep: (milliseconds) => sleep(milliseconds),
    freshPeer(device = 'iphone') {
      number += 1;
      return freshPeer(device, number);
    },
    freshNames(count) {
      names += count;
      return names - count;
    },
    async call(options = {}) {
      number += 1;
      const call = await startCall(machines, number, options, () => calls.delete(call));
      calls.add(call);
      return call;
    },
    async play(device, name, words, onLine) {
      const line = [worldProgram(name), ...words].join(' ');
      const program = await world.spawn(`exec ip netns exec ${device} ${line}`, onLine);
      programs.add(program);
      void program.done.then(() => programs.delete(program));
      return program;
    },
    inject: (command, condition, limit, quiet) =>
      inject(machines, command, condition, limit, quiet),
    inWorld: (namespace, command) => world.must(`ip netns exec ${namespace} ${command}`),
    worldTime: async () => {
      const text = await world.must(`${worldProgram('probe')} now`);
      return (JSON.parse(text.trim().split('\n').at(-1) ?? '{}') as { now: number }).now;
    },
    learned: () => learned(machines),
  };
  return {
    lab,
    async prepare(fault) {
      await router.must(AS_BOOTED, { timeout: 60_000 });
      for (const variant of fault.profiles ?? []) await putProfile(router, variant);
      await router.put('/etc/config/whp', fault.config ?? configText(true), 0o600);
      await agent.start();
    },
    async clear() {
      for (const call of calls) await call.stop().catch(() => {});
      for (const program of programs) await program.kill('KILL').catch(() => {});
      await agent.stop();
    },
  };
}

async function startServers({ world }: Lab): Promise<void> {
  for (const [namespace, program, words] of [
    ['isp', 'resolver', `${LOGS}/resolver.jsonl`],
    ['internet', 'internet', `${LOGS}/internet.jsonl ${LOGS}/internet.sock`],
  ] as const) {
    await world.must(
      `ip netns exec ${namespace} ${worldProgram(program)} ${words} >${LOGS}/${program}.out 2>&1 &
      for i in $(seq 100); do grep -q ready ${LOGS}/${program}.out && exit 0; sleep 0.1; done; exit 1`,
    );
  }
}

function freshPeer(device: string, number: number): Endpoint {
  const index = EVERY_DEVICE.findIndex((one) => one.name === device);
  return { address: peerAddress(index, number, 'out'), port: 20_000 + 2 * (number % 5000) };
}

async function startCall(
  { world }: Lab,
  number: number,
  options: CallOptions,
  ended: () => void,
): Promise<Call> {
  const { device = 'iphone', kind = 'peer', name = '', pace = 20 } = options;
  const remote = options.remote ?? freshPeer(device, number);
  let record = '';
  let began = (): void => {};
  const started = new Promise<void>((resolve) => {
    began = resolve;
  });
  const words = [device, LOGS, kind, remote.address, remote.port, number, pace, name].join(' ');
  const program = await world.spawn(
    `exec ip netns exec ${device} ${worldProgram('call')} ${words}`,
    (line) => {
      if (line === 'started') began();
      else record = line;
    },
  );
  const stop = async (): Promise<CallRecord> => {
    await program.kill('TERM');
    await program.done;
    ended();
    if (!record.startsWith('{')) throw new Error(`call ${words}: ${record}`);
    return callRecord(JSON.parse(record) as Pick<CallRecord, 'sent' | 'heard'>);
  };
  if (options.answered !== false) {
    const late = sleep(15_000, 'late', { ref: false });
    const outcome = await Promise.race([started, program.done.then(() => 'ended'), late]);
    if (outcome !== undefined) {
      await program.kill('KILL');
      throw new Error(`call ${words}: no answer (${outcome}) ${record}`);
    }
  }
  return { device, remote, stop };
}

/** What the last packets have heard is not waited for. */
const TAIL = 500;

export function callRecord({ sent, heard }: Pick<CallRecord, 'sent' | 'heard'>): CallRecord {
  const end = (sent.at(-1) ?? 0) - TAIL;
  const lost = sent.flatMap((at, i) => (heard[i] === null && at < end ? [i] : []));
  const answers = heard.filter((at): at is number => at !== null).sort((a, b) => a - b);
  const times = [...answers, Math.max(end, answers.at(-1) ?? end)];
  const gaps = times.map((at, i) => at - (times[i - 1] ?? sent[0] ?? at));
  return {
    sent,
    heard,
    lost,
    silence: Math.max(0, ...gaps),
    answeredAfter(time) {
      const later = answers.find((at) => at > time);
      return later === undefined ? null : later - time;
    },
  };
}

async function inject(
  { router }: Lab,
  command: string,
  condition: string,
  limitSeconds = 10,
  quietSeconds = 0,
): Promise<number> {
  const script = `
now() { read -r up rest </proc/uptime; echo $up; }
{ ${command}
} >/dev/null 2>&1
n=0 from=$(now)
sleep ${quietSeconds}
until { ${condition}
} >/dev/null 2>&1; do
  # A question costs a slow router 30 ms: what takes long is asked about twice a second.
  n=$((n + 1)); [ $n -lt 20 ] && sleep 0.05 || sleep 0.5
  to=$(now)
  [ $((\${to%.*} - \${from%.*})) -le ${limitSeconds} ] || exit 9
done
echo $from $(now)`;
  const result = await router.run(script, { timeout: (limitSeconds + 30) * 1000 });
  if (result.status === 9) throw new Error(`not within ${limitSeconds} s: ${condition}`);
  const [from, to] = result.stdout.trim().split(' ').map(Number);
  if (from === undefined || to === undefined) throw new Error(`inject: ${result.stderr}`);
  return Number((to - from).toFixed(2));
}

/** Not the windows: they pass by themselves within seconds. */
const LEARNED_SET = /_(?:addr|udp|tcp|peer)[46]$/;

async function learned({ router }: Lab): Promise<string[]> {
  const text = await router.must('nft -j list table inet whp', { timeout: 60_000 });
  const { nftables } = JSON.parse(text) as {
    nftables: { set?: { name: string; elem?: unknown[] } }[];
  };
  return nftables
    .flatMap(({ set }) => {
      if (set === undefined || !LEARNED_SET.test(set.name)) return [];
      return (set.elem ?? []).map((one) => `${set.name} ${elementText(one)}`);
    })
    .sort();
}

function elementText(one: unknown): string {
  if (typeof one !== 'object' || one === null) return String(one);
  const { elem, concat, val } = one as { elem?: unknown; concat?: unknown[]; val?: unknown };
  if (elem !== undefined) return elementText(elem);
  if (val !== undefined) return elementText(val);
  return (concat ?? []).map(elementText).join(' . ');
}
