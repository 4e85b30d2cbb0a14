// The control: no fault. A call, an unrelated flow and the home's DNS work, so differences in other sessions
// come from their faults.
import type { Fault } from './fault.ts';

export const steady: Fault = {
  name: 'steady',
  injected: 'nothing',
  async run(lab) {
    const since = lab.isp.mark();
    const call = await lab.call();
    const other = await lab.call({
      device: 'macbook',
      kind: 'unrelated',
      remote: { address: '78.46.72.10', port: 7000 },
    });
    const dns = await lab.call({ device: 'windows', kind: 'dns', name: 'ui.skype.com', pace: 100 });
    await lab.sleep(3000);
    const [one, two, three] = [await call.stop(), await other.stop(), await dns.stop()];
    const strays = lab.isp.strays(since).length;
    const tunnelled = lab.isp.sightings(since).filter((seen) => seen.tunnelled).length;
    const ok =
      one.lost.length + two.lost.length + three.lost.length + strays === 0 && tunnelled > 100;
    return {
      ok,
      verdict: `call ${one.sent.length} packets, ${one.lost.length} lost; unrelated ${two.lost.length} lost, ${strays} in the tunnel; DNS ${three.sent.length} asked, ${three.lost.length} lost`,
      seconds: null,
    };
  },
};
