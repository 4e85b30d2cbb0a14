// control/answer-why: what speaks for an address or a flow, and what the owner has said against it.
// Pure: state and kernel's sets in, reasons out. Before: serve. After: text, JSON.
import { type FlowEvidence, findEvidence } from '../learn/evidence.ts';
import type { PortSpan } from '../policy/profile.ts';
import { findBlock } from '../policy/range-match.ts';
import type { State } from '../state.ts';
import { canonicalAddress, familyOf, parseAddress } from '../wire/address.ts';
import { flowText } from '../wire/flow-text.ts';
import { type KernelView, learnedAnswer, seconds } from './answers.ts';

export interface WhyAnswer {
  readonly query: string;
  readonly verdict: string;
  readonly reasons: readonly string[];
}

/** Why an address or a flow is proxied, from every source there is. `query` is an address, or a
 * flow as `whp flows` prints it. */
export function whyAnswer(state: State, kernel: KernelView, query: string, now: number): WhyAnswer {
  const text = query.replace(/\s+>?\s*/g, ' ').trim();
  const flow = /^(udp|tcp) (\S+) (\S+)$/.exec(text);
  const wanted = flow === null ? text : `${flow[1]} ${flow[2]} > ${flow[3]}`;
  const address = flow === null ? canonicalAddress(text) : canonicalAddress(hostOf(flow[3]!));
  if (address === null) {
    const help = 'neither an address nor a flow such as udp 192.168.1.11:13021 198.51.100.7:443';
    return { query, verdict: help, reasons: [] };
  }
  const reasons = [
    ...findEvidence(state.evidence, flow === null ? address : wanted).map((one) => said(one, now)),
    ...standing(state, kernel, address, now),
  ];
  const against = ownersWord(state, address);
  const speaking = new Set(reasons.map((text) => text.split(':')[0]!));
  const isKept = [...speaking].every((app) => against.some((one) => one.app === app && one.whole));
  const verdict =
    reasons.length === 0
      ? 'direct: no profile range, name, port or peer speaks for it'
      : isKept
        ? "direct by the owner's choice, but for flows that began before it"
        : 'proxied';
  return { query: wanted, verdict, reasons: [...reasons, ...against.map(({ text }) => text)] };
}

interface OwnersWord {
  readonly app: string;
  readonly text: string;
  /** It is about every port. */
  readonly whole: boolean;
}

/** Why apps leave new flows to `address` alone, whatever speaks for them. */
function ownersWord(state: State, address: string): OwnersWord[] {
  const bytes = parseAddress(address)!;
  const at = { bytes, offset: 0, family: familyOf(bytes) };
  return state.policy.apps.flatMap(({ name: app, direct, except }) => {
    const words: OwnersWord[] = (except ?? [])
      .filter((one) => findBlock(one, at) !== null)
      .map(({ source, ports, protocols }) => {
        const whole = protocols.length === 2 && JSON.stringify(ports) === '[[0,65535]]';
        const which = whole ? '' : `, ${portsText(protocols, ports)}`;
        return { app, text: `${app}: kept direct by ${source}${which}`, whole };
      });
    if (direct !== undefined) {
      words.push({ app, text: `${app}: new flows are direct for now (${direct})`, whole: true });
    }
    return words;
  });
}

function portsText(protocols: readonly string[], ports: readonly PortSpan[]): string {
  const spans = ports.map((span) => (typeof span === 'number' ? span : span.join('-')));
  return `${protocols.join(' and ')} ports ${spans.join(', ')}`;
}

function hostOf(end: string): string {
  return /^\[(.+)\]:\d+$/.exec(end)?.[1] ?? end.replace(/:\d+$/, '');
}

function said(one: FlowEvidence, now: number): string {
  const ago = seconds(now - one.last);
  return `${one.app}: ${flowText(one.flow)}: ${one.kind}: ${one.detail} (${ago} s ago)`;
}

/** What would speak for a new flow to `address` now. */
function standing(state: State, kernel: KernelView, address: string, now: number): string[] {
  const bytes = parseAddress(address)!;
  const learned = learnedAnswer(state, kernel, now, Number.POSITIVE_INFINITY, bytes);
  const at = { bytes, offset: 0, family: familyOf(bytes) };
  const reasons: string[] = [];
  for (const { name, profile, pins } of state.policy.apps) {
    const ranges = pins === undefined ? profile.ranges : [...profile.ranges, pins];
    for (const range of ranges.filter((one) => findBlock(one, at) !== null)) {
      const where = portsText(range.protocols, range.ports);
      // What the owner states has no date.
      reasons.push(
        range.date === ''
          ? `${name}: ${range.source}, ${where}`
          : `${name}: ${range.role} range of the profile, ${where} (${range.source}, ${range.date})`,
      );
    }
  }
  for (const one of learned.endpoints.filter((endpoint) => endpoint.address === address)) {
    reasons.push(`${one.app}: ${one.device} resolved ${one.name} to it; ${one.seconds} s left`);
  }
  for (const one of learned.peers.filter(({ peer }) => peer === address)) {
    reasons.push(`${one.app}: a peer of ${one.device}; ${one.seconds} s left`);
  }
  for (const one of learned.named.filter(({ peer }) => peer === address)) {
    reasons.push(`${one.app}: ${one.device} named it in a TLS hello; ${one.seconds} s left`);
  }
  for (const one of learned.ports.filter(({ device }) => device === address)) {
    reasons.push(
      `${one.app}: ${one.protocol} port ${one.port} of this device is the application's; ${one.seconds} s left`,
    );
  }
  return reasons;
}
