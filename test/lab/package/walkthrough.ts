// `lab.sh walkthrough [--router mipsel|x86_64]`: what a new owner does, by docs/install.md alone. The blocks of that
// page are typed on the machines they name, in their order, up to the test. Then the lab's application is enabled, which
// the page does not do since its service has ended, and one of the lab's sessions makes a call. Prints what was typed
// and what was answered.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startLab } from '../machine/lab.ts';
import type { Machine } from '../machine/machine.ts';
import { labOptions, ROUTER } from '../machine/options.ts';
import { projectRoot } from '../machine/paths.ts';
import { buildWorld, runSessions } from '../session/run.ts';
import { makeBare, packages } from './packages.ts';
import { type Block, blocksOf, commandsOf } from './page.ts';

/** Enables the application that the lab's sessions play. */
const ENABLE = `uci batch <<EOB
set whp.skype.enabled='1'
commit whp
EOB
whp reload; sleep 2
`;

/** The proxy has no systemd: what `systemctl enable --now` would start is started. */
const SYSTEMCTL = `#!/bin/sh
[ "$1" = enable ] || exit 0
exec sh -c "$(sed -n 's/^ExecStart=//p' "/etc/systemd/system/$3")"
`;

async function type(prompt: string, machine: Machine, block: Block, wrap: string): Promise<void> {
  for (const line of commandsOf(block.text)) {
    console.log(`${prompt} ${line}`);
    const script = `set -e\ncd /root\n${line}\n`;
    const { status, stdout, stderr } = await machine.run(
      wrap === '' ? script : `${wrap} <<'EOWALK'\n${script}EOWALK\n`,
      { timeout: 120_000 },
    );
    process.stdout.write(stdout + stderr);
    if (status !== 0) throw new Error(`"${line}" ended with ${status}`);
  }
}

async function main(): Promise<boolean> {
  const { values } = labOptions('walkthrough', { router: ROUTER });
  const kind = values.router;
  const say = (line: string): void => console.error(`lab: ${line}`);
  const root = projectRoot();
  const blocks = blocksOf(readFileSync(join(root, 'docs/install.md'), 'utf8'));
  const { files, current } = await packages(kind, say);
  const out = resolve('out/lab/walkthrough');
  const lab = await startLab({ router: kind, out, say, agent: false, routerFiles: files });
  const { router, world } = lab;
  const sessionLab = { world, out, routerKind: kind, capturesOutside: true, say };
  const options = {
    seed: 1,
    sessionsPerDevice: 1,
    noise: true,
    adversary: false,
    devices: ['iphone'],
  };
  const memory = (when: string): Promise<void> =>
    router
      .must("sed -n 's/^MemAvailable: *//p' /proc/meminfo")
      .then((text) => console.log(`(memory available on the router, ${when}: ${text.trim()})`));
  try {
    await makeBare(router);
    await memory('without the package');
    await buildWorld(sessionLab, options);
    await world.must('ip netns exec proxy sh /usr/lib/world/whp-proxy down home 2>/dev/null || :');
    await world.put('/root/whp-proxy', readFileSync(join(root, 'cloud-proxy/whp-proxy')), 0o755);
    await world.put('/usr/bin/systemctl', SYSTEMCTL, 0o755);
    await world.must(
      'mkdir -p /etc/systemd/system /usr/local/sbin; rm -f /usr/local/sbin/whp-proxy',
    );
    // What the pc's block does: the package, made here, is put where it says.
    await router.must(`cp ${current} /tmp/whp.ipk`);
    for (const block of blocks) {
      if (block.where === 'pc') console.log(block.text.trimEnd().replace(/^/gm, 'pc$ '));
      else if (block.where === 'proxy')
        await type('proxy#', world, block, 'ip netns exec proxy sh -s');
      else if (block.where === 'router' && !block.text.includes('opkg remove'))
        await type('router#', router, block, '');
    }
    await type('router#', router, { where: 'router', text: ENABLE }, '');
    const played = await runSessions({ ...sessionLab, build: false, installed: true }, options);
    console.log(played.text);
    await router.must('whp status >/tmp/status; cat /tmp/status').then(console.log);
    await memory('after the call');
    for (const block of blocks) {
      if (block.where === 'router after') await type('router#', router, block, '');
      else if (block.text.includes('opkg remove')) await type('router#', router, block, '');
    }
    return played.ok;
  } finally {
    await lab.stop();
  }
}

main().then(
  (ok) => {
    console.log(ok ? 'walkthrough: a proxied call, by the page alone' : 'walkthrough: NOT shown');
    process.exit(ok ? 0 : 1);
  },
  (error: Error) => {
    console.error(`lab: ${error.stack ?? error.message}`);
    process.exit(1);
  },
);
