// Two proxies of which the better one is slow, loses packets, or comes and goes. A slow one is kept, a losing
// one is left, a flapping one moves flows once.
import { SUPERNODES } from '../world/plan.ts';
import { checks } from './ask.ts';
import type { Fault, FaultLab } from './fault.ts';
import { config, cut, mend, pathsOf, said } from './states.ts';

const SUPERNODE = SUPERNODES[5]!;
/** On the wire between the ISP and the first proxy, towards the proxy. */
const netem = (lab: FaultLab, words: string): Promise<string> =>
  lab.inWorld('isp', `tc qdisc replace dev toproxy root netem ${words}`);

const movesIn = async (lab: FaultLab): Promise<string[]> =>
  (await lab.agent.log()).split('\n').filter((line) => / -> /.test(line));

/** A flow to a supernode, once both proxies are known to be up. */
async function begin(lab: FaultLab) {
  await lab.sleep(3000);
  const since = lab.isp.mark();
  const call = await lab.call({ kind: 'supernode', remote: SUPERNODE });
  return { check: checks(), since, call };
}

export const poor: Fault = {
  name: 'poor',
  injected: 'the first proxy gets slow (700 ms), then loses 45 % of the packets',
  config: config('block', ['cloud', 'spare']),
  async run(lab) {
    const { check, since, call } = await begin(lab);
    await netem(lab, 'delay 700ms limit 10000');
    await lab.sleep(10_000);
    const kept = (await movesIn(lab)).length === 0;
    const { proxies } = await lab.agent.status();
    const slow = proxies.find(({ proxy }) => proxy === 'cloud')?.rtt_ms;
    await netem(lab, 'loss 45%');
    const left = await said(lab, 'proxy cloud -> proxy spare', 60);
    await lab.sleep(1500);
    const record = await call.stop();
    await lab.inWorld('isp', 'tc qdisc del dev toproxy root');
    const [move = ''] = await movesIn(lab);
    const paths = pathsOf(lab, since, SUPERNODE.address);
    check.that(kept, 'left because it was slow');
    check.that(paths === 'cloud spare', `paths ${paths}`);
    check.that(record.silence < 3000, `silent for ${record.silence} ms`);
    return {
      ...check.told(
        `slow: kept, status: round trip ${slow} ms; losing: left after ${left.toFixed(1)} s (${move.replace(/^.*?: /, '')}), silent for ${record.silence} ms at most; its packets took ${paths}`,
      ),
      seconds: left,
    };
  },
};

const DOWN = 4000;
const UP = 8000;
const TIMES = 4;

export const flapping: Fault = {
  name: 'flapping',
  injected: 'the first proxy is away for 4 s in every 12, four times',
  config: config('block', ['cloud', 'spare']),
  async run(lab) {
    const { check, since, call } = await begin(lab);
    for (let i = 0; i < TIMES; i += 1) {
      await cut(lab);
      await lab.sleep(DOWN);
      await mend(lab);
      await lab.sleep(UP);
    }
    const record = await call.stop();
    const moves = await movesIn(lab);
    const paths = pathsOf(lab, since, SUPERNODE.address);
    check.that(moves.length === 1 && paths === 'cloud spare', moves.join(', '));
    check.that(record.silence < 4000, `silent for ${record.silence} ms`);
    return {
      ...check.told(
        `${moves.length} move in ${(TIMES * (DOWN + UP)) / 1000} s; its packets took ${paths}; silent for ${record.silence} ms once, ${record.lost.length} of ${record.sent.length} lost`,
      ),
      seconds: record.silence / 1000,
    };
  },
};
