// router/installer: which program installs packages on this router, for the commands of a fix: apk from OpenWrt
// 25.12 on, opkg before.
import { stampOf } from '../os/file.ts';
import { type Installer, type KernelPart, weakerWithout } from '../policy/missing-parts.ts';

const FOLDERS = ['/bin', '/sbin', '/usr/bin', '/usr/sbin'];

export function readInstaller(): Installer {
  const has = (name: string): boolean => FOLDERS.some((one) => stampOf(`${one}/${name}`) !== '-');
  return (['apk', 'opkg'] as const).find(has) ?? null;
}

/** weakerWithout for this router. */
export function weakerHere(part: KernelPart, why: string): string {
  return weakerWithout(part, why, readInstaller());
}
