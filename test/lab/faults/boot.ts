// The router is switched off and on, or its agent is restarted, while the application goes on: devices keep
// their calls, their ports and their DNS caches over it, so what was known has to be known again before the
// first packet of theirs is forwarded.
import { type Application, application, outcome } from './application.ts';
import { checks } from './ask.ts';
import type { Fault, FaultLab, Finding } from './fault.ts';
import { asService, NETWORK_UP } from './service.ts';

/** Seconds until a WAN has an address. */
const WAN_SECONDS = 3;
/** Seconds for which the agent of a slow router is not ready yet. */
const LATE_SECONDS = 3;
/** Seconds until a 24K has ended the flows that began while the agent was stopped. */
const LATE_LIMIT = 5;
/** In so many milliseconds each flow of the application sends several packets. */
const WINDOW = 1000;
const BEFORE = 3000;
const AFTER = 6000;

type Boot = (lab: FaultLab, pid: () => Promise<number>) => Promise<void>;

async function rebooted(lab: FaultLab, boot: Boot): Promise<Finding> {
  const check = checks();
  return asService(lab, async (service) => {
    const app = await application(lab);
    const quiet = lab.isp.mark();
    await lab.sleep(BEFORE);
    const before = outcome(app.ways(quiet));
    await service.powerOff();
    const off = lab.isp.mark();
    await service.run('boot');
    await boot(lab, service.pid);
    const seconds = await service.enforces(0);
    await lab.sleep(AFTER);
    const after = outcome(app.ways(off));
    const silent = await app.stop();
    for (const wrong of before.wrong) check.that(false, `before: ${wrong}`);
    for (const wrong of after.wrong) check.that(false, wrong);
    return {
      ...check.told(
        `in the tunnel/direct since power-on: ${after.text}; enforcing ${seconds.toFixed(1)} s after the network was up; the call silent for ${silent} ms`,
      ),
      seconds,
    };
  });
}

const reboot: Fault = {
  name: 'reboot',
  injected: `power off and on during a call; the agent starts, the WAN is up ${WAN_SECONDS} s later`,
  run: (lab) =>
    rebooted(lab, async () => {
      await lab.sleep(WAN_SECONDS * 1000);
      await lab.router.must(NETWORK_UP);
    }),
};

const wanFirst: Fault = {
  name: 'reboot-wan-first',
  injected: `power off and on during a call; the WAN is up at once, the agent ${LATE_SECONDS} s late`,
  run: (lab) =>
    rebooted(lab, async (_, pid) => {
      const agent = await pid();
      await lab.router.must(
        `kill -STOP ${agent}; ${NETWORK_UP}; sleep ${LATE_SECONDS}; kill -CONT ${agent} || :`,
      );
    }),
};

const restart: Fault = {
  name: 'restart',
  injected: 'service whp restart during a call',
  run: (lab) =>
    asService(lab, async (service) => {
      const check = checks();
      const app = await application(lab);
      const since = lab.isp.mark();
      const before = await service.starts();
      await service.run('restart');
      const seconds = await service.enforces(before);
      await lab.sleep(AFTER);
      const found = outcome(app.ways(since));
      const silent = await app.stop();
      for (const wrong of found.wrong) check.that(false, wrong);
      return {
        ...check.told(`in the tunnel/direct: ${found.text}; the call silent for ${silent} ms`),
        seconds,
      };
    }),
};

/** Seconds until the first WINDOW in which no packet leaves outside the tunnel; null: not within `limit`. */
async function lastDirect(lab: FaultLab, app: Application, limit: number): Promise<number | null> {
  for (let past = 0; past <= limit * 1000; past += WINDOW) {
    const since = lab.isp.mark();
    await lab.sleep(WINDOW);
    const direct = Object.values(app.ways(since)).reduce((sum, way) => sum + way.direct, 0);
    if (direct === 0) return past / 1000;
  }
  return null;
}

const stopStart: Fault = {
  name: 'stop-start',
  injected: 'service whp stop, 2 s, service whp start during a call',
  mayLeak: 'stopped by the owner: direct until it is started again',
  run: (lab, slowness) =>
    asService(lab, async (service) => {
      const check = checks();
      const app = await application(lab);
      await lab.sleep(BEFORE);
      const before = await service.starts();
      await service.run('stop');
      await lab.sleep(2000);
      await service.run('start');
      const seconds = await service.enforces(before);
      // A machine of uneven speed says by the start how slow it is now.
      const limit = Math.max(LATE_LIMIT * slowness, seconds);
      const ended = await lastDirect(lab, app, limit);
      check.that(ended !== null, `packets direct ${limit.toFixed(1)} s after it enforced`);
      const since = lab.isp.mark();
      await lab.sleep(AFTER);
      const found = outcome(app.ways(since));
      await app.stop();
      for (const wrong of found.wrong) check.that(false, wrong);
      return {
        ...check.told(
          `flows of meanwhile ended within ${(ended ?? limit).toFixed(1)} s after it enforced; in the tunnel/direct since then: ${found.text}`,
        ),
        seconds,
      };
    }),
};

export const boots: readonly Fault[] = [reboot, wanFirst, restart, stopStart];
