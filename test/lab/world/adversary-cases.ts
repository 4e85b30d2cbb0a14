// The adversary's cases by name, as adversary.ts plays them; who plays which is in adversary-list.ts.
import type { Attack } from './attack.ts';
import { leaseAttacks } from './attacks-on-leases.ts';
import { nameAttacks } from './attacks-on-names.ts';
import { portAttacks } from './attacks-on-ports.ts';
import { trustAttacks } from './attacks-on-trust.ts';

export const attacks: Readonly<Record<string, Attack>> = {
  ...nameAttacks,
  ...leaseAttacks,
  ...portAttacks,
  ...trustAttacks,
};
