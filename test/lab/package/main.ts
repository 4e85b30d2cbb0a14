// `lab.sh package [--router mipsel|x86_64]`: a router that has never seen the package. It is
// installed as opkg installs it, removed without a trace, installed in an older version, given a
// proxy, upgraded over the edited configuration, played on, killed, and removed. The parts of
// OpenWrt that no Debian package has (opkg, rc.common, procd, uci, fw4) are stand-ins in root/, which
// do what the package's scripts rely on; what they are not is said in docs/package.md.
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLab } from '../machine/lab.ts';
import { leave } from '../machine/leave.ts';
import type { Machine } from '../machine/machine.ts';
import { labOptions, ROUTER } from '../machine/options.ts';
import { configText } from '../mode.ts';
import { runSessions } from '../session/run.ts';
import { makeBare, OLD, packages } from './packages.ts';
import { difference, snapshot } from './trace.ts';

// no-call: without the sessions, only the package.
const { values } = labOptions('package', { router: ROUTER, 'no-call': false });
const say = (line: string): void => console.error(`lab: ${line}`);

/** Waits until `condition` (a shell command) holds on the router; answers how long it took. */
async function until(router: Machine, condition: string, limit = 60): Promise<number> {
  const started = Date.now();
  while ((await router.run(condition)).status !== 0) {
    if (Date.now() - started > limit * 1000) {
      const { stdout } = await router.run('tail -n 20 /tmp/log');
      throw new Error(`not within ${limit} s: ${condition}\n${stdout}`);
    }
    await sleep(250);
  }
  return (Date.now() - started) / 1000;
}

const ENFORCING = 'nft -t list chain inet whp prerouting >/dev/null 2>&1 && whp status >/dev/null';
const CONFIGURATION = `${configText(true)}\n# kept by its owner\n`;

/** Modules whose lack is lived with, and what `whp status` has to say then. */
const LACKING: readonly (readonly [module: string, said: RegExp])[] = [
  ['nft_queue', /DNS answers cannot be held.*kmod-nft-queue/],
  ['nfnetlink_log', /nothing is announced.*kmod-nfnetlink-log/],
  ['nf_conntrack_netlink', /neither read nor ended.*kmod-nf-conntrack-netlink/],
  ['ip_gre', /no tunnel can be made.*kmod-gre/],
];

type Must = (line: string) => Promise<string>;

/** Takes away one module after the other, each until the agent has said what is weaker. */
async function lackModules(
  must: Must,
  wait: (condition: string) => Promise<number>,
): Promise<string> {
  const wrong: string[] = [];
  for (const [module, said] of LACKING) {
    await must(
      `/etc/init.d/whp stop; f=$(find /lib/modules/ -name ${module}.ko); echo $f >/tmp/lacking
       mv $f /tmp/lacking.ko && rmmod ${module} && /etc/init.d/whp start`,
    );
    await wait('[ -S /var/run/whp.sock ] && whp status | grep -q "^! "').catch(() => 0);
    const status = await must('whp status; nft list table inet whp | grep -c " log "; :');
    if (!said.test(status)) wrong.push(`${module}: ${status}`);
    if (module !== 'ip_gre' && !/^skype /m.test(status)) wrong.push(`${module}: no app: ${status}`);
    await must(
      `/etc/init.d/whp stop; mv /tmp/lacking.ko $(cat /tmp/lacking) && rm /tmp/lacking && modprobe ${module}`,
    );
  }
  await must('/etc/init.d/whp start');
  await wait(ENFORCING);
  return wrong.length === 0 ? LACKING.map(([module]) => module).join(' ') : `! ${wrong.join('\n')}`;
}

async function main(): Promise<boolean> {
  const kind = values.router;
  if (kind !== 'mipsel' && kind !== 'x86_64') throw new Error(`--router ${kind}: mipsel, x86_64`);
  const { files, old, current } = await packages(kind, say);
  const out = resolve('out/lab/package');
  const lab = await startLab({ router: kind, out, say, agent: false, routerFiles: files });
  const { router } = lab;
  let passed = 0;
  let failed = 0;
  /** Passes with what it answers; fails when it rejects or answers "! why". */
  const test = async (name: string, run: () => Promise<string | null>): Promise<void> => {
    const said = await run().catch((error: Error) => `! ${error.message}`);
    const bad = said?.startsWith('!') === true;
    if (bad) failed += 1;
    else passed += 1;
    console.log(`${bad ? 'not ok' : 'ok'} ${name}${said === null ? '' : `: ${said}`}`);
  };
  const must = (line: string): Promise<string> => router.must(line, { timeout: 120_000 });
  try {
    await makeBare(router);
    const before = await snapshot(router);
    await test('installed: enabled, running, does nothing yet', async () => {
      console.log(await must(`opkg install ${current}`));
      await must('/etc/init.d/whp enabled && [ ! -e /etc/uci-defaults/90-whp ]');
      await must('nft list chain inet fw4 forward | grep -q whp-');
      const seconds = await until(router, 'whp status >/dev/null');
      await must('! nft list table inet whp 2>/dev/null && whp check');
      return `answers ${seconds.toFixed(1)} s later; ${(await must('whp version')).trim()}`;
    });
    await test('its scripts are idempotent', async () => {
      await must('cp /etc/config/firewall /tmp/firewall; /usr/share/whp/firewall.sh install');
      await must('cmp /tmp/firewall /etc/config/firewall && rm /tmp/firewall');
      await must(
        'p=$(cat /tmp/procd/whp/pid); /etc/init.d/whp start; [ $p = $(cat /tmp/procd/whp/pid) ]',
      );
      return null;
    });
    await test('removed at once: no trace', async () => {
      console.log(await must('opkg remove whp'));
      return difference(before, await snapshot(router), []);
    });
    await test('an older version, with a proxy: the table and the tunnel stand', async () => {
      await must(`opkg install ${old}; opkg list-installed | grep ${OLD}`);
      await router.put('/etc/config/whp', CONFIGURATION, 0o600);
      await until(router, 'whp version >/dev/null; [ -S /var/run/whp.sock ]');
      await must('/usr/lib/lab/trigger config whp');
      const seconds = await until(router, ENFORCING);
      await must('ip link show whp-cloud && ip rule | grep -q 15001 && ip route show table 15001');
      return `enforces ${seconds.toFixed(1)} s after the change`;
    });
    await test('upgraded: the edited configuration stays, nothing that stands is gone meanwhile', async () => {
      const pid = (await must('cat /tmp/procd/whp/pid')).trim();
      await must(
        `(while [ ! -e /tmp/watched ]; do
          nft -t list chain inet whp prerouting && ip link show whp-cloud && ip rule | grep 15001
          echo $? >>/tmp/gaps; sleep 0.1
        done) >/dev/null 2>&1 &`,
      );
      console.log(await must(`opkg install ${current}`));
      await must('grep -q "kept by its owner" /etc/config/whp && [ -s /etc/config/whp-opkg ]');
      await must(
        `[ $(grep -c 'config zone .whp' /etc/config/firewall) = 1 ] && [ ! -d /proc/${pid} ]`,
      );
      const seconds = await until(router, `${ENFORCING} && grep -q 'taken over' /tmp/log`);
      const looks = await must('touch /tmp/watched; sleep 2; sort /tmp/gaps | uniq -c');
      await must('rm /tmp/gaps /tmp/watched');
      if (!/^ *\d+ 0\s*$/.test(looks)) return `! there was a gap: ${looks}`;
      await must('[ ! -e /var/run/whp.standing.handover ]');
      return `enforces ${seconds.toFixed(1)} s later; stood at each of ${Number.parseInt(looks, 10)} looks`;
    });
    await test('started with another program on disk, as apk upgrades: a new agent, no gap', async () => {
      const pid = (await must('cat /tmp/procd/whp/pid')).trim();
      await must(
        'PKG_UPGRADE=1 /usr/lib/opkg/info/whp.preinst upgrade; echo >>/usr/bin/whp; /etc/init.d/whp start',
      );
      await must(`[ ! -d /proc/${pid} ] && nft -t list chain inet whp prerouting >/dev/null`);
      const seconds = await until(router, ENFORCING);
      const again = (await must('cat /tmp/procd/whp/pid')).trim();
      await must(
        "/usr/lib/lab/trigger raw 'interface.*.up'; ACTION=ifupdate sh /etc/hotplug.d/iface/90-whp",
      );
      await must(`sleep 1; [ $(cat /tmp/procd/whp/pid) = ${again} ]`);
      return `enforces ${seconds.toFixed(1)} s later`;
    });
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
    await test('rpcd: every method answers, and names what it does not know', async () => {
      const names = await must('/usr/libexec/rpcd/whp list');
      const slow: string[] = [];
      for (const name of Object.keys(JSON.parse(names) as object)) {
        if (name === 'action') continue;
        const call = `echo '{"query":"192.0.2.1"}' | /usr/libexec/rpcd/whp call ${name}`;
        const text = await must(`s=$(date +%s%N 2>/dev/null); ${call}; :`);
        const answer = JSON.parse(text) as { error?: string };
        if (answer.error !== undefined) throw new Error(`${name}: ${answer.error}`);
        slow.push(name);
      }
      await must(
        `echo '{"name":"reload"}' | /usr/libexec/rpcd/whp call action | grep -q '"ok":true'`,
      );
      return slow.join(' ');
    });
    await test('killed: respawned, for ever', async () => {
      for (let times = 0; times < 2; times++) {
        await must('kill -9 $(cat /tmp/procd/whp/pid); sleep 1');
        await until(router, 'p=$(cat /tmp/procd/whp/pid) && [ -d /proc/$p ]');
      }
      return `again after ${(await until(router, ENFORCING)).toFixed(1)} s`;
    });
    await test('fw4 reload keeps the table; after fw4 flush and reload it stands again', async () => {
      await must('fw4 reload && nft -t list chain inet whp prerouting >/dev/null');
      await must('fw4 flush; fw4 reload');
      return `again after ${(await until(router, ENFORCING, 30)).toFixed(1)} s`;
    });
    await test('a kernel that lacks modules: what is weaker is said, what is left is enforced', () =>
      lackModules(must, (condition) => until(router, condition)));
    await test('removed: all that is left is the edited configuration', async () => {
      console.log(await must('opkg remove whp'));
      return difference(before, await snapshot(router), [
        '/etc/config/whp',
        '/etc/config/whp-opkg',
      ]);
    });
  } finally {
    const log = await router.run('cat /tmp/log');
    console.log(log.stdout.split('\n').slice(-12).join('\n'));
    await lab.stop();
  }
  console.log(`package on the router: ${passed} passed, ${failed} failed`);
  return failed === 0;
}

leave(main());
