// Two apps with the same names, each for one device: an answer is learned for both.
import { configText } from '../mode.ts';
import { arrivals, ways } from './arrivals.ts';
import { checks } from './ask.ts';
import type { Fault } from './fault.ts';

const NAMES = 10;
/** MACs of world/topology.sh: macbook, windows. */
const DEVICES = [
  ['macbook', '02:00:c0:a8:01:0c'],
  ['windows', '02:00:c0:a8:01:0d'],
] as const;

export const twoApps: Fault = {
  name: 'two-apps',
  injected: 'two apps whose profiles have the same names, each for one device',
  profiles: ['twin'],
  config: `${configText(true)}	list device '${DEVICES[0][1]}'

config app 'twin'
	option profile 'twin'
	option fallback 'block'
	list proxy 'cloud'
	list device '${DEVICES[1][1]}'
`,
  async run(lab) {
    const check = checks();
    const told: string[] = [];
    for (const [device] of DEVICES) {
      const since = lab.isp.mark();
      const flows = await arrivals(lab, { device, count: NAMES });
      await flows.over;
      await flows.stop();
      const { tunnel, direct } = ways(lab, since, flows.remotes);
      check.that(tunnel > 0, `${device}: nothing in the tunnel`);
      check.that(direct === 0, `${device}: ${direct} packets direct`);
      told.push(`${device} ${tunnel}/${direct}`);
    }
    return { ...check.told(`in the tunnel/direct: ${told.join(', ')}`), seconds: null };
  },
};
