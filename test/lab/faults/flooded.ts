// The agent is stopped under more queries than its queue holds: answers beyond it are dropped and asked for
// again, and the promises of absence.ts hold.
import { RESOLVER_ADDRESS } from '../world/plan.ts';
import { absence, joined } from './absence.ts';
import type { Fault } from './fault.ts';
import { household, SILENCE_MILLISECONDS } from './household.ts';

const PID = '$(cat /tmp/whp.pid)';

export const flooded: Fault = {
  name: 'flooded',
  injected: 'the agent stands still for 3 s under 750 DNS queries a second: NFQUEUE is full',
  async run(lab) {
    const home = await household(lab);
    const gap = await absence(lab);
    const floods = [];
    for (const device of ['iphone', 'macbook', 'windows']) {
      floods.push(
        await lab.call({
          device,
          // Of a resolver outside: the router's own answers as many a second as its processor allows.
          kind: 'resolver',
          remote: { address: RESOLVER_ADDRESS, port: 53 },
          name: 'www.shop2.example',
          pace: 4,
          answered: false,
        }),
      );
    }
    const starts = await lab.agent.starts();
    const seconds = await gap.during(`kill -STOP ${PID}; sleep 3; kill -CONT ${PID}`, null);
    await lab.sleep(1500);
    const records = [];
    for (const flood of floods) records.push(await flood.stop());
    await lab.sleep(3000);
    const status = await lab.agent.status();
    const record = await home.stop();
    const seen = await gap.stop();
    const unanswered = records.reduce((sum, { lost }) => sum + lost.length, 0);
    const asked = records.reduce((sum, { sent }) => sum + sent.length, 0);
    const same = (await lab.agent.starts()) === starts;
    // The flood exceeds what a slow router forwards: packets of all flows are lost.
    const harmless =
      record.dns.silence <= SILENCE_MILLISECONDS &&
      record.forgotten.length === 0 &&
      record.strays === 0;
    const finding = {
      ok: harmless && same && status.counters.full > 0,
      verdict: `${record.text}; of ${asked} queries ${unanswered} unanswered; full ${status.counters.full} time(s)${same ? '' : '; the agent began anew'}`,
      seconds,
    };
    return joined(finding, seen);
  },
};
