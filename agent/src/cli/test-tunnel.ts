// cli/test-tunnel: measures one tunnel for `whp test`: round trips, the largest packet, throughput, and the address that
// the world sees behind it.
import type { StatusAnswer } from '../answers/status.ts';
import {
  ASK_ADDRESS,
  banIpLine,
  exitLine,
  line,
  mtuLine,
  sizesBetween,
  speedLine,
  type TestLine,
  tunnelLine,
} from '../answers/test.ts';
import { type Echoes, openEchoes } from '../kernel/echoes.ts';
import { askThrough } from '../kernel/own-address.ts';
import { IFF_UP } from '../netlink/constants.ts';
import { errnoText } from '../os/errno.ts';
import type { Policy, Proxy } from '../policy/policy.ts';
import type { RouterSeen } from '../preflight/seen.ts';
import { tunnelDevice } from '../ruleset/names.ts';

const PROBES = 10;
const PROBE_GAP = 100;
/** Bytes of a probe with its headers: those of ping. */
const PROBE_SIZE = 84;
/** Milliseconds until a request is lost. */
const WAIT = 1000;
/** Bytes: the path of no tunnel has less. */
const LEAST_MTU = 500;

interface Around {
  /** The router's own address towards the proxies. */
  readonly own: string | null;
  readonly router: RouterSeen;
  readonly status: StatusAnswer | null;
}

/** Returns the address behind which the proxy sends; null: the tunnel does not answer. */
export async function testTunnel(
  say: (one: TestLine) => void,
  policy: Policy,
  proxy: Proxy,
  { own, router, status }: Around,
): Promise<string | null> {
  const device = tunnelDevice(proxy.name);
  const link = router.links.find((one) => one.name === device);
  if (link === undefined || (link.flags & IFF_UP) === 0) {
    say(tunnelLine(proxy, link === undefined ? 'it is missing' : 'it is down', own));
    return null;
  }
  const echoes = openEchoes(device, proxy.remote);
  if (typeof echoes === 'number') {
    say(tunnelLine(proxy, errnoText(-echoes), own));
    return null;
  }
  const times = await echoes.ask(Array<number>(PROBES).fill(PROBE_SIZE), PROBE_GAP, WAIT);
  say(tunnelLine(proxy, times, own));
  const isAnswered = times.some((one) => one !== null);
  if (isAnswered) await testSize(say, echoes, proxy, link.mtu, status);
  else if (router.firewall.ok && router.firewall.value.hasBanIp) say(banIpLine(proxy));
  echoes.close();
  return isAnswered ? testExit(say, policy, proxy, own) : null;
}

async function testSize(
  say: (one: TestLine) => void,
  echoes: Echoes,
  { name }: Proxy,
  mtu: number,
  status: StatusAnswer | null,
): Promise<void> {
  const size = await largest(echoes, mtu);
  say(mtuLine(name, mtu, size));
  const flows = (status?.apps ?? []).reduce((sum, app) => sum + app.flows, 0);
  if (flows > 0) {
    say(line(`throughput ${name}`, 'note', `not measured: open flows of apps: ${flows}`));
    return;
  }
  const bytes = Math.max(size, PROBE_SIZE);
  say(speedLine(name, bytes, await echoes.fill(bytes, 1000)));
}

/** Bytes of the largest packet that comes back unfragmented; 0: none of at least LEAST_MTU. */
async function largest(echoes: Echoes, mtu: number): Promise<number> {
  let passes = 0;
  let fails = mtu + 1;
  let sizes = [mtu];
  while (sizes.length > 0) {
    // Each twice: one may be lost.
    const times = await echoes.ask([...sizes, ...sizes], 5, WAIT / 2);
    const passed = sizes.filter((_, at) => (times[at] ?? times[at + sizes.length]) !== null);
    passes = Math.max(passes, ...passed);
    if (passes === 0 && sizes.length > 1) return 0;
    fails = Math.min(fails, ...sizes.filter((one) => one > passes));
    sizes = sizesBetween(passes === 0 ? LEAST_MTU : passes, fails);
  }
  return passes;
}

async function testExit(
  say: (one: TestLine) => void,
  { globals: { test } }: Policy,
  proxy: Proxy,
  own: string | null,
): Promise<string> {
  if (test === undefined) {
    const text = 'not asked: option test_address is not set';
    say(line(`seen by the world ${proxy.name}`, 'note', text, ASK_ADDRESS));
    return proxy.address;
  }
  const seen = await askThrough(tunnelDevice(proxy.name), test.name, test.resolver);
  say(exitLine(proxy, test.resolver, seen, own));
  return seen ?? proxy.address;
}
