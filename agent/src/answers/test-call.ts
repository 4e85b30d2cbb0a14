// answers/test-call: the last lines of `whp test`: for each app, by which address a call made now would leave. Pure.
import type { App, Policy } from '../policy/policy.ts';
import type { Host } from '../syntax/dhcp-hosts.ts';
import { isRoutableText } from '../wire/address.ts';
import type { StatusAnswer } from './status.ts';
import { line, START, split, type TestLine } from './test.ts';

export interface CallSeen {
  readonly policy: Policy;
  /** null: no agent answers. */
  readonly status: Pick<StatusAnswer, 'apps' | 'dns_answers'> | null;
  readonly hosts: readonly Host[];
  /** The router's own address towards the proxies. */
  readonly own: string | null;
  /** Proxies that answered the probes, with the address behind which they send. */
  readonly exits: ReadonlyMap<string, string>;
  /** Subjects of the lines that were wrong. */
  readonly wrong: readonly string[];
  /** Why no app is enabled, with the fix. */
  readonly nothing: string;
}

export function callLines(seen: CallSeen): TestLine[] {
  const { policy, exits, nothing, own } = seen;
  if (policy.apps.length > 0) return policy.apps.map((app) => callLine(app, seen));
  const [exit] = exits.values();
  const works = exit === undefined ? '' : `, though the tunnel to ${exit} works`;
  const why = nothing.replace(/^valid, but /, '');
  return [split('call', 'wrong', `a call would leave by ${ownText(own)}${works}: ${why}`)];
}

/** By the agent's word alone, while the file on disk cannot be read. `status` null: no agent answers. */
export function unreadLines(status: Pick<StatusAnswer, 'apps'> | null): TestLine[] {
  return (status?.apps ?? []).map(({ app, new_connections: { state, proxy, reason, partly } }) => {
    const part = partly ? `, but not all of them: ${reason}` : '';
    const ways = {
      proxied: `would go into the tunnel ${proxy}, which was not tried${part}`,
      refused: `would be REFUSED: ${reason}`,
      direct: `would leave by your own address, DIRECT: ${reason}`,
    };
    const text = `a call ${ways[state]}; the last good configuration is in force`;
    return line(
      `call ${app}`,
      state === 'proxied' && !partly ? 'note' : 'wrong',
      text,
      'whp check',
    );
  });
}

/** "your own address 198.51.100.10" */
function ownText(own: string | null): string {
  return `your own address${own !== null && isRoutableText(own) ? ` ${own}` : ''}`;
}

function callLine(app: App, { status, hosts, own, exits, wrong }: CallSeen): TestLine {
  const subject = `call ${app.name}`;
  const call = `a call from ${deviceOf(app, hosts)}`;
  if (status === null) {
    const text = `${call} may leave by ${ownText(own)}: no agent runs`;
    return line(subject, 'wrong', text, START);
  }
  const now = status.apps.find((one) => one.app === app.name)?.new_connections;
  const bad = (text: string, fix: string | null = 'whp status'): TestLine =>
    line(subject, 'wrong', `${call} ${text}`, fix ?? 'whp status');
  if (now === undefined)
    return bad('is not judged: the agent has not loaded the app', 'whp reload');
  if (now.state === 'refused') return bad(`would be REFUSED: ${now.reason}`, now.fix);
  if (now.state === 'direct')
    return bad(`would leave by ${ownText(own)}, DIRECT: ${now.reason}`, now.fix);
  const exit = exits.get(now.proxy ?? '');
  if (exit === undefined)
    return bad(`would go into the tunnel ${now.proxy}, which does not answer`);
  const isLate = LATE.includes(status.dns_answers);
  const first = isLate ? ', but by a first packet: DNS answers are not held' : '';
  const kept = `would leave by ${exit}; ${ownText(own)} would not be seen${first}`;
  if (now.partly) return bad(`${kept}, but not all of them: ${now.reason}`, now.fix);
  if (wrong.length === 0) return line(subject, isLate ? 'note' : 'ok', `${call} ${kept}`);
  return bad(`${kept}, if not for: ${wrong.join(', ')}`);
}

/** An address is learned after the device has it. */
const LATE: readonly StatusAnswer['dns_answers'][] = ['watched', 'unseen'];

/** A device that the app applies to, by its name. */
function deviceOf({ devices, macs }: App, hosts: readonly Host[]): string {
  const applies = ({ mac, address }: Host): boolean =>
    (macs === undefined && devices.length === 0) ||
    macs?.includes(mac) === true ||
    (address !== null && devices.includes(address));
  return hosts.find((host) => host.name !== null && applies(host))?.name ?? 'a device at home';
}
