// Faults of the agent itself, one a session: it is stopped, hangs, runs out of memory, reads too slowly, the
// clock jumps, nothing can be written, it is started twice. The rules remain, the home's DNS works again after
// the watchdog has killed the agent, and the same or the next agent has all learned elements with their
// remaining times.
import { alarmLines } from '../../lib/alarms.ts';
import { absence, ENFORCES, joined } from './absence.ts';
import type { Fault, FaultLab, Finding } from './fault.ts';
import { flooded } from './flooded.ts';
import { expiries, household, SILENCE_MILLISECONDS, unharmed } from './household.ts';

const PID = '$(cat /tmp/whp.pid)';
const CONFIG = '/etc/config/whp';

/** Compares the remaining times of learned addresses with those before, less the time passed on a monotonic
 * clock; returns the largest difference in seconds. */
async function livesOn(lab: FaultLab, during: () => Promise<void>): Promise<number> {
  const uptime = async (): Promise<number> =>
    Number((await lab.router.must('cat /proc/uptime')).split(' ')[0]);
  const [before, from] = [await expiries(lab, 'skype_addr4'), await uptime()];
  await during();
  const [after, to] = [await expiries(lab, 'skype_addr4'), await uptime()];
  const off = Array.from(before, ([key, left]) =>
    Math.abs((after.get(key) ?? Number.POSITIVE_INFINITY) - (left - (to - from))),
  );
  return Math.max(0, ...off);
}

/** Ends the agent; the supervisor starts it again. */
async function outlive(lab: FaultLab, command: string): Promise<Finding> {
  const home = await household(lab);
  const gap = await absence(lab);
  const starts = await lab.agent.starts();
  let seconds = 0;
  const off = await livesOn(lab, async () => {
    seconds = await gap.during(command, starts);
  });
  const record = await home.stop();
  const seen = await gap.stop();
  const adopted = /a table stands: taken over; (\d+) learned/.exec(await lab.agent.log());
  const ended = /supervisor: the agent ended with (\d+)|watchdog: ([^\n]*)/.exec(
    await lab.agent.log(),
  );
  const finding = {
    ok: unharmed(record) && off <= 3 && adopted !== null,
    verdict: `${record.text}; ${adopted?.[1] ?? 'nothing'} taken over, lives off by ${off.toFixed(1)} s at most (${ended?.[2] ?? ended?.[0]})`,
    seconds,
  };
  return joined(finding, seen);
}

const stopped: Fault = {
  name: 'stopped',
  injected: 'kill -STOP of the agent during a call: no alarm reaches it',
  run: (lab) => outlive(lab, `kill -STOP ${PID}`),
};

/** A cgroup with two thousandths of the processor: a process in it does not return to its event loop within
 * the watchdog's time. */
const SLOW_ON = `mkdir -p /tmp/cgroup; mount -t cgroup2 none /tmp/cgroup
echo +cpu >/tmp/cgroup/cgroup.subtree_control; mkdir -p /tmp/cgroup/slow
echo '2000 1000000' >/tmp/cgroup/slow/cpu.max`;
const SLOW_OFF = 'rmdir /tmp/cgroup/slow; umount /tmp/cgroup';

const hung: Fault = {
  name: 'hung',
  injected: 'the event loop hangs: the agent gets two thousandths of the processor',
  async run(lab) {
    await lab.router.must(SLOW_ON);
    try {
      return await outlive(lab, `echo ${PID} >/tmp/cgroup/slow/cgroup.procs`);
    } finally {
      await lab.router.run(SLOW_OFF);
    }
  },
};

/** A file of more addresses than fit into an engine of 5 MB, and not too large to be read. */
const MANY = `i=0; while [ $i -lt 2200 ]; do echo "	list address '23.$((i / 250)).$((i % 250)).7'"; i=$((i + 1)); done`;

const memory: Fault = {
  name: 'memory',
  injected:
    'the memory limit is hit: by a reload (2,200 addresses, 5 MB), then at every start (1 MB)',
  async run(lab) {
    await lab.agent.stop();
    await lab.agent.start('WHP_MEMORY_MB=5');
    const home = await household(lab);
    const starts = await lab.agent.starts();
    const pid = await lab.agent.pid();
    await lab.router.must(
      `cp ${CONFIG} /tmp/config
      { echo; echo "config rule 'many'"; echo "	option action 'proxy'"; echo "	option app 'skype'"; ${MANY}; } >>${CONFIG}`,
      { timeout: 60_000 },
    );
    const said = await lab.router.run('/usr/bin/whp reload', { timeout: 30_000 });
    await lab.router.must(`mv /tmp/config ${CONFIG}`);
    // The agent may have ended; then it must be back before the next fault.
    const lives = `[ "$(cat /tmp/whp.pid)" = ${pid} ] && sleep 1 && /usr/bin/whp status`;
    await lab.inject(':', `${ENFORCES(starts)} || { ${lives}; }`, 60);
    await lab.sleep(1000);
    const survived = (await lab.agent.pid()) === pid;
    const ended = /watchdog: [^\n]*|out of memory/.exec(await lab.agent.log())?.[0] ?? 'no word';
    // The agent that runs now must work.
    const seconds = await lab.inject(
      'nft delete table inet whp',
      'nft list chain inet whp prerouting',
      15,
    );
    const one = await home.stop();
    await lab.agent.stop();
    await lab.agent.start();
    const again = await household(lab);
    const before = await lab.agent.starts();
    // An agent that always runs out of memory: it ends, is started, and ends again.
    await lab.router.must(`kill -9 ${PID}; echo 1 >/tmp/whp.memory`);
    await lab.sleep(4000);
    const recovered = await lab.inject('rm -f /tmp/whp.memory', ENFORCES(before), 60);
    await lab.sleep(500);
    const two = await again.stop();
    const ok =
      said.status !== 0 &&
      one.dns.silence <= SILENCE_MILLISECONDS &&
      one.forgotten.length === 0 &&
      one.strays === 0 &&
      seconds <= 5 &&
      unharmed(two);
    return {
      ok,
      verdict: `reload: "${(said.stdout + said.stderr).trim().split('\n')[0]}", ${survived ? 'the agent goes on' : `the agent began anew (${ended})`}; table deleted then: back after ${seconds} s, ${one.text}; no memory at every start for 4 s: ${two.text}`,
      seconds: recovered,
    };
  },
};

const overrun: Fault = {
  name: 'overrun',
  injected:
    'the agent stands still while others make 4,000 routes (ENOBUFS on rtnetlink) and delete its ip rules and its table',
  async run(lab) {
    await lab.router.must(
      `for i in $(seq 0 15); do for j in $(seq 0 124); do echo "route add 10.99.$i.$j/32 dev lo table 77"; done; done >/tmp/routes
      sed 's/ add / del /' /tmp/routes >/tmp/routes.gone`,
    );
    const home = await household(lab);
    const starts = await lab.agent.starts();
    const rules = (f: string): string => `ip ${f} rule | grep -q "15001:.*lookup 15001"`;
    const seconds = await lab.inject(
      `kill -STOP ${PID}; ip -batch /tmp/routes; ip -batch /tmp/routes.gone; ip rule del pref 15001; ip -6 rule del pref 15001; nft delete table inet whp; kill -CONT ${PID}`,
      `${rules('-4')} && ${rules('-6')} && nft list chain inet whp prerouting`,
    );
    await lab.sleep(1500);
    const record = await home.stop();
    const same = (await lab.agent.starts()) === starts;
    const ok =
      same &&
      record.forgotten.length === 0 &&
      record.strays === 0 &&
      record.dns.silence <= SILENCE_MILLISECONDS &&
      record.unrelated.lost.length <= 50;
    return { ok, verdict: `${record.text}${same ? '' : '; the agent began anew'}`, seconds };
  },
};

const clock: Fault = {
  name: 'clock',
  injected: 'the clock jumps: a day ahead, to 1970, and back',
  async run(lab) {
    const home = await household(lab);
    const starts = await lab.agent.starts();
    const off = await livesOn(lab, async () => {
      await lab.router.must('date +%s >/tmp/then; date -s @$(( $(date +%s) + 86400 )) >/dev/null');
      await lab.sleep(6000);
      await lab.router.must('date -s @1000 >/dev/null');
      await lab.sleep(6000);
      await lab.router.must('date -s @$(( $(cat /tmp/then) + 13 )) >/dev/null');
    });
    const record = await home.stop();
    const same = (await lab.agent.starts()) === starts;
    return {
      ok: unharmed(record) && same && off <= 2,
      verdict: `${record.text}; lives off by ${off.toFixed(1)} s at most${same ? '' : '; the agent began anew'}`,
      seconds: null,
    };
  },
};

/** Mounts /var/run and /etc/whp on their own tmpfs, so that only the agent finds them full. */
const OWN_DISK = `mkdir -p /etc/whp
mount -t tmpfs -o size=3m tmpfs /var/run
mount -t tmpfs -o size=128k tmpfs /etc/whp`;
const FILL =
  'for at in /var/run /etc/whp; do dd if=/dev/zero of=$at/fill bs=4k 2>/dev/null; done; df -k /var/run | tail -1';

async function fillUp(lab: FaultLab): Promise<Finding> {
  const home = await household(lab);
  const starts = await lab.agent.starts();
  await lab.router.must(
    `printf "\\nconfig rule 'free'\\n\\toption action 'direct'\\n\\tlist address '93.184.216.77'\\n" >>${CONFIG}`,
  );
  await lab.router.run(FILL);
  const reload = await lab.router.run('/usr/bin/whp reload', { timeout: 30_000 });
  const status = await lab.router.run('/usr/bin/whp status', { timeout: 30_000 });
  const isFull = (line: string): boolean => line.includes('No space');
  const said = alarmLines(status.stdout).find(isFull);
  const seconds = await lab.inject(`kill -9 ${PID}`, ENFORCES(starts), 60);
  await lab.sleep(500);
  await lab.router.must('rm -f /var/run/fill /etc/whp/fill');
  await lab.sleep(11_000);
  const left = await lab.router.run('/usr/bin/whp status', { timeout: 30_000 });
  const kept = await lab.router.run('[ -s /var/run/whp.standing ]');
  const record = await home.stop();
  const ok =
    unharmed(record) &&
    said !== undefined &&
    reload.status === 0 &&
    kept.status === 0 &&
    !alarmLines(left.stdout).some(isFull);
  return {
    ok,
    verdict: `${record.text}; reload: status ${reload.status}; said "${said}"; ${kept.status === 0 ? 'kept for the next agent as soon as there was room' : 'nothing kept afterwards'}`,
    seconds,
  };
}

const full: Fault = {
  name: 'full',
  injected: 'the disk (/var/run, /etc/whp) is full during a reload and a kill -9; then it is not',
  async run(lab) {
    await lab.agent.stop();
    await lab.router.must(OWN_DISK);
    try {
      await lab.agent.start();
      return await fillUp(lab);
    } finally {
      await lab.agent.stop();
      await lab.router.run('umount -l /var/run; umount -l /etc/whp');
    }
  },
};

const twice: Fault = {
  name: 'twice',
  injected: 'a second `whp daemon` beside the first',
  async run(lab) {
    const home = await household(lab);
    const pid = await lab.agent.pid();
    // The ruleset without handles and packet counts.
    const stands =
      '{ nft -s -t list table inet whp; ip rule; ip route show table all; ip -d link show type gre; } | md5sum';
    const before = await lab.router.must(stands);
    const began = Date.now();
    const second = await lab.router.run('/usr/bin/whp daemon', { timeout: 30_000 });
    const took = (Date.now() - began) / 1000;
    await lab.sleep(1000);
    const after = await lab.router.must(stands);
    const record = await home.stop();
    const alive = (await lab.router.run(`kill -0 ${pid} && [ ${PID} = ${pid} ]`)).status === 0;
    const told = second.stderr.trim() || second.stdout.trim();
    return {
      ok:
        unharmed(record, 1500) &&
        before === after &&
        alive &&
        second.status !== 0 &&
        told.includes('another agent'),
      verdict: `${record.text}; the second: status ${second.status} after ${took.toFixed(1)} s, "${told}"; what stands ${before === after ? 'is as before' : 'CHANGED'}`,
      seconds: null,
    };
  },
};

export const agentFaults: readonly Fault[] = [
  stopped,
  hung,
  memory,
  flooded,
  overrun,
  clock,
  full,
  twice,
];
