// The agent is killed during a call: the rules stand, the home's DNS passes unheld (absence.ts says what
// that means), and the agent that the supervisor starts again takes over.
import { absence, joined } from './absence.ts';
import type { Fault } from './fault.ts';

export const killed: Fault = {
  name: 'killed',
  injected: 'kill -9 of the agent during a call',
  async run(lab) {
    const call = await lab.call();
    const dns = await lab.call({
      device: 'windows',
      kind: 'dns',
      name: 'www.shop1.example',
      pace: 50,
    });
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
