// The life of the package under apk (OpenWrt 25.12). The running agent is not stopped before an upgrade:
// procd starts it anew when its program is another one, and only then.
import { CONFIGURATION, ENFORCING, PID, type Stage, watched } from './stage.ts';
import { difference, snapshot } from './trace.ts';

const HANDOVER = '/var/run/whp.standing.handover';

/** The same package with one file changed by `edit`, a line run in its data; answers where it is. */
async function changed({ must, packages }: Stage, edit: string): Promise<string> {
  await must(
    `rm -rf /tmp/made /tmp/made.apk; mkdir /tmp/made && tar -xf ${packages.apk} -C /tmp/made &&
     (cd /tmp/made/data && ${edit}) && tar -cf /tmp/made.apk -C /tmp/made . && rm -rf /tmp/made`,
  );
  return '/tmp/made.apk';
}

/** Upgrades; the agent that runs has to go on, without a handover that nobody takes. */
async function runsOn({ must }: Stage, file: string): Promise<void> {
  const pid = (await must(`cat ${PID}`)).trim();
  await must(`apk add ${file}; [ ! -e ${HANDOVER} ]`);
  await must(`sleep 3; [ $(cat ${PID}) = ${pid} ] && [ -d /proc/${pid} ]`);
}

export async function lives(stage: Stage): Promise<void> {
  const { router, must, until, test, before, packages } = stage;
  await test('apk: an older version, with a proxy, enforces', async () => {
    await must(`apk add ${packages.oldApk}; /etc/init.d/whp enabled`);
    await router.put('/etc/config/whp', CONFIGURATION, 0o600);
    await until('[ -S /var/run/whp.sock ]');
    await must('/usr/lib/lab/event config.change whp');
    return `${(await until(ENFORCING)).toFixed(1)} s after the change`;
  });
  await test('apk: an upgrade with the same program: the agent runs on, and a stop takes all away', async () => {
    await runsOn(stage, packages.apk);
    await must('grep -q "kept by its owner" /etc/config/whp');
    await must('/etc/init.d/whp stop; ! nft list table inet whp 2>/dev/null');
    await must('! ip rule | grep 15001 && ! ip link show whp-cloud 2>/dev/null');
    await must('/etc/init.d/whp start');
    return `enforces ${(await until(ENFORCING)).toFixed(1)} s after it is started again`;
  });
  await test('apk: an upgrade that brings a profile: it is taken in by the running agent', async () => {
    const file = await changed(
      stage,
      `sed -i 's/"version": "[^"]*"/"version": "2031-01-02"/' usr/share/whp/profiles/skype.json`,
    );
    await runsOn(stage, file);
    return `${(await until('whp status --json | grep -q 2031-01-02', 20)).toFixed(1)} s later`;
  });
  await test('apk: an upgrade with another program: a new agent, no gap', async () => {
    const file = await changed(stage, 'echo >>usr/bin/whp');
    const pid = (await must(`cat ${PID}`)).trim();
    const said = await watched(
      stage,
      () => must(`: >/tmp/log; apk add ${file}`),
      `${ENFORCING} && [ $(cat ${PID}) != ${pid} ] && grep -q 'taken over' /tmp/log`,
    );
    await must(`[ ! -e ${HANDOVER} ] && rm -f /tmp/made.apk`);
    return said;
  });
  await test('apk: removed: all that is left is the edited configuration', async () => {
    await must('apk del whp');
    return difference(before, await snapshot(router), [
      '/etc/config/whp',
      '/etc/config/whp.apk-new',
    ]);
  });
}
