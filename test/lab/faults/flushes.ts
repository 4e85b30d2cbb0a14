// Our table is deleted again and again while two calls send fast. The kernel deletes a table in steps: its chains
// are called for a moment after its maps are empty, and other tables' too. In no step a packet leaves.
import type { Fault } from './fault.ts';
import { STANDING } from './others.ts';

const TIMES = 8;
/** Milliseconds between two packets of a call: some of them meet the moment. */
const PACE = 5;
const COMMANDS = [
  'nft flush ruleset; nft -f /etc/nftables/fw4.nft',
  'nft delete table inet whp',
] as const;

export const flushes: Fault = {
  name: 'flushes',
  injected: `nft flush ruleset and nft delete table inet whp, ${TIMES} times, while two calls send every ${PACE} ms`,
  async run(lab, slowness) {
    const calls = [
      await lab.call({ pace: PACE }),
      await lab.call({
        device: 'macbook',
        kind: 'name',
        name: 'ui.skype.com',
        remote: { address: '23.96.10.11', port: 7100 },
        pace: PACE,
      }),
    ];
    await lab.sleep(500);
    const leaked: number[] = [];
    for (let time = 0; time < TIMES; time += 1) {
      const since = lab.isp.mark();
      await lab.inject(COMMANDS[time % COMMANDS.length]!, STANDING, 10 * slowness, 1);
      await lab.sleep(1500 * slowness);
      leaked.push(lab.isp.leaks(since).length);
    }
    const records = [];
    for (const call of calls) records.push(await call.stop());
    const alive = records.every(({ heard }) => heard.slice(-100).some((at) => at !== null));
    const silence = Math.max(...records.map((one) => one.silence));
    return {
      ok: alive && leaked.every((count) => count === 0),
      verdict: `${leaked.join(', ')} packets outside; the calls ${alive ? 'go on' : 'have ended'}, silent for ${silence} ms at most`,
      seconds: null,
    };
  },
};
