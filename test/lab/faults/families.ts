// A device is one device over both families: it asks over IPv6, maps its port over IPv4, calls from there over
// both, and its IPv6 address changes in the middle of it (RFC 8981) while the port stays.
import { APPLICATION6, LOCAL6, lonePeer, v6Bytes, v6Text } from '../world/plan.ts';
import { ways } from './arrivals.ts';
import { checks } from './ask.ts';
import type { Fault } from './fault.ts';
import { LOGS } from './programs.ts';
import { sixTunnelled, withSix } from './six.ts';

const DEVICE = 'ubuntu';
const NUMBER = 200;
const SPAN = 3000;
const PRIVACY = '2001:db8:a::beef:1';
const OLD = '2001:db8:a::14';
const REMOTE6 = `${APPLICATION6}::77`;

export const families: Fault = {
  name: 'two-families',
  injected: `DNS over IPv6, port mapping over IPv4, calls over both; then a new IPv6 address (${PRIVACY})`,
  config: sixTunnelled.config!,
  run: (lab) =>
    withSix(lab, true, async () => {
      const check = checks();
      const four = new Set(Array.from({ length: 16 }, (_, i) => lonePeer(NUMBER * 16 + i)));
      const six = new Set([v6Text(v6Bytes(REMOTE6))]);
      await lab.inWorld(DEVICE, `ip -6 addr add ${LOCAL6}::14/64 dev eth0 nodad`);
      let began = (): void => {};
      const started = new Promise<void>((resolve) => {
        began = resolve;
      });
      const since = lab.isp.mark();
      const words = [DEVICE, LOGS, NUMBER, `${LOCAL6}::1`, REMOTE6];
      const program = await lab.play(DEVICE, 'families', words, (line) => {
        lab.say(`${DEVICE}: ${line}`);
        if (line === 'started') began();
      });
      await Promise.race([started, program.done]);
      await lab.sleep(SPAN);
      const before = [ways(lab, since, four), ways(lab, since, six)] as const;
      const moved = lab.isp.mark();
      await lab.inWorld(DEVICE, `ip -6 addr add ${PRIVACY}/64 dev eth0 nodad`);
      await lab.inWorld(DEVICE, `ip -6 addr del ${OLD}/64 dev eth0`);
      await lab.sleep(SPAN);
      const after = ways(lab, moved, six);
      await program.kill('TERM');
      await lab.inWorld(DEVICE, `ip -6 addr del ${PRIVACY}/64 dev eth0`);
      await lab.inWorld(DEVICE, `ip -6 addr del ${LOCAL6}::14/64 dev eth0`);
      const rows = [
        ['IPv4', before[0]],
        ['IPv6', before[1]],
        ['IPv6 with the new address', after],
      ] as const;
      for (const [name, { tunnel, direct }] of rows) {
        check.that(tunnel > 0, `${name}: nothing in the tunnel`);
        check.that(direct === 0, `${name}: ${direct} packets direct`);
      }
      const text = rows.map(([name, one]) => `${name} ${one.tunnel}/${one.direct}`).join(', ');
      return { ...check.told(`in the tunnel/direct: ${text}`), seconds: null };
    }),
};
