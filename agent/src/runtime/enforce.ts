// runtime/enforce: makes the kernel what a policy says. Config: load -> compile -> render -> nft, plan -> diff.

import { cutSlots } from '../kernel/conntrack.ts';
import { applyOperation, pathMtu, type Realized, readRealized } from '../kernel/routing.ts';
import { changeSets } from '../kernel/sets.ts';
import { after, now, pause } from '../os/clock.ts';
import { log } from '../os/log.ts';
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
import type { Daemon } from './agent.ts';
import { lacks, listen } from './feeds.ts';
import { forgetExcepted } from './forget.ts';
import { keepApart, keepGuard, loadTable, writeStanding } from './table.ts';

/** Makes the kernel what the policy says. Returns what went wrong, or null. */
export async function enforce(daemon: Daemon, wanted: Policy): Promise<string | null> {
  const { standing, loadedFor } = daemon;
  const isLight = standing !== null && loadedFor !== '' && differInChoices(daemon.wanted, wanted);
  if (!isLight) return enforceAll(daemon, wanted);
  const refused = enforceChoices(daemon, wanted, standing);
  if (refused === null) return null;
  log('error', refused);
  // What stands is not what it was taken for: whole, with all that is known.
  daemon.standing = null;
  const failed = await enforceAll(daemon, wanted);
  daemon.standing ??= standing;
  return failed;
}

/** A pause, an hour or a pin is set elements: no path is read, no rule made and no program started
 * before the owner has the answer, and the kernel has it then. */
function enforceChoices(daemon: Daemon, wanted: Policy, standing: Standing): string | null {
  const { effects, failover } = daemon;
  if (typeof effects.sets === 'string') return effects.sets;
  const policy = { ...daemon.policy, apps: wanted.apps };
  const pins = pinChanges(daemon.policy, policy);
  failover.steering.policy = policy;
  const refused = changeSets(effects.sets, [...pins, ...failover.gates()]);
  if (refused !== null) return refused;
  daemon.wanted = wanted;
  // The next load compares the table again.
  daemon.loadedFor = 'changed since';
  if (pins.length > 0) daemon.standing = withPins(standing, policy);
  takeIn(daemon, policy);
  // Behind the answer. An agent that ends before it has written leaves pins that the next one compares
  // with the owner's file, and puts right.
  after(0, () => {
    if (pins.length > 0) writeStanding(daemon);
    effects.late?.all('chosen');
  });
  return null;
}

/** The policy is in force: what comes from now on is judged by it. */
function takeIn(daemon: Daemon, policy: Policy): void {
  daemon.policy = policy;
  const isOwn = (address: string): boolean =>
    isOwnAddress(daemon.policy, daemon.addresses, address);
  daemon.state = createState(policy, isOwn, daemon.state);
  daemon.effects.state = daemon.state;
}

/**
 * Tunnels and routes, then the feeds, then the table. From the moment a packet can be marked its rule
 * leads somewhere, and from the moment an answer can be held somebody releases it.
 */
async function enforceAll(daemon: Daemon, wanted: Policy): Promise<string | null> {
  const realized = readRealized(daemon.paths);
  if (typeof realized === 'string') return realized;
  const { standing: before, loadedFor } = daemon;
  const isFirst = daemon.effects.state === null;
  daemon.wanted = wanted;
  daemon.addresses = realized.addresses.map(({ address }) => address);
  const policy = withMtus(daemon, wanted, realized);
  daemon.failover.adopt(policy, (app) => standingProxy(policy, app, realized.pieces));
  const { changed } = buildPaths(daemon, policy, realized, true);
  moveTo(daemon, policy);
  await pause();
  listen(daemon, policy);
  await keepApart(daemon);
  const refused = await load(daemon, policy);
  if (refused !== null) return refused;
  await keepFilling(daemon, policy);
  leaveMask(daemon, policy);
  // Whom we are in the way of, and who in ours, is another question with other numbers.
  const isSame = JSON.stringify(policy.globals) === JSON.stringify(daemon.policy.globals);
  if (!isSame) daemon.neighbours.isDue = true;
  takeIn(daemon, policy);
  keepGuard(daemon);
  forgetExcepted(daemon);
  // A way that changes changes routes, and who was before this agent may have ended half way. To look
  // through all connections takes long: not for nothing.
  const isNew = daemon.standing !== before;
  const isWhole = loadedFor === '' || changed.length > 0 || daemon.refused.size > 0;
  const { failover } = daemon;
  const wrong = isWhole ? await failover.assert() : isNew ? await failover.settle() : null;
  if (isNew) daemon.effects.late?.all('new table');
  if (isFirst) daemon.effects.late?.live();
  if (wrong !== null) daemon.loadedFor = '';
  return wrong;
}

/** What was found at the old preferences and in the old tables has been made anew at the new ones. */
function moveTo({ paths, repair }: Daemon, { globals }: Policy): void {
  paths.globals = globals;
  repair.preference = globals.preference;
  repair.table = globals.table;
}

/** Live flows carry the old bits, which nobody reads any more: they begin anew. Until they have, the
 * old guard, which knows nothing of the new bits, keeps them from leaving. */
function leaveMask({ policy: before, standing, effects }: Daemon, { globals }: Policy): void {
  const { mask } = before.globals;
  if (standing === null || mask === globals.mask) return;
  const slots = before.apps.map(({ slot }) => slot);
  const wrong = cutSlots(effects, mask, slots);
  if (wrong !== null) log('error', wrong);
}

/** Every proxy with the MTU its tunnel gets: the configured one, or what the way there allows. */
export function withMtus(daemon: Daemon, policy: Policy, realized: Realized): Policy {
  const proxies = policy.proxies.map((proxy) => {
    const wan = pathMtu(daemon.paths, proxy.address, realized.links);
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
  daemon: Daemon,
  policy: Policy,
  realized: Realized,
  atOnce: boolean,
): Built {
  const { refused } = daemon;
  if (atOnce) refused.clear();
  const operations = diff(plan(policy, waysOf(daemon.failover.steering)), realized.pieces);
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
    const failed = isBare ? '' : applyOperation(daemon.paths, operation);
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
  noteRefusals(daemon);
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
function noteRefusals(daemon: Daemon): void {
  const { refused, problems } = daemon;
  const said = refusedText(refused);
  if (said === null) problems.delete('paths');
  else problems.set('paths', said);
  const next = nextTry(refused);
  if (next !== null) daemon.happened({ kind: 'refused', milliseconds: next - now() });
}

/**
 * Loads the table of `policy` in one transaction; the first time as a whole, later with what was
 * learned kept. A kernel without nft's queue refuses it whole: then answers are only watched.
 */
async function load(daemon: Daemon, policy: Policy): Promise<string | null> {
  if (policy.apps.length === 0 && daemon.standing === null) return null;
  // To compile and to compare takes a slow router half a second.
  const asked = JSON.stringify([policy, daemon.held !== null, daemon.announced !== null]);
  if (daemon.standing !== null && daemon.loadedFor === asked) return null;
  const refused = await loadEither(daemon, policy);
  daemon.loadedFor = refused === null ? asked : '';
  return refused;
}

/** With answers held where the kernel can. */
async function loadEither(daemon: Daemon, policy: Policy): Promise<string | null> {
  const table = async (of: Policy): Promise<Standing> => {
    const ruleset = compile(of);
    await pause();
    return renderStanding(daemon.announced === null ? withoutAnnouncements(ruleset) : ruleset);
  };
  // Without an ear for held answers they would pass unseen: then they are announced.
  const deaf = policy.globals.hold && daemon.held === null && policy.apps.length > 0;
  if (deaf) {
    daemon.holding = false;
    return loadTable(daemon, await table(watchingOnly(policy)));
  }
  const refused = await loadTable(daemon, await table(policy));
  if (refused === null) daemon.holding = policy.globals.hold;
  if (refused === null || !isHeld(policy)) return refused;
  if ((await loadTable(daemon, await table(watchingOnly(policy)))) !== null) return refused;
  daemon.holding = false;
  lacks(daemon, 'queue', 'the kernel has no nft queue');
  return null;
}

/** Where answers are not held, dnsmasq may put their addresses into the sets before it answers. */
async function keepFilling(daemon: Daemon, policy: Policy): Promise<void> {
  const { filling: before, holding, problems } = daemon;
  const isWanted = !holding && policy.globals.dnsmasq !== false && policy.apps.length > 0;
  if (isWanted) daemon.filling = await fillByDnsmasq(policy);
  else {
    const failed = before?.fills === false ? null : await leaveDnsmasq();
    daemon.filling = { fills: false, why: failed ?? '' };
  }
  const { filling } = daemon;
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
