// What an owner does to the package while it is installed, by way of UCI and of what procd hears: it is
// switched off and on, interfaces change, the firewall's configuration begins anew.
import { setTimeout as sleep } from 'node:timers/promises';
import { ENFORCING, PID, type Stage } from './stage.ts';

const EVENT = '/usr/lib/lab/event';
const FORWARDS = "nft list chain inet fw4 forward_lan | grep -q 'oifname .whp-'";

export async function owns({ must, until, test }: Stage): Promise<void> {
  await test('disabled and enabled again, each by commit and reload_config: the agent comes back', async () => {
    await must(`uci set whp.globals.enabled=0; uci commit whp; ${EVENT} config.change whp`);
    await until(`! nft list table inet whp 2>/dev/null && [ ! -e ${PID} ]`);
    await must('! ip rule | grep 15001');
    await must(`uci set whp.globals.enabled=1; uci commit whp; ${EVENT} config.change whp`);
    return `enforces ${(await until(ENFORCING)).toFixed(1)} s later`;
  });
  await test('every event of an interface is taken in, and none of another kind', async () => {
    const broken = '! the last good configuration stands';
    await must('cp /etc/config/whp /tmp/whp; echo "config nonsense" >>/etc/config/whp');
    await must(`${EVENT} instance.update; ${EVENT} config.change dhcp`);
    await sleep(2000);
    await must(`! whp status | grep -q '^${broken}'`);
    await must(`${EVENT} interface.update`);
    await until(`whp status | grep -q '^${broken}'`, 20);
    await must(`cat /tmp/whp >/etc/config/whp; rm /tmp/whp; ${EVENT} interface.up`);
    await until(`! whp status | grep -q '^${broken}'`, 20);
    return null;
  });
  await test("the firewall's configuration begins anew: the zone is made again", async () => {
    await must('cp /etc/config/firewall /tmp/firewall');
    await must(
      `for s in whp whp_lan whp_check; do uci delete firewall.$s; done; uci commit firewall`,
    );
    await must(`fw4 reload; ! ${FORWARDS}; ${EVENT} config.change firewall; ${FORWARDS}`);
    await must('cmp /tmp/firewall /etc/config/firewall && rm /tmp/firewall');
    return null;
  });
  await test('killed, and the zone made at its start: nobody waits for the lock of another', async () => {
    await must(`kill -9 $(cat /tmp/procd/whp/instance/supervisor) $(cat ${PID})`);
    await must('[ -S /var/run/whp.sock ]; nft delete table inet whp');
    await must(
      `for s in whp whp_lan whp_check; do uci delete firewall.$s; done; uci commit firewall`,
    );
    await must('/etc/init.d/whp start');
    await until(`${ENFORCING} && ${FORWARDS}`);
    await must('! grep "^fw4: .*failed" /tmp/log');
    return null;
  });
}
