// Links, addresses, routes and rules that the kernel refuses because of somebody else's: status says whose, and its
// commands, typed as they are printed, end it. The tunnels are veth pairs in the place of GRE.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { config, type Home, pause, startHome } from '../fixtures/netns-home.ts';
import { alarmLines } from '../lib/alarms.ts';

let home: Home;
const SIX = config({}).replace(
  "option mtu '1400'\n",
  "option mtu '1400'\n  option local6 'fd00:d5::1'\n  option remote6 'fd00:d5::2'\n",
);

test.before(async () => {
  home = await startHome(`whp-pathfix-${process.pid}`);
});
test.after(() => home.stop());

const sh = (line: string): string => home.run('router', 'sh', '-ec', line);

const alarms = (): string[] => alarmLines(home.whp('status'));

/** The problem of status that `about` fits; waits for it. */
async function problem(about: RegExp): Promise<string> {
  for (let tries = 0; tries < 60; tries++) {
    const line = alarms().find((one) => about.test(one));
    if (line !== undefined) return line;
    await pause(200);
  }
  throw new Error(`${about}: ${home.whp('status')}`);
}

/** Types the commands at the end of a problem, those of whp too. */
function type(line: string): void {
  const [, ...commands] = line.split('; ');
  assert.ok(commands.length > 0, line);
  for (const one of commands) {
    if (one.startsWith('whp ')) home.whp(...one.split(' ').slice(1));
    else sh(one);
  }
}

/** Whether `see` holds soon. */
async function soon(see: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 75; tries++) {
    if (see()) return true;
    await pause(200);
  }
  return false;
}

test('the name of another device, IPv6 switched off, a device that is down', async () => {
  sh('sysctl -qw net.ipv6.conf.whp-a.disable_ipv6=1');
  await home.startAgent(SIX);

  const name = await problem(/^! add link whp-a gre/);
  assert.match(name, /File exists \(errno 17\): another device has the name whp-a /);

  const off = await problem(/IPv6 is switched off/);
  assert.match(off, /^! add address fd00:d5::1 peer fd00:d5::2 dev whp-a/);
  // The app that the route is for says so too.
  const again = await problem(/^! (?:app )?skype.*add route v6 .*IPv6 is switched off/);
  assert.match(again, 'disable_ipv6=0');
  type(off);
  const has = (address: string, device: string): boolean =>
    sh(`ip -6 address show dev ${device}`).includes(address);
  assert.ok(await soon(() => has('fd00:d5::1 peer fd00:d5::2', 'whp-a')), off);

  sh('ip link set dev whp-a down');
  const down = await problem(/whp-a is down/);
  assert.match(down, /^! add route v4 default dev whp-a table 15001/);
  type(down);
  assert.ok(await soon(() => sh('ip route show table 15001').includes('default dev whp-a')), down);

  home.run(
    'router',
    'nft',
    'table inet strict { chain out { type filter hook output priority 0; oifname "whp-b" drop; }; }',
  );
  const dropped = await problem(/probe by whp-b/);
  assert.match(
    dropped,
    /a firewall rule drops what this router sends into the tunnel; nft list chains/,
  );
  home.run('router', 'nft', 'delete table inet strict');

  type(await problem(/^! add link whp-a gre/));
  assert.ok(await soon(() => !alarms().some((one) => /add link whp-a .*File exists/.test(one))));
  // With GRE there is a tunnel now; without, the next refusal has its own words.
  const left = alarms().join('\n');
  if (!/^! .*kmod-gre/m.test(left)) assert.match(sh('ip -d link show dev whp-a'), /gre/);
});

test.run();
