// control/answer-why: what a new flow to an address or a name, or a flow, meets now and why; and what
// is known of a device of this home. Pure: state, the kernel's sets and what decides at this moment
// in, verdict and reasons out. Before: serve. After: text, JSON.
import { type FlowEvidence, findEvidence } from '../learn/evidence.ts';
import { matchServer } from '../learn/observe-hello.ts';
import { nameProblem } from '../policy/domain-pattern.ts';
import { type Host, hostName } from '../policy/hosts.ts';
import { slotOf } from '../policy/marks.ts';
import type { App } from '../policy/policy.ts';
import type { State } from '../state.ts';
import { canonicalAddress, familyOf, isRoutableText, parseAddress } from '../wire/address.ts';
import { flowText } from '../wire/flow-text.ts';
import { type Ground, groundsOf, type Target } from './answer-grounds.ts';
import { byText, byWhich, type NowAnswer, newFlows, type Present } from './answer-now.ts';
import { appOfSlot, type KernelView, learnedAnswer, seconds } from './answers.ts';
import { appliesTo } from './devices.ts';

export interface WhyAnswer {
  readonly query: string;
  /** What a packet meets now; "home": the address is one of this home. */
  readonly state: NowAnswer['state'] | 'home';
  /** The same in words. */
  readonly verdict: string;
  readonly reasons: readonly string[];
}

/** What is known of the home beside the policy. */
export interface Surroundings extends Present {
  readonly hosts: readonly Host[];
  /** Addresses of the router's own devices. */
  readonly own: readonly string[];
  /** Whether the address is in a network of a lan device. */
  isHome(address: string): boolean;
  /** Of a device's address, by DHCP or by the neighbour table; null: not known. */
  macOf(address: string): string | null;
}

/** `query` is an address, a flow as `whp flows` prints it, a host name, or a device's name in DHCP. A
 * string says what is wrong with it. */
export function whyAnswer(
  state: State,
  kernel: KernelView,
  query: string,
  around: Surroundings,
): WhyAnswer | string {
  const text = query.replace(/\s+>?\s*/g, ' ').trim();
  const flow = /^([a-z0-9]+) (\S+) (\S+)$/.exec(text);
  if (flow !== null) {
    const [whole, protocol = '', from = '', to = ''] = flow;
    return whyFlow(state, kernel, { whole, protocol, from, to }, around);
  }
  const address = canonicalAddress(text);
  if (address !== null) return whyAddress(state, kernel, address, around);
  const device = deviceNamed(text, around.hosts);
  if (device !== null) return whyDevice(state, kernel, device, around, text);
  const name = text.toLowerCase().replace(/\.$/, '');
  const wrong = nameProblem(name, 'question');
  if (wrong === null) return whyName(state, name, around);
  return /[./]/.test(text) && !text.includes(' ') ? wrong : notUnderstood(text);
}

function notUnderstood(text: string): string {
  return `"${text}" is no address, no flow such as udp 192.168.1.11:13021 198.51.100.7:443, no host name such as api.skype.com and no device that DHCP knows`;
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

/** "192.168.1.11:443", "[2001:db8::1]:443", or an address alone. */
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
): WhyAnswer | string {
  const source = endOf(from);
  const target = endOf(to);
  const hasPorts = protocol === 'udp' || protocol === 'tcp';
  if (source === null || target === null) return notUnderstood(whole);
  if (hasPorts && (source.port === 0 || target.port === 0)) {
    return `"${whole}": a ${protocol} flow has a port at both ends, as in udp 192.168.1.11:13021 198.51.100.7:443`;
  }
  const ends = {
    protocol,
    source: source.address,
    sourcePort: source.port,
    destination: target.address,
    destinationPort: target.port,
  };
  const query = flowText(ends);
  const heard = findEvidence(state.evidence, query).map((one) => said(one, around.now));
  const live = liveFlow(state, kernel, query, around);
  if (live !== null) return { query, ...live, reasons: heard };
  const judged = judge(
    state,
    kernel,
    { ...target, ...(hasPorts ? { protocol } : {}), source },
    around,
  );
  return { query, ...judged, reasons: [...judged.reasons, ...heard] };
}

/** What the kernel does with a flow that it lists as an app's. */
function liveFlow(
  state: State,
  kernel: KernelView,
  text: string,
  around: Surroundings,
): Pick<WhyAnswer, 'state' | 'verdict'> | null {
  const listed = kernel.connections();
  const entry =
    typeof listed === 'string' ? undefined : listed.find((one) => flowText(one.original) === text);
  const app =
    entry === undefined ? null : appOfSlot(state, slotOf(state.policy.globals.mask, entry.mark));
  if (entry === undefined || app === null) return null;
  const by = byWhich(entry, app, state.policy.proxies, around);
  const what = `a flow of ${app.name} that is open now`;
  if (by === 'direct') return { state: 'direct', verdict: `DIRECT: ${what}, beside the tunnels` };
  if (by === 'none') return { state: 'refused', verdict: `REFUSED: ${what}` };
  return { state: 'proxied', verdict: `proxied: ${what}, by proxy ${byText(by)}` };
}

function whyAddress(
  state: State,
  kernel: KernelView,
  address: string,
  around: Surroundings,
): WhyAnswer | string {
  const first = parseAddress(address)!;
  if (
    address === '::' ||
    address === '::1' ||
    first[0] === 127 ||
    (first.length === 4 && first[0] === 0)
  ) {
    return `no packet that passes the router goes to ${address}; give the address of a server or of a device`;
  }
  if (around.own.includes(address)) {
    const verdict = "the router's own address: packets to it never take a tunnel";
    return { query: address, state: 'home', verdict, reasons: [] };
  }
  const heard = findEvidence(state.evidence, address);
  const isDevice = around.isHome(address) || heard.some(({ device }) => device === address);
  if (isDevice || around.hosts.some((one) => one.address === address)) {
    const name = around.hosts.find((one) => one.address === address)?.name ?? null;
    return whyDevice(state, kernel, { name, addresses: [address] }, around, address);
  }
  const judged = judge(state, kernel, { address }, around);
  const flows = heard.map((one) => said(one, around.now));
  return { query: address, ...judged, reasons: [...judged.reasons, ...flows] };
}

type Judged = Pick<WhyAnswer, 'state' | 'verdict' | 'reasons'>;

/** What a new flow to `target` meets: the first app whose evidence holds has it. */
function judge(state: State, kernel: KernelView, target: Target, around: Surroundings): Judged {
  const { address } = target;
  const proxy = state.policy.proxies.find((one) => one.address === address);
  if (proxy !== undefined) {
    return direct(`the address of proxy ${proxy.name} itself, which never takes a tunnel`);
  }
  if (!isRoutableText(address)) {
    return direct('no address of the public Internet, which never takes a tunnel');
  }
  const grounds = state.policy.apps.map((app) => groundsOf(app, state, kernel, target, around));
  const reasons = grounds.flatMap((one) => one.flatMap(({ lines }) => lines));
  const speaking = grounds.flatMap((one) => one.filter(({ kind }) => kind === 'for'));
  const kept = grounds.flatMap((one) => one.filter(({ kind }) => kind === 'against'));
  // A paused app does not look at new flows: the next one that they may belong to has them.
  const winner = speaking.find(({ app }) => app.direct === undefined) ?? speaking[0];
  if (winner !== undefined) {
    return { ...verdictOf(winner, state, around, familyOf(parseAddress(address)!)), reasons };
  }
  if (kept.length > 0) {
    const verdict = "direct by the owner's choice, but for flows that began before it";
    return { state: 'direct', verdict, reasons };
  }
  const others = grounds.flatMap((one) => one.filter(({ kind }) => kind === 'elsewhere'));
  const names = others.map(({ app }) => app.name).join(' and ');
  const why =
    others.length > 0
      ? `${names} does not apply to ${target.source?.address}`
      : 'no profile range, name, port or peer speaks for it';
  return { ...direct(why), reasons };
}

function direct(why: string): Judged {
  return { state: 'direct', verdict: `direct: ${why}`, reasons: [] };
}

function verdictOf(
  { app, partly }: Pick<Ground, 'app' | 'partly'>,
  { policy }: State,
  around: Surroundings,
  family: 4 | 6,
): Pick<WhyAnswer, 'state' | 'verdict'> {
  const now = newFlows(app, policy.proxies, around, family);
  const whose = partly ? `${app.name}'s where the lines below say so` : `${app.name}'s`;
  return { state: now.state, verdict: sentence(now, `it is ${whose}`, around, app) };
}

function sentence(now: NowAnswer, what: string, around: Surroundings, app: App): string {
  if (now.state === 'proxied') return `proxied: ${what}, by proxy ${now.proxy}`;
  if (now.state === 'refused') return `REFUSED now: ${what}; ${now.reason}`;
  const until = around.paused.get(app.name) ?? null;
  const left =
    until === null || app.direct !== 'paused' ? '' : `, ${seconds(until - around.now)} s more`;
  return `DIRECT now: ${what}; ${now.reason}${left}`;
}

function said(one: FlowEvidence, now: number): string {
  const ago = seconds(now - one.last);
  return `${one.app}: ${flowText(one.flow)}: ${one.kind}: ${one.detail} (${ago} s ago)`;
}

/** A name that DNS answers are learned by. */
function whyName(state: State, name: string, around: Surroundings): WhyAnswer {
  const match = matchServer(state.observer.matcher, name);
  const app = match === null ? undefined : state.apps.get(match.app);
  if (match === null || app === undefined) {
    const verdict = 'direct: no profile and no rule has this name';
    return { query: name, state: 'direct', verdict, reasons: [] };
  }
  const now = newFlows(app, state.policy.proxies, around);
  const entry = match.entry === name ? '' : ` (${match.entry})`;
  const verdict = sentence(now, `a name of ${app.name}${entry}`, around, app);
  const learned = Array.from(state.learned.sets.values())
    .flatMap((set) => Array.from(set.values()))
    .filter((one) => one.app === app.name && one.name === name && one.expires > around.now)
    .map(
      (one) => `${one.address} was learned from it; ${seconds(one.expires - around.now)} s left`,
    );
  const reasons =
    learned.length > 0
      ? learned
      : ['no address is known from it: no device has asked for it lately'];
  return { query: name, state: now.state, verdict, reasons };
}

interface HomeDevice {
  readonly name: string | null;
  readonly addresses: readonly string[];
}

function deviceNamed(text: string, hosts: readonly Host[]): HomeDevice | null {
  const local = text.replace(/\.lan$/, '');
  const name = local.includes('.') ? null : hostName(local);
  const found = name === null ? [] : hosts.filter((one) => one.name === name);
  if (found.length === 0) return null;
  return { name, addresses: [...new Set(found.flatMap(({ address }) => address ?? []))] };
}

/** Which apps apply to a device, and what is known of it. */
function whyDevice(
  state: State,
  kernel: KernelView,
  { name, addresses }: HomeDevice,
  around: Surroundings,
  query: string,
): WhyAnswer {
  const reasons = addresses.flatMap((address) => {
    const { ports, peers } = learnedAnswer(state, kernel, around.now, 100, parseAddress(address));
    return [
      ...ports
        .filter(({ device }) => device === address)
        .map(
          (one) =>
            `${one.app}: ${one.protocol} port ${one.port} of it is the application's; ${one.seconds} s left`,
        ),
      ...peers
        .filter(({ device }) => device === address)
        .map((one) => `${one.app}: ${one.peer} is a peer of it; ${one.seconds} s left`),
      ...findEvidence(state.evidence, address).map((one) => said(one, around.now)),
    ];
  });
  const apps = state.policy.apps.map((app) => applied(app, addresses, state, around));
  const who = name === null || name === query ? 'a device' : `${name}, a device`;
  return {
    query,
    state: 'home',
    verdict: `${who} of this home; ${apps.join('; ') || 'no app is enabled'}`,
    reasons: reasons.length > 0 ? reasons : ["no flow of it was an application's in the last hour"],
  };
}

function applied(
  app: App,
  addresses: readonly string[],
  state: State,
  around: Surroundings,
): string {
  const found = addresses.map((address) => appliesTo(app, address, around.macOf(address)));
  const now = newFlows(app, state.policy.proxies, around);
  const word =
    now.state === 'proxied'
      ? `by proxy ${now.proxy}`
      : `${byText(now.state === 'direct' ? 'direct' : 'none')} now: ${now.reason}`;
  if (found.includes(true)) return `${app.name} applies to it (${word})`;
  if (!found.includes(null)) return `${app.name} does not apply to it`;
  return `whether ${app.name} applies to it is not known: DHCP and the neighbour table have no MAC of it`;
}
