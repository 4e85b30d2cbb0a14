// An incoming call as browsers make it: the first packets from a new port go to a peer with a public address
// (STUN checks), and a server of the app hears from the port afterwards. The only evidence before is the call's
// signalling on a known connection.
import { arrivals, ways } from './arrivals.ts';
import { checks } from './ask.ts';
import type { Fault } from './fault.ts';
import { sleeper } from './sleepers.ts';

const CALLS = 3;
const CALL = 1500;

export const incoming: Fault = {
  name: 'incoming',
  injected: `${CALLS} incoming calls of peers with public addresses: the first checks of the peer precede those to a supernode by 60 ms`,
  async run(lab) {
    const check = checks();
    const signalling = await arrivals(lab, { device: 'windows', pace: 500 });
    let [tunnel, direct] = [0, 0];
    for (let times = 0; times < CALLS; times += 1) {
      const since = lab.isp.mark();
      const call = await sleeper(lab, 'windows', 'incoming', 0);
      await lab.sleep(CALL);
      await call.stop();
      const seen = ways(lab, since, call.remotes);
      tunnel += seen.tunnel;
      direct += seen.direct;
    }
    await signalling.stop();
    check.that(tunnel > 0, 'nothing in the tunnel');
    check.that(direct === 0, `${direct} packets direct`);
    return {
      ...check.told(`${tunnel} packets with the peers in the tunnel, ${direct} direct`),
      seconds: null,
    };
  },
};
