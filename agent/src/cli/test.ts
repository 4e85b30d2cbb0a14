// cli/test: `whp test`: looks at the router, measures each tunnel, and says whether a call made now would be
// protected. A process of its own beside the agent, which it asks for its status alone; so it runs without an agent
// too. Prints each line when its step ends. Changes nothing, and sends nothing by the WAN but GRE.

import * as std from 'qjs:std';
import type { StatusAnswer } from '../answers/status.ts';
import {
  bypassLines,
  type HeldSeen,
  heldLine,
  homeLine,
  line,
  START,
  split,
  type TestLine,
} from '../answers/test.ts';
import { callLines, unreadLines } from '../answers/test-call.ts';
import { lookLines, masqueradeLines, partLines } from '../answers/test-looks.ts';
import { queuedSoFar, timeHeld } from '../kernel/held-probe.ts';
import { ownAddress } from '../kernel/own-address.ts';
import { wallTime } from '../os/clock.ts';
import { errnoText, errorText } from '../os/errno.ts';
import { readText } from '../os/file.ts';
import type { Policy, Proxy } from '../policy/policy.ts';
import { isRunning } from '../preflight/homes.ts';
import { looksOf } from '../preflight/looks.ts';
import type { RouterSeen } from '../preflight/seen.ts';
import { verdictOf } from '../preflight/verdict.ts';
import { readHosts } from '../router/dhcp-files.ts';
import { tunnelDevice } from '../ruleset/names.ts';
import { problemText } from '../syntax/result.ts';
import { parseUci } from '../syntax/uci.ts';
import { parseAddress } from '../wire/address.ts';
import type { Command } from './arguments.ts';
import { askOnce, NO_AGENT } from './ask.ts';
import { type Read, readConfiguration, readRouter } from './check.ts';
import { WORKS_NOT } from './commands.ts';
import { testTunnel } from './test-tunnel.ts';
import { testLineText } from './text-test.ts';

const HELD_PROBES = 3;
const FIREWALL = '/etc/config/firewall';

type Say = (...lines: readonly TestLine[]) => void;

/** Resolves to the exit status. */
export async function testCommand(command: Command): Promise<number> {
  const wrong: string[] = [];
  const say: Say = (...lines) => {
    for (const one of lines) {
      std.out.puts(testLineText(one, command.json));
      // Each line alone: rpcd's plugin reads the file that they go to.
      std.out.flush();
      if (one.state === 'wrong') wrong.push(one.subject);
    }
  };
  const asked = await askOnce(command.socket, { method: 'status' });
  const status = asked.ok ? (asked.value as StatusAnswer) : null;
  say(
    asked.ok
      ? line('agent', 'ok', `runs, whp ${status?.version}`)
      : line('agent', 'wrong', asked.what, START),
  );
  const read = readConfiguration(command);
  if (read.ok) await testRouter(command, say, wrong, read.value, status);
  else {
    const problems = read.problems.map((one) => split('file', 'wrong', problemText(one)));
    say(...problems.map((one) => ({ fix: 'whp check', ...one })), ...unreadLines(status));
  }
  if (wrong.length === 0) return 0;
  return status === null ? NO_AGENT : WORKS_NOT;
}

/** `wrong`: subjects of the lines so far. */
async function testRouter(
  command: Command,
  say: Say,
  wrong: readonly string[],
  { policy, uci }: Read,
  status: StatusAnswer | null,
): Promise<void> {
  const [first] = policy.proxies;
  const own = first === undefined ? null : ownAddress(first.address);
  if (first !== undefined) say(homeLine(own));
  const read = await readRouter(command, policy);
  if (!read.ok) {
    say(line('router', 'wrong', `it cannot be read: ${errorText(read.error)}`, 'run it as root'));
    return;
  }
  const router = read.value;
  const exits = new Map<string, string>();
  for (const proxy of policy.proxies) {
    if (!isUsed(policy, proxy)) continue;
    const told = sayFor(say, status, proxy);
    const exit = await testTunnel(told, policy, proxy, { own, router, status });
    if (exit !== null) exits.set(proxy.name, exit);
  }
  if (status !== null) say(heldLine(status, await held(policy, router, status)));
  say(...partLines(policy, router, exits.size > 0));
  say(...looksOf({ policy, uci, wall: wallTime(), router }).flatMap(lookLines));
  const text = readText(FIREWALL);
  const firewall = text.ok ? parseUci(text.text, FIREWALL) : null;
  const zones = firewall?.ok === true ? firewall.value : null;
  const devices = policy.proxies.map(({ name }) => tunnelDevice(name));
  say(...masqueradeLines(zones, devices));
  if (status !== null) {
    say(...bypassLines(status.bypass));
    const { length } = status.problems;
    if (length > 0) say(line('problems', 'note', `the agent names ${length}`, 'whp status'));
  }
  const nothing = verdictOf(policy, uci);
  say(...callLines({ policy, status, hosts: readHosts(), own, exits, wrong, nothing }));
}

/** Whether a call may go through the proxy; without an app all count. */
function isUsed({ apps }: Policy, { name }: Proxy): boolean {
  return apps.length === 0 || apps.some(({ proxies }) => proxies.includes(name));
}

/** What is wrong with a proxy is a note while the apps use others. */
function sayFor(say: Say, status: StatusAnswer | null, { name }: Proxy): Say {
  const used = (status?.apps ?? []).flatMap(({ new_connections }) => new_connections.proxy ?? []);
  if (used.length === 0 || used.includes(name)) return say;
  return (...lines) => {
    say(...lines.map((one) => ({ ...one, state: one.state === 'wrong' ? 'note' : one.state })));
  };
}

async function held(
  { globals }: Policy,
  { links, addresses }: RouterSeen,
  { dns_answers }: StatusAnswer,
): Promise<HeldSeen> {
  const none = (times: string): HeldSeen => ({ times, queued: null });
  if (dns_answers !== 'held') return none('');
  for (const name of globals.lan) {
    const link = links.find((one) => one.name === name);
    const own = addresses.find((one) => one.link === link?.index && one.family === 4);
    const address = own === undefined ? null : parseAddress(own.address);
    if (link === undefined || address === null || !isRunning(link)) continue;
    const before = queuedSoFar(globals.queue);
    const times = await timeHeld({ name, index: link.index, address }, HELD_PROBES);
    const after = queuedSoFar(globals.queue);
    const queued = before === null || after === null ? null : after - before;
    return typeof times === 'number' ? none(errnoText(-times)) : { times, queued };
  }
  return none(`nothing is connected to ${globals.lan.join(', ')}`);
}
