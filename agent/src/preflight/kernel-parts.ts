// preflight/kernel-parts: checks the kernel parts that packages provide, as far as the configuration needs
// them. Pure.

import { type KernelPart, packageOf, weakerWithout } from '../policy/missing-parts.ts';
import type { Policy } from '../policy/policy.ts';
import type { Problem } from '../syntax/result.ts';
import { familyIn } from '../wire/address.ts';
import type { Look } from './look.ts';
import type { LookedAt, RouterSeen } from './seen.ts';

export function partsLook({ policy }: LookedAt, { lacking, installer }: RouterSeen): Look {
  const subject = 'kernel modules';
  // A running agent reports a missing part when it needs it, and does not probe repeatedly.
  if (lacking === null)
    return { subject, seen: 'not asked for now; whp check asks', problems: [], notes: [] };
  const needed = partsNeeded(policy);
  const missing = needed.filter((part) => lacking.has(part));
  const problems: Problem[] = missing.map((part) => ({
    where: packageOf(part),
    what: weakerWithout(part, lacking.get(part)!, installer),
  }));
  const there = needed.filter((part) => !lacking.has(part)).map(packageOf);
  const seen = [
    `${there.join(', ') || 'none needed'}${there.length > 0 ? ' there' : ''}`,
    ...missing.map((part) => `${packageOf(part)} MISSING`),
  ];
  return { subject, seen: seen.join(', '), problems, notes: [] };
}

/** The kernel parts that `policy` uses. */
export function partsNeeded(policy: Policy): KernelPart[] {
  return policy.apps.length === 0 ? [] : partsWanted(policy);
}

/** Those that it will use once an app is enabled. */
export function partsWanted(policy: Policy): KernelPart[] {
  const { globals, resolverBypass } = policy;
  const holds = globals.hold || resolverBypass?.hello === 'hold';
  return [
    ...tunnelParts(policy),
    ...(holds ? (['queue'] as const) : []),
    'announce',
    'connections',
  ];
}

/** Those that make the tunnels. */
export function tunnelParts({ proxies }: Pick<Policy, 'proxies'>): KernelPart[] {
  const isSix = ({ address }: { address: string }): boolean => familyIn(address) === 6;
  return [
    ...(proxies.some((one) => !isSix(one)) ? (['gre'] as const) : []),
    ...(proxies.some(isSix) ? (['gre6'] as const) : []),
  ];
}
