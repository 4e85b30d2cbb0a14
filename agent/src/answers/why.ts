// answers/why: the answer of `whp why`: what happens to a new flow to an address or name, or to a given flow, and
// why; or what is known of a device of this home. Pure: state, the kernel's sets and the present conditions are
// arguments.

import { findEvidence } from '../learn/evidence.ts';
import { slotOf } from '../policy/marks.ts';
import { nameProblem } from '../profile/name-pattern.ts';
import { setName } from '../ruleset/names.ts';
import type { State } from '../step/state.ts';
import { type Checked, invalid, ok } from '../syntax/result.ts';
import { canonicalAddress, familyOf, isRoutableText, parseAddress } from '../wire/address.ts';
import { type FlowEnds, flowText } from '../wire/flow-text.ts';
import { appOfSlot, type KernelView } from './flows.ts';
import { type FlowTarget, type FoundGround, groundsOf, learnedOfDevice } from './grounds.ts';
import { whyDevice } from './home.ts';
import { byWhich, newFlows, openWay, wayOf } from './now.ts';
import { strayOf } from './stops.ts';
import { chainOf } from './why-chain.ts';
import { whyName } from './why-name.ts';
import {
  NO_APP,
  olderFlows,
  type Surroundings,
  said,
  sentence,
  type WhyAnswer,
} from './why-parts.ts';

/** Explains `query`: an address, a flow as printed by `whp flows`, a host name, or a device's DHCP name;
 * or tells why it cannot be answered. */
export function whyAnswer(
  state: State,
  kernel: KernelView,
  query: string,
  around: Surroundings,
): Checked<WhyAnswer> {
  const text = query.replace(/\s+>?\s*/g, ' ').trim();
  const flow = /^([a-z0-9]+) (\S+) (\S+)$/.exec(text);
  if (flow !== null) {
    const [whole, protocol = '', from = '', to = ''] = flow;
    return whyFlow(state, kernel, { whole, protocol, from, to }, around);
  }
  const address = canonicalAddress(text);
  if (address !== null) return whyAddress(state, kernel, address, around);
  const device = around.names.named(text);
  if (device !== null) return ok(whyDevice(state, kernel, device, around, text));
  const name = text.toLowerCase().replace(/\.$/, '');
  const wrong = nameProblem(name, 'question');
  if (wrong === null) return ok(whyName(state, kernel, name, around));
  const section = ofSection(text, state.policy);
  if (section !== null) return invalid(section);
  return invalid(/[./]/.test(text) && !text.includes(' ') ? wrong : notUnderstood(text));
}

function notUnderstood(text: string): string {
  return `"${text}" is no address, no flow such as udp 192.168.1.11:13021 198.51.100.7:443, no host name such as api.skype.com and no device that DHCP knows; whp devices`;
}

/** A name of the configuration that has an answer of its own; null: it is none. */
function ofSection(text: string, { apps, proxies }: State['policy']): string | null {
  if (apps.some(({ name }) => name === text))
    return `"${text}" is an app, and why is about an address, a flow, a name or a device; whp status`;
  if (proxies.some(({ name }) => name === text))
    return `"${text}" is a proxy, and why is about an address, a flow, a name or a device; whp proxy list`;
  return null;
}

interface FlowWords {
  readonly whole: string;
  readonly protocol: string;
  readonly from: string;
  readonly to: string;
}

interface End {
  readonly address: string;
  readonly port: number;
}

/** Parses "192.168.1.11:443", "[2001:db8::1]:443" or an address alone (port 0); null: none of these. */
function endOf(text: string): End | null {
  const match = /^(?:\[(.+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const address = canonicalAddress(match?.[1] ?? match?.[2] ?? text);
  const port = Number(match?.[3] ?? 0);
  return address === null || port > 65535 ? null : { address, port };
}

function whyFlow(
  state: State,
  kernel: KernelView,
  { whole, protocol, from, to }: FlowWords,
  around: Surroundings,
): Checked<WhyAnswer> {
  const source = endOf(from);
  const target = endOf(to);
  const hasPorts = protocol === 'udp' || protocol === 'tcp';
  if (source === null || target === null) return invalid(notUnderstood(whole));
  if (hasPorts && (source.port === 0 || target.port === 0)) {
    const example = 'udp 192.168.1.11:13021 198.51.100.7:443';
    return invalid(`"${whole}": a ${protocol} flow has a port at both ends, as in ${example}`);
  }
  const ends = {
    protocol,
    source: source.address,
    sourcePort: source.port,
    destination: target.address,
    destinationPort: target.port,
  };
  const query = flowText(ends);
  const isInbound = around.isHome(target.address) && isRoutableText(source.address);
  const device = around.names.nameOf(isInbound ? target.address : source.address);
  const heard = findEvidence(state.evidence, query).flatMap((one) => chainOf(state, one, around));
  const live = liveFlow(state, kernel, query, around);
  if (live !== null) return ok({ query, ...live, device, reasons: heard });
  const judged = isInbound
    ? judgeInbound(state, kernel, ends, around)
    : judge(state, kernel, { ...target, ...(hasPorts ? { protocol } : {}), source }, around);
  return ok({ query, ...judged, device, reasons: [...judged.reasons, ...heard] });
}

/** What happens to a flow in the kernel's list with an app's mark; null: it is not in the list. */
function liveFlow(
  state: State,
  kernel: KernelView,
  text: string,
  around: Surroundings,
): Verdict | null {
  const listed = kernel.connections();
  const entry = listed.ok ? listed.value.find((one) => flowText(one.original) === text) : undefined;
  const app =
    entry === undefined ? null : appOfSlot(state, slotOf(state.policy.globals.mask, entry.mark));
  if (entry === undefined || app === null) return null;
  const { source } = entry.original;
  const had = wayOf(byWhich(entry, app, state.policy.proxies, around));
  const { reason, ...way } = openWay(had, app.name, source, around);
  const what = `a flow of ${app.name} that is open now`;
  const because = reason === undefined ? '' : `: ${reason}`;
  const verdict = {
    direct: `DIRECT: ${what}, beside the tunnels${because}`,
    refused: `REFUSED: ${what}${because}`,
    proxied: `proxied: ${what}, by proxy ${way.proxy}`,
  }[way.state];
  return { ...way, app: app.name, verdict };
}

function whyAddress(
  state: State,
  kernel: KernelView,
  address: string,
  around: Surroundings,
): Checked<WhyAnswer> {
  const first = parseAddress(address)!;
  if (
    address === '::' ||
    address === '::1' ||
    first[0] === 127 ||
    (first.length === 4 && first[0] === 0)
  ) {
    const fix = 'give the address of a server or of a device';
    return invalid(`no packet that passes the router goes to ${address}; ${fix}`);
  }
  if (around.own.includes(address)) {
    const verdict = "the router's own address: packets to it never take a tunnel";
    return ok({ ...NOWHERE, query: address, state: 'home', verdict, reasons: [] });
  }
  const heard = findEvidence(state.evidence, address).sort((a, b) => a.first - b.first);
  const isStray = !isRoutableText(address) && strayOf(around, address) !== null;
  const isDevice =
    isStray || around.isHome(address) || heard.some(({ device }) => device === address);
  if (isDevice || around.hosts.some((one) => one.address === address)) {
    const name = around.names.nameOf(address);
    const mac = around.names.macOf(address);
    const device = { name, macs: mac === null ? [] : [mac], addresses: [address] };
    return ok(whyDevice(state, kernel, device, around, address));
  }
  const judged = judge(state, kernel, { address }, around);
  const flows = heard.map((one) => said(one, around.now));
  return ok({ query: address, ...judged, device: null, reasons: [...judged.reasons, ...flows] });
}

type Verdict = Pick<WhyAnswer, 'state' | 'app' | 'proxy' | 'verdict'>;
type Judged = Verdict & Pick<WhyAnswer, 'reasons'>;

const NOWHERE = { app: null, proxy: null, device: null };

/** What happens to a new flow to `target`: it belongs to the first app with a ground for it. */
function judge(state: State, kernel: KernelView, target: FlowTarget, around: Surroundings): Judged {
  const { address } = target;
  const proxy = state.policy.proxies.find((one) => one.address === address);
  if (proxy !== undefined) {
    return direct(`the address of proxy ${proxy.name} itself, which never takes a tunnel`);
  }
  if (!isRoutableText(address)) {
    return direct('no address of the public Internet, which never takes a tunnel');
  }
  if (state.policy.apps.length === 0) return direct(NO_APP);
  const grounds = state.policy.apps.map((app) => groundsOf(app, state, kernel, target, around));
  const reasons = grounds.flatMap((one) => one.flatMap(({ lines }) => lines));
  const speaking = grounds.flatMap((one) =>
    one.filter(({ kind }) => kind === 'for' || kind === 'perhaps'),
  );
  const kept = grounds.flatMap((one) => one.filter(({ kind }) => kind === 'against'));
  // Rules of a paused app do not admit new flows: the next app with a ground gets them.
  const winner = speaking.find(({ app }) => app.direct === undefined) ?? speaking[0];
  if (winner?.kind === 'perhaps') {
    const who = target.source?.address;
    const verdict = `not known: ${winner.app.name} is for its devices alone, and the MAC of ${who} is not known; ping -c 1 ${who}`;
    return { ...NOWHERE, state: 'unknown', app: winner.app.name, verdict, reasons };
  }
  if (winner !== undefined) {
    const family = familyOf(parseAddress(address)!);
    const source = target.source?.address ?? null;
    return { ...verdictOf(winner, { state, kernel, around, family, source }), reasons };
  }
  if (kept.length > 0) {
    const by = kept.map((one) => one.by).join(' and ');
    const verdict = `direct by ${by}; flows that began before it stay where they are`;
    return { ...NOWHERE, state: 'direct', verdict, reasons };
  }
  const unread = unreadable(state, kernel);
  if (unread !== null)
    return { ...NOWHERE, state: 'unknown', verdict: `not known: ${unread}`, reasons };
  const others = grounds.flatMap((one) => one.filter(({ kind }) => kind === 'elsewhere'));
  const names = others.map(({ app }) => app.name).join(' and ');
  const why =
    others.length > 0
      ? `${names} does not apply to ${target.source?.address}`
      : 'no profile range, name, port or peer speaks for it';
  return { ...direct(why), reasons };
}

/** The error of reading the learned sets, or null. */
function unreadable({ policy }: State, kernel: KernelView): string | null {
  for (const { name } of policy.apps) {
    const found = kernel.readSet(setName(name, 'peer', 4), 1);
    if (!found.ok) return found.what;
  }
  return null;
}

/** What happens to a new flow from the Internet to a device, admitted by a port forward. */
function judgeInbound(
  state: State,
  kernel: KernelView,
  { protocol, source, sourcePort, destination, destinationPort }: FlowEnds,
  around: Surroundings,
): Judged {
  for (const app of state.policy.apps) {
    const back = {
      address: source,
      port: sourcePort,
      protocol: String(protocol),
      source: { address: destination, port: destinationPort },
    };
    const found =
      app.direct === undefined
        ? learnedOfDevice(app, kernel, back, [destination], state, around.names)
        : [];
    if (found.length === 0) continue;
    const verdict = `REFUSED: a new flow from outside to a port, or from a peer, that is ${app.name}'s: answers to it would show the home's address`;
    const reasons = found.map(({ line }) => line);
    return { state: 'refused', app: app.name, proxy: null, verdict, reasons };
  }
  return direct('a flow from outside that no app looks at; the firewall decides');
}

function direct(why: string): Judged {
  return { ...NOWHERE, state: 'direct', verdict: `direct: ${why}`, reasons: [] };
}

/** What a verdict is made of. */
interface Told {
  readonly state: State;
  readonly kernel: KernelView;
  readonly around: Surroundings;
  readonly family: 4 | 6;
  /** Address of the device; null: of any. */
  readonly source: string | null;
}

function verdictOf(
  { app, partly, devices }: FoundGround,
  { state, kernel, around, family, source }: Told,
): Verdict {
  const now = newFlows(app, state.policy.proxies, around, family, source);
  const whose = `${app.name}'s${devices === null ? '' : ` for ${devices} alone`}`;
  const what = `it is ${whose}${partly ? ' where the lines below say so' : ''}`;
  const verdict = sentence(now, what, olderFlows(app, state, kernel, around));
  return { state: now.state, app: app.name, proxy: now.proxy, verdict };
}
