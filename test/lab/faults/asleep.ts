// Devices that sleep for a night with their port and their peer, in a home whose leases are a thousandth of
// the shipped ones (profiles.ts): they wake as the application's. The mapping of one is renewed meanwhile.
import { configText } from '../mode.ts';
import { BRIEF_FACTOR } from '../profiles.ts';
import { ways } from './arrivals.ts';
import { checks } from './ask.ts';
import type { Fault } from './fault.ts';
import { sleeper } from './sleepers.ts';

const NIGHT = (8 * 3600 * 1000) / BRIEF_FACTOR;
const AWAKE = 3000;

export const asleep: Fault = {
  name: 'sleep',
  injected: `two devices sleep for eight hours (${NIGHT / 1000} s of leases ${BRIEF_FACTOR} times as short), their connections forgotten`,
  config: configText(true, 'brief'),
  profiles: ['brief'],
  async run(lab) {
    const check = checks();
    const taught = await sleeper(lab, 'xbox', 'supernode', NIGHT);
    const mapped = await sleeper(lab, 'ubuntu', 'mapping', NIGHT);
    // As after the minutes in which the kernel forgets a UDP flow.
    await lab.sleep(NIGHT / 2);
    await lab.router.must('conntrack -F');
    const since = lab.isp.mark();
    await taught.awake;
    await mapped.awake;
    await lab.sleep(AWAKE);
    const seen = [
      ['port of a supernode', ways(lab, since, taught.remotes)],
      ['mapped port', ways(lab, since, mapped.remotes)],
    ] as const;
    await taught.stop();
    await mapped.stop();
    for (const [name, { tunnel, direct }] of seen) {
      check.that(tunnel > 0, `${name}: nothing in the tunnel`);
      check.that(direct === 0, `${name}: ${direct} packets direct`);
    }
    const text = seen.map(([name, one]) => `${name} ${one.tunnel}/${one.direct}`).join(', ');
    return { ...check.told(`in the tunnel/direct after waking: ${text}`), seconds: null };
  },
};
