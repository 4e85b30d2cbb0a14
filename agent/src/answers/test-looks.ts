// answers/test-looks: the looks of preflight/ at the router as lines of `whp test`. Pure.
import { packageOf, weakerWithout } from '../policy/missing-parts.ts';
import type { Policy } from '../policy/policy.ts';
import { partsWanted, tunnelParts } from '../preflight/kernel-parts.ts';
import type { Look } from '../preflight/look.ts';
import { masqueradeOf } from '../preflight/masquerade.ts';
import type { RouterSeen } from '../preflight/seen.ts';
import { problemText } from '../syntax/result.ts';
import type { UciPackage } from '../syntax/uci.ts';
import { line, split, type TestLine } from './test.ts';

/** Said also where nothing is wrong with them. */
const ALWAYS = ['lan devices', 'firewall', 'collisions', 'resolvers', 'flow offload'];
/** These have lines of their own. */
const ELSEWHERE = ['agent', 'packets from home', 'kernel modules'];

export function lookLines({ subject, seen, problems, notes }: Look): TestLine[] {
  if (ELSEWHERE.includes(subject)) return [];
  const some = [
    ...problems.map((one) => split(subject, 'wrong', problemText(one))),
    ...notes.map((one) => split(subject, 'note', problemText(one))),
  ];
  if (some.length > 0 || !ALWAYS.includes(subject)) return some;
  return [line(subject, 'ok', seen.split('; ')[0]!)];
}

/** `answered`: a tunnel did, so what makes them is there. */
export function partLines(
  policy: Policy,
  { lacking, installer }: Pick<RouterSeen, 'lacking' | 'installer'>,
  answered: boolean,
): TestLine[] {
  const subject = 'kernel modules';
  const parts = partsWanted(policy);
  const seen = answered ? tunnelParts(policy) : [];
  const missing = parts.flatMap((part) => {
    const why = seen.includes(part) ? undefined : lacking?.get(part);
    return why === undefined ? [] : [{ part, why }];
  });
  if (missing.length === 0) return [line(subject, 'ok', parts.map(packageOf).join(', '))];
  return missing.map(({ part, why }) => {
    return split(subject, 'wrong', weakerWithout(part, why, installer));
  });
}

/** Of each tunnel. `firewall`: its configuration; null: it cannot be read. */
export function masqueradeLines(
  firewall: UciPackage | null,
  devices: readonly string[],
): TestLine[] {
  if (firewall !== null) return devices.map((device) => masqueradeLine(firewall, device));
  return [line('masquerade', 'note', 'not looked at: /etc/config/firewall cannot be read')];
}

function masqueradeLine(firewall: UciPackage, device: string): TestLine {
  const subject = 'masquerade';
  const zone = masqueradeOf(firewall, device);
  if (zone === null) {
    const fix = '/usr/share/whp/firewall.sh install; fw4 reload';
    return line(subject, 'wrong', `no zone of the firewall holds ${device}`, fix);
  }
  if (zone.isOn) {
    const wan = ': your zone wan, so its rules and port forwards hold for the tunnel too';
    return line(subject, 'ok', `${zone.path}, for ${device}${zone.isWan ? wan : ''}`);
  }
  const text = `${zone.path} leaves the addresses of devices: the proxy drops the packets`;
  const fix = `uci set ${zone.path}.masq='1'; uci commit firewall; fw4 reload`;
  return line(subject, 'wrong', text, fix);
}
