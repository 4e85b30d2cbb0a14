// The lab's world without emulation: devices, servers, captures and verdict around a stand-in for the router,
// in namespaces. Shows that every step works through a tunnel, that the verdict passes when everything is
// right, and that it fails on real packets without the tunnel. Tests nothing of the product.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bundleWorld } from '../lab/session/bundle.ts';
import { runSessions, type SessionOptions, type WorldMachine } from '../lab/session/run.ts';
import { ADVERSARY_SESSIONS } from '../lab/world/adversary-list.ts';

const HOST = resolve('out/host/x86_64/whp-host');
const need = 'tcpdump dnsmasq=dnsmasq-base ethtool busybox nft=nftables ip=iproute2';
execFileSync('bash', ['-c', `. scripts/lib/packages.sh; need ${need}`], { stdio: 'inherit' });

/** The stand-in's world namespace as a machine: same file system, other network. */
function standIn(prefix: string): WorldMachine {
  const wrapped = (command: string): string[] => [
    `--net=/run/netns/${prefix}world`,
    'sh',
    '-c',
    command,
  ];
  return {
    run: async (command) => {
      const { status, stdout, stderr } = spawnSync('nsenter', wrapped(command), {
        encoding: 'utf8',
      });
      return { status: status ?? 1, stdout, stderr };
    },
    spawn: async (command, onLine) => {
      const child = spawn('nsenter', wrapped(command), { stdio: ['ignore', 'pipe', 'pipe'] });
      let stderr = '';
      child.stdout.on('data', (bytes) => String(bytes).trimEnd().split('\n').forEach(onLine));
      child.stderr.on('data', (bytes) => {
        stderr += bytes;
      });
      const done = new Promise<{ status: number; stderr: string }>((finish) => {
        child.on('close', (status) => finish({ status: status ?? 1, stderr }));
      });
      return { done };
    },
    put: async (path, bytes, mode = 0o644) => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes, { mode });
    },
    get: async (path) => readFileSync(path),
  };
}

async function play(tunnel: 'cheat' | 'none', options: SessionOptions) {
  const prefix = `wl${process.pid}-`;
  const home = mkdtempSync(join(tmpdir(), 'whp-world-'));
  await bundleWorld(home);
  copyFileSync('test/lab/session/router.sh', join(home, 'router.sh'));
  const env = {
    ...process.env,
    P: prefix,
    OUT: `${home}/out`,
    PROGRAMS: home,
    HOST,
    TUNNEL: tunnel,
  };
  const router = (word: string) =>
    spawnSync('sh', [join(home, 'router.sh'), word], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  try {
    const up = router('up');
    assert.is(up.status, 0, up.stderr);
    return await runSessions(
      {
        world: standIn(prefix),
        out: join(home, 'result'),
        routerKind: 'stand-in',
        lanWire: 'eth0',
        prefix,
        home,
        installed: true,
        logs: `${home}/out`,
        host: HOST,
        build: false,
        say: () => {},
      },
      options,
    );
  } finally {
    router('down');
    rmSync(home, { recursive: true, force: true });
  }
}

const SHORT = { seed: 5, sessionsPerDevice: 1, noise: true, adversary: false };

test('a session of every device works through a tunnel, and the verdict passes', async () => {
  const { result, text, ok } = await play('cheat', SHORT);
  assert.is(ok, true, text);
  assert.is(result.totals.sessions, 5);
  assert.ok(result.totals.applicationTunnel > 5000, text);
  assert.ok(result.totals.unrelatedDirect > 500, text);
});

/** Cases whose flows are all unrelated: they pass without a tunnel too. */
const HARMLESS = ['sentinel', 'mapping-4.1', 'mapping-like', 'neighbour'];

test('without the tunnel the verdict is that everything leaks, each of the adversary cases included', async () => {
  const options = { ...SHORT, devices: ['xbox'], adversary: true };
  const { result, text, ok } = await play('none', options);
  assert.is(ok, false, text);
  assert.ok(result.totals.leaked > 100, text);
  assert.ok(result.totals.homeSeen > 0, text);
  assert.is(result.totals.unrelatedProxied, 0, text);
  const attacks = result.sessions.filter(({ kind }) => kind === 'adversary');
  assert.is(attacks.length, ADVERSARY_SESSIONS, text);
  for (const { session, leaked, missedSteps } of attacks) {
    assert.equal(missedSteps, [], text);
    const harmless = HARMLESS.includes(session.replace('adversary-', ''));
    assert.is(leaked > 0, !harmless, `${session}: ${leaked} leaked\n${text}`);
  }
});

test.run();
