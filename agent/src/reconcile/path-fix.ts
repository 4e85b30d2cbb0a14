// reconcile/path-fix: why the kernel refuses a link, address, route or rule, for the refusals that an owner can meet,
// and the command that ends it. The words of the C library do not say whose object is in the way. Pure.

import {
  isAccessDenied,
  isDown,
  isExisting,
  isNoFamily,
  isNoMemory,
  isNotPermitted,
  isNotSupported,
  type KernelError,
} from '../netlink/kernel-error.ts';
import { familyIn } from '../wire/address.ts';
import type { GreLink, PathPiece } from './desired.ts';

type Errno = Pick<KernelError, 'errno'>;

/** "WORDS; COMMANDS", or the words alone where no command ends it; null: nothing is known of this refusal. `devices`:
 * the names of the existing devices. */
export function pathFix(
  error: Errno,
  piece: PathPiece,
  devices: ReadonlySet<string>,
): string | null {
  // Addresses and routes are replaced, and a rule of another program has another protocol.
  if (isExisting(error) && piece.kind === 'link')
    return devices.has(piece.name) ? nameTaken(piece) : endsTaken(piece);
  if (isNotPermitted(error))
    return 'the agent has no right to it (capability net_admin); /etc/init.d/whp restart';
  if (isNoMemory(error)) return 'the router has no memory left for it; free';
  if (isDown(error) && piece.kind === 'route' && piece.link !== null)
    return `${piece.link} is down; ip link set dev ${piece.link} up; whp reload`;
  if (isSix(piece)) return withoutSix(error);
  return isNoFamily(error) && piece.kind === 'rule' ? 'this kernel has no ip rules' : null;
}

function nameTaken({ name }: GreLink): string {
  return `another device has the name ${name} (ip link show dev ${name}); ip link delete ${name}; whp reload`;
}

function endsTaken({ remote }: GreLink): string {
  return `another GRE device leads to ${remote} with the same key: delete it (ip link delete NAME), or choose another key here and on the server; ip link show`;
}

function isSix(piece: PathPiece): boolean {
  if (piece.kind === 'link') return false;
  return piece.kind === 'address' ? familyIn(piece.address) === 6 : piece.family === 6;
}

function withoutSix(error: Errno): string | null {
  if (isNoFamily(error) || isNotSupported(error)) return 'this kernel has no IPv6';
  // The kernel's answer where disable_ipv6 is set for the device.
  return isAccessDenied(error)
    ? 'IPv6 is switched off on this router; sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0; whp reload'
    : null;
}
