// `lab.sh package [--router mipsel|x86_64]`: a router that has never seen the package. Both lives of it:
// under opkg installed, removed without a trace, installed in an older version, given a proxy, upgraded
// over the edited configuration, played on, switched off and on, killed, and removed; then under apk. The
// parts of OpenWrt that no Debian package has (opkg, apk, rc.common, procd, uci, fw4) are stand-ins in
// root/, which do what the package's scripts rely on; what they are not is said in docs/package.md.
import { resolve } from 'node:path';
import { startLab } from '../machine/lab.ts';
import { leave } from '../machine/leave.ts';
import { labOptions, ROUTER } from '../machine/options.ts';
import { runSessions } from '../session/run.ts';
import { lives } from './apk.ts';
import { lackModules } from './lacking.ts';
import { installs, removes, upgrades } from './opkg.ts';
import { owns } from './owner.ts';
import { makeBare, packages } from './packages.ts';
import { createStage, ENFORCING, PID, type Stage } from './stage.ts';
import { snapshot } from './trace.ts';

// no-call: without the sessions, only the package.
const { values } = labOptions('package', { router: ROUTER, 'no-call': false });
const say = (line: string): void => console.error(`lab: ${line}`);

async function answersRpcd({ must }: Stage): Promise<string> {
  const names = await must('/usr/libexec/rpcd/whp list');
  const answered: string[] = [];
  for (const name of Object.keys(JSON.parse(names) as object)) {
    if (name === 'action') continue;
    const text = await must(`echo '{"query":"192.0.2.1"}' | /usr/libexec/rpcd/whp call ${name}`);
    const answer = JSON.parse(text) as object;
    if ('error' in answer) throw new Error(`${name}: ${answer.error}`);
    answered.push(name);
  }
  await must(`echo '{"name":"reload"}' | /usr/libexec/rpcd/whp call action | grep -q '^{"text":'`);
  return answered.join(' ');
}

async function survives({ must, until, test }: Stage): Promise<void> {
  await test('killed: respawned, for ever', async () => {
    for (let times = 0; times < 2; times++) {
      await must(`kill -9 $(cat ${PID}); sleep 1`);
      await until(`p=$(cat ${PID}) && [ -d /proc/$p ]`);
    }
    return `again after ${(await until(ENFORCING)).toFixed(1)} s`;
  });
  await test('fw4 reload keeps the table; after fw4 flush and reload it stands again', async () => {
    await must('fw4 reload && nft -t list chain inet whp prerouting >/dev/null');
    await must('fw4 flush; fw4 reload');
    return `again after ${(await until(ENFORCING, 30)).toFixed(1)} s`;
  });
}

async function main(): Promise<boolean> {
  const kind = values.router;
  if (kind !== 'mipsel' && kind !== 'x86_64') throw new Error(`--router ${kind}: mipsel, x86_64`);
  const made = await packages(kind, say);
  const out = resolve('out/lab/package');
  const lab = await startLab({ router: kind, out, say, agent: false, routerFiles: made.files });
  const { router } = lab;
  try {
    await makeBare(router);
    const stage = createStage(router, made, await snapshot(router));
    const { test, count } = stage;
    await installs(stage);
    await upgrades(stage);
    if (!values['no-call']) {
      await test('a call goes through the proxy', async () => {
        const played = await runSessions(
          { world: lab.world, out, routerKind: kind, capturesOutside: true, say },
          { seed: 1, sessionsPerDevice: 1, noise: true, adversary: false, devices: ['iphone'] },
        );
        console.log(played.text);
        return played.ok ? null : '! the verdict is not PASS';
      });
    }
    await test('rpcd: every method answers', () => answersRpcd(stage));
    await owns(stage);
    await survives(stage);
    await test('a kernel that lacks modules: what is weaker is said, what is left is enforced', () =>
      lackModules(stage));
    await removes(stage);
    await lives(stage);
    console.log(`package on the router: ${count.passed} passed, ${count.failed} failed`);
    return count.failed === 0;
  } finally {
    const log = await router.run('cat /tmp/log');
    console.log(log.stdout.split('\n').slice(-12).join('\n'));
    await lab.stop();
  }
}

leave(main());
