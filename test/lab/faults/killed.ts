// The agent is killed during a call: the rules remain, the home's DNS passes unheld (see absence.ts), and the
// supervisor starts the next agent.
import { absence, joined } from './absence.ts';
import type { Fault } from './fault.ts';
import { SHOP_LOOKUPS } from './household.ts';

export const killed: Fault = {
  name: 'killed',
  injected: 'kill -9 of the agent during a call',
  async run(lab) {
    const call = await lab.call();
    const dns = await lab.call(SHOP_LOOKUPS);
    const before = await lab.agent.starts();
    const gap = await absence(lab);
    const learned = await lab.learned();
    const seconds = await gap.during('kill -9 $(cat /tmp/whp.pid)', before);
    const now = new Set(await lab.learned());
    const gone = learned.filter((one) => !now.has(one));
    const [media, asked] = [await call.stop(), await dns.stop()];
    const ok = media.lost.length === 0 && asked.silence < 5000 && gone.length === 0;
    const seen = await gap.stop();
    const finding = {
      ok,
      verdict: `call ${media.sent.length} packets, ${media.lost.length} lost; DNS silent for ${asked.silence} ms at most; ${gone.length} of ${learned.length} learned elements lost`,
      seconds,
    };
    return joined(finding, seen);
  },
};
