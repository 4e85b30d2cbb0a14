// The WAN goes down and comes back, with the same or another address: proxied flows wait and go on, no packet
// leaves outside the tunnel, and learned elements are kept.
import type { Fault, FaultLab, Finding } from './fault.ts';

const PROXY = (home: string): string =>
  `sh /usr/lib/world/whp-proxy up home --home ${home} --key 5300 --address 203.0.113.20 --local 10.213.0.1 --remote 10.213.0.2`;
const OLD = '198.51.100.10';
const NEW = '198.51.100.23';

async function survive(
  lab: FaultLab,
  during: () => Promise<void>,
  limit: number,
): Promise<Finding> {
  const since = lab.isp.mark();
  const call = await lab.call();
  const before = await lab.learned();
  await during();
  const back = await lab.worldTime();
  await lab.sleep(limit * 1000);
  const now = new Set(await lab.learned());
  const forgotten = before.filter((one) => !now.has(one));
  const record = await call.stop();
  const after = record.answeredAfter(back);
  const strays = lab.isp.strays(since).length;
  return {
    ok: after !== null && after < limit * 1000 && forgotten.length === 0 && strays === 0,
    verdict: `silent for ${record.silence} ms, answered again ${after} ms after it was back; ${forgotten.length} of ${before.length} learned elements lost${strays > 0 ? `, ${strays} strays` : ''}`,
    seconds: after === null ? null : after / 1000,
  };
}

const down: Fault = {
  name: 'wan-down',
  injected: 'the WAN device goes down for 3 s during a call (netifd: ifdown, ifup)',
  run: (lab) =>
    survive(
      lab,
      async () => {
        await lab.router.must(
          'ip link set eth1 down; sleep 3; ip link set eth1 up; ip route add default via 198.51.100.1 dev eth1',
        );
      },
      8,
    ),
};

const moved: Fault = {
  name: 'wan-moved',
  injected: 'the WAN gets another address during a call, and the proxy is told',
  async run(lab) {
    try {
      return await survive(
        lab,
        async () => {
          await lab.router.must(
            `ip address flush dev eth1; ip address add ${NEW}/24 brd + dev eth1; ip route replace default via 198.51.100.1 dev eth1`,
          );
          await lab.sleep(2000);
          await lab.inWorld('proxy', PROXY(NEW));
        },
        8,
      );
    } finally {
      await lab.inWorld('proxy', PROXY(OLD));
    }
  },
};

export const wan: readonly Fault[] = [down, moved];
