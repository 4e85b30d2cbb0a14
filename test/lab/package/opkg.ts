// The life of the package under opkg (OpenWrt 24.10): installed, removed without a trace, installed
// in an older version, given a proxy, upgraded over the edited configuration.
import { OLD } from './packages.ts';
import { CONFIGURATION, ENFORCING, PID, type Stage, watched } from './stage.ts';
import { difference, snapshot } from './trace.ts';

export async function installs(stage: Stage): Promise<void> {
  const { router, must, until, test, before, packages } = stage;
  await test('opkg: installed: enabled, running, does nothing yet', async () => {
    console.log(await must(`opkg install ${packages.current}`));
    await must('/etc/init.d/whp enabled && [ -z "$(uci changes)" ]');
    await must('nft list chain inet fw4 forward | grep -q whp- && fw4 check');
    const seconds = await until('whp status >/dev/null');
    await must('! nft list table inet whp 2>/dev/null && whp check');
    return `answers ${seconds.toFixed(1)} s later; ${(await must('whp version')).trim()}`;
  });
  await test('the agent has the environment that ujail gives, and its scripts need none', async () => {
    const environment = await must(`tr '\\0' '\\n' </proc/$(cat ${PID})/environ`);
    if (environment.trim() !== 'container=ujail') return `! ${environment}`;
    for (const line of [
      '/usr/share/whp/firewall.sh install',
      '/bin/sh -c ". /usr/share/whp/firewall.sh"',
      '/usr/libexec/rpcd/whp list',
      '/usr/bin/whp version',
      '/usr/bin/whp status',
    ])
      await must(`env -i container=ujail ${line} >/dev/null`);
    return must(
      'echo "{}" | env -i container=ujail /usr/libexec/rpcd/whp call status | grep -c evidence',
    );
  });
  await test('its scripts are idempotent', async () => {
    await must('cp /etc/config/firewall /tmp/firewall; /usr/share/whp/firewall.sh install');
    await must('cmp /tmp/firewall /etc/config/firewall && rm /tmp/firewall');
    await must(`p=$(cat ${PID}); /etc/init.d/whp start; sleep 2; [ $p = $(cat ${PID}) ]`);
    return null;
  });
  await test('opkg: removed at once: no trace', async () => {
    console.log(await must('opkg remove whp'));
    return difference(before, await snapshot(router), []);
  });
}

export async function upgrades(stage: Stage): Promise<void> {
  const { router, must, until, test, packages } = stage;
  await test('opkg: an older version, with a proxy: the table and the tunnel stand', async () => {
    await must(`opkg install ${packages.old}; opkg list-installed | grep ${OLD}`);
    await router.put('/etc/config/whp', CONFIGURATION, 0o600);
    await until('whp version >/dev/null; [ -S /var/run/whp.sock ]');
    await must('/usr/lib/lab/event config.change whp');
    const seconds = await until(ENFORCING);
    await must('ip link show whp-cloud && ip rule | grep -q 15001 && ip route show table 15001');
    return `enforces ${seconds.toFixed(1)} s after the change`;
  });
  await test('opkg: upgraded: the edited configuration stays, nothing that stands is gone meanwhile', async () => {
    const pid = (await must(`cat ${PID}`)).trim();
    const said = await watched(
      stage,
      () => must(`opkg install ${packages.current}; [ ! -d /proc/${pid} ]`),
      `${ENFORCING} && grep -q 'taken over' /tmp/log`,
    );
    await must('grep -q "kept by its owner" /etc/config/whp && [ -s /etc/config/whp-opkg ]');
    await must(`[ $(grep -c 'config zone .whp' /etc/config/firewall) = 1 ]`);
    await must('[ ! -e /var/run/whp.standing.handover ]');
    return said;
  });
}

export async function removes({ router, must, test, before }: Stage): Promise<void> {
  await test('opkg: removed: all that is left is the edited configuration', async () => {
    console.log(await must('opkg remove whp'));
    const left = difference(before, await snapshot(router), [
      '/etc/config/whp',
      '/etc/config/whp-opkg',
    ]);
    await must('rm -f /etc/config/whp /etc/config/whp-opkg');
    return left;
  });
}
