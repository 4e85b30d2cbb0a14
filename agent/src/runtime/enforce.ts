// runtime/enforce: makes the kernel what a policy says. Config: load -> compile -> render -> nft, plan -> diff.

import { cutConnections, ENDED_AT_ONCE } from '../kernel/conntrack.ts';
import { listConnections } from '../kernel/conntrack-dump.ts';
import { applyOperation, pathMtu, type Realized, readRealized } from '../kernel/routing.ts';
import { changeSets } from '../kernel/sets.ts';
import type { Connection } from '../netlink/conntrack.ts';
import { after, inParts, now, pause } from '../os/clock.ts';
import { log } from '../os/log.ts';
import { markOf } from '../policy/marks.ts';
import { isOwnAddress } from '../policy/own-addresses.ts';
import type { Policy } from '../policy/policy.ts';
import { describe, type Piece } from '../reconcile/desired.ts';
import { diff, linkOf, type Operation } from '../reconcile/diff.ts';
import {
  isWaiting,
  nextTry,
  noteBare,
  noteRefused,
  refusedText,
  retainRefused,
} from '../reconcile/refused.ts';
import { differInChoices, pinChanges, withPins } from '../reconcile/set-changes.ts';
import { fillByDnsmasq, filledText, leaveDnsmasq } from '../router/dnsmasq.ts';
import { compile } from '../ruleset/compile/compile.ts';
import { renderStanding } from '../ruleset/render.ts';
import type { Standing } from '../ruleset/transaction.ts';
import { withoutAnnouncements } from '../ruleset/without-logs.ts';
import { createState } from '../step/state.ts';
import { waysOf } from '../tunnel/failover.ts';
import { plan, standingProxy, tunnelMtu } from '../tunnel/plan.ts';
import type { Agent } from './agent.ts';
import { lacks, listen } from './feeds.ts';
import { forgetExcepted } from './forget.ts';
import { keepApart, keepGuard, loadTable, writeStanding } from './table.ts';

/** Makes the kernel what the policy says. Returns what went wrong, or null. */
export async function enforce(agent: Agent, wanted: Policy): Promise<string | null> {
  const { standing, loadedFor } = agent;
  const isLight = standing !== null && loadedFor !== '' && differInChoices(agent.wanted, wanted);
  if (!isLight) return enforceAll(agent, wanted);
  const refused = enforceChoices(agent, wanted, standing);
  if (refused === null) return null;
  log('error', refused);
  // What stands is not what it was taken for: whole, with all that is known.
  agent.standing = null;
  const failed = await enforceAll(agent, wanted);
  agent.standing ??= standing;
  return failed;
}

/** A pause, an hour or a pin is set elements: no path is read, no rule made and no program started
 * before the owner has the answer, and the kernel has it then. */
function enforceChoices(agent: Agent, wanted: Policy, standing: Standing): string | null {
  const { effects, failover } = agent;
  const policy = { ...agent.policy, apps: wanted.apps };
  const pins = pinChanges(agent.policy, policy);
  failover.steering.policy = policy;
  const refused = changeSets(effects.sets, [...pins, ...failover.gates()]);
  if (refused !== null) return refused;
  agent.wanted = wanted;
  // The next load compares the table again.
  agent.loadedFor = 'changed since';
  if (pins.length > 0) agent.standing = withPins(standing, policy);
  takeIn(agent, policy);
  // Behind the answer. An agent that ends before it has written leaves pins that the next one compares
  // with the owner's file, and puts right.
  after(0, () => {
    if (pins.length > 0) writeStanding(agent);
    effects.late?.all('chosen');
  });
  return null;
}

/** The policy is in force: what comes from now on is judged by it. */
function takeIn(agent: Agent, policy: Policy): void {
  agent.policy = policy;
  const isOwn = (address: string): boolean => isOwnAddress(agent.policy, agent.addresses, address);
  agent.state = createState(policy, isOwn, agent.state);
  agent.effects.state = agent.state;
}

/**
 * Tunnels and routes, then the feeds, then the table. From the moment a packet can be marked its rule
 * leads somewhere, and from the moment an answer can be held somebody releases it.
 */
async function enforceAll(agent: Agent, wanted: Policy): Promise<string | null> {
  const realized = readRealized(agent.paths);
  if (typeof realized === 'string') return realized;
  const { standing: before, loadedFor } = agent;
  const isFirst = agent.effects.state === null;
  agent.wanted = wanted;
  agent.addresses = realized.addresses.map(({ address }) => address);
  const policy = withMtus(agent, wanted, realized);
  agent.failover.adopt(policy, (app) => standingProxy(policy, app, realized.pieces));
  const { changed } = buildPaths(agent, policy, realized, true);
  moveTo(agent, policy);
  await pause();
  listen(agent, policy);
  await keepApart(agent);
  const refused = await load(agent, policy);
  if (refused !== null) return refused;
  await keepFilling(agent, policy);
  await leaveMask(agent, policy);
  // Whom we are in the way of, and who in ours, is another question with other numbers.
  const isSame = JSON.stringify(policy.globals) === JSON.stringify(agent.policy.globals);
  if (!isSame) agent.neighbours.isDue = true;
  takeIn(agent, policy);
  keepGuard(agent);
  forgetExcepted(agent);
  // A way that changes changes routes, and who was before this agent may have ended half way. To look
  // through all connections takes long: not for nothing.
  const isNew = agent.standing !== before;
  const isWhole = loadedFor === '' || changed.length > 0 || agent.refused.size > 0;
  const { failover } = agent;
  const wrong = isWhole ? await failover.assert() : isNew ? await failover.settle() : null;
  if (isNew) agent.effects.late?.all('new table');
  if (isFirst) agent.effects.late?.live();
  if (wrong !== null) agent.loadedFor = '';
  return wrong;
}

/** What was found at the old preferences and in the old tables has been made anew at the new ones. */
function moveTo({ paths, repair }: Agent, { globals }: Policy): void {
  paths.globals = globals;
  repair.preference = globals.preference;
  repair.table = globals.table;
}

/** Live flows carry the old bits, which nobody reads any more: they begin anew. Until they have, the
 * old guard, which knows nothing of the new bits, keeps them from leaving. */
async function leaveMask(
  { policy: before, standing, effects }: Agent,
  { globals }: Policy,
): Promise<void> {
  const { mask } = before.globals;
  if (standing === null || mask === globals.mask) return;
  const { connections, lists } = effects;
  const wanted = before.apps.map(({ slot }) => ({ mark: markOf(mask, slot), mask }));
  const found = await listConnections(lists, wanted);
  const cut = (part: readonly Connection[]): string | null => cutConnections(connections, part);
  const wrong = typeof found === 'string' ? found : await inParts(found, ENDED_AT_ONCE, cut);
  if (wrong !== null) log('error', wrong);
}

/** Every proxy with the MTU its tunnel gets: the configured one, or what the way there allows. */
export function withMtus(agent: Agent, policy: Policy, realized: Realized): Policy {
  const proxies = policy.proxies.map((proxy) => {
    const wan = pathMtu(agent.paths, proxy.address, realized.links);
    return { ...proxy, mtu: tunnelMtu(proxy, wan) };
  });
  return { ...policy, proxies };
}

export interface Built {
  /** What is otherwise than before, as describe() has it. */
  readonly changed: readonly string[];
  /** Those of them that had stood, or that somebody else put there. */
  readonly again: readonly string[];
  /** Those that the kernel had refused before. */
  readonly late: readonly string[];
}

/** Makes links, addresses, routes and rules as `policy` wants them. What the kernel refuses is noted, and
 * tried again when its time has come, or `atOnce`. */
export function buildPaths(
  agent: Agent,
  policy: Policy,
  realized: Realized,
  atOnce: boolean,
): Built {
  const { refused } = agent;
  if (atOnce) refused.clear();
  const operations = diff(plan(policy, waysOf(agent.failover.steering)), realized.pieces);
  retainRefused(refused, operations);
  const devices = new Set(realized.links.map(({ name }) => name));
  const changed: string[] = [];
  const again: string[] = [];
  const late: string[] = [];
  for (const operation of operations) {
    const { op, piece } = operation;
    if (op === 'add' && isWaiting(refused, piece, now())) continue;
    const device = linkOf(piece);
    const isBare = op === 'add' && device !== null && !devices.has(device);
    const failed = isBare ? '' : applyOperation(agent.paths, operation);
    const text = describe(piece);
    if (failed !== null) {
      if (!isBare && !refused.has(text)) log('error', failed);
      if (isBare) noteBare(refused, piece);
      else noteRefused(refused, piece, failed, now());
      continue;
    }
    if (piece.kind === 'link') devices[op](piece.name);
    changed.push(text);
    if (refused.delete(text)) late.push(text);
    else if (op === 'add' || !isRemade(piece, operations)) again.push(text);
  }
  noteRefusals(agent);
  return { changed, again, late };
}

/** Whether a device that is deleted is made anew. */
function isRemade(piece: Piece, operations: readonly Operation[]): boolean {
  return (
    piece.kind === 'link' &&
    operations.some(
      (one) => one.op === 'add' && one.piece.kind === 'link' && one.piece.name === piece.name,
    )
  );
}

/** Shows what cannot be made, and asks to be called when it is to be tried again. */
function noteRefusals(agent: Agent): void {
  const { refused, problems } = agent;
  const said = refusedText(refused);
  if (said === null) problems.delete('paths');
  else problems.set('paths', said);
  const next = nextTry(refused);
  if (next !== null) agent.happened({ kind: 'refused', milliseconds: next - now() });
}

/**
 * Loads the table of `policy` in one transaction; the first time as a whole, later with what was
 * learned kept. A kernel without nft's queue refuses it whole: then answers are only watched.
 */
async function load(agent: Agent, policy: Policy): Promise<string | null> {
  if (policy.apps.length === 0 && agent.standing === null) return null;
  // To compile and to compare takes a slow router half a second.
  const asked = JSON.stringify([policy, agent.held !== null, agent.announced !== null]);
  if (agent.standing !== null && agent.loadedFor === asked) return null;
  const refused = await loadEither(agent, policy);
  agent.loadedFor = refused === null ? asked : '';
  return refused;
}

/** With answers held where the kernel can. */
async function loadEither(agent: Agent, policy: Policy): Promise<string | null> {
  const table = async (of: Policy): Promise<Standing> => {
    const ruleset = compile(of);
    await pause();
    return renderStanding(agent.announced === null ? withoutAnnouncements(ruleset) : ruleset);
  };
  // Without an ear for held answers they would pass unseen: then they are announced.
  const deaf = policy.globals.hold && agent.held === null && policy.apps.length > 0;
  if (deaf) {
    agent.holding = false;
    return loadTable(agent, await table(watchingOnly(policy)));
  }
  const refused = await loadTable(agent, await table(policy));
  if (refused === null) agent.holding = policy.globals.hold;
  if (refused === null || !isHeld(policy)) return refused;
  if ((await loadTable(agent, await table(watchingOnly(policy)))) !== null) return refused;
  agent.holding = false;
  lacks(agent, 'queue', 'the kernel has no nft queue');
  return null;
}

/** Where answers are not held, dnsmasq may put their addresses into the sets before it answers. */
async function keepFilling(agent: Agent, policy: Policy): Promise<void> {
  const { filling: before, holding, problems } = agent;
  const isWanted = !holding && policy.globals.dnsmasq !== false && policy.apps.length > 0;
  if (isWanted) agent.filling = await fillByDnsmasq(policy);
  else {
    const failed = before?.fills === false ? null : await leaveDnsmasq();
    agent.filling = { fills: false, why: failed ?? '' };
  }
  const { filling } = agent;
  const said = filling.fills ? filledText(filling.left) : filling.why;
  const saidBefore = before === null ? '' : before.fills ? filledText(before.left) : before.why;
  if (said !== saidBefore && said !== '') log('notice', `answers are not held: ${said}`);
  // What is weaker without held answers is less so.
  if (filling.fills && problems.has('queue'))
    problems.set('queue', `the kernel has no nft queue: ${said}`);
}

/** Whether any packet of this policy waits for the agent. */
function isHeld({ globals, escape }: Policy): boolean {
  return globals.hold || escape?.hello === 'hold';
}

/** The same policy with nothing held. */
function watchingOnly(policy: Policy): Policy {
  const globals = { ...policy.globals, hold: false };
  const { escape } = policy;
  if (escape?.hello !== 'hold') return { ...policy, globals };
  return { ...policy, globals, escape: { ...escape, hello: 'watch' } };
}
