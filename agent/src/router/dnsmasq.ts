// router/dnsmasq: makes the router's dnsmasq fill the sets where answers cannot be held. Writes the lines of
// ruleset/nftset into the configuration folder (--conf-dir) of each instance and restarts dnsmasq if they
// have changed. Only dnsmasq-full can fill nftables sets.

import { type KernelError, refused } from '../netlink/kernel-error.ts';
import { errorText } from '../os/errno.ts';
import { listNames, readText, removeFile, writeText } from '../os/file.ts';
import { reasonOf, runProgram } from '../os/process.ts';
import type { Policy } from '../policy/policy.ts';
import { nftsetLines } from '../ruleset/nftset.ts';
import { parseUci } from '../syntax/uci.ts';

const DHCP = '/etc/config/dhcp';
/** OpenWrt's init script creates the folder of an instance here: "dnsmasq.d" or "dnsmasq.cfg01411c.d". */
const FOLDERS = '/tmp';
const FOLDER = /^dnsmasq(?:\.\w+)?\.d$/;
const FILE = 'whp.conf';
const SCRIPT = '/etc/init.d/dnsmasq';

/** Whether dnsmasq fills the sets, or why not. */
export type Filling =
  | { readonly fills: true; readonly left: readonly string[] }
  | { readonly fills: false; readonly why: string };

export function filledText(left: readonly string[]): string {
  const rest = left.length === 0 ? '' : `${left.length} patterns (${left[0]} ..) and `;
  return `dnsmasq fills the sets before it answers (nftset); ${rest}answers of other resolvers are only watched`;
}

/** Makes every instance fill the sets of `policy`. */
export async function fillByDnsmasq(policy: Policy): Promise<Filling> {
  const { text, left } = nftsetLines(policy);
  if (text === '') return { fills: false, why: 'no application has a name' };
  const version = await runProgram(['dnsmasq', '--version']);
  if (version.status !== 0) return { fills: false, why: reasonOf(version) };
  if (!/ nftset /.test(version.stdout)) {
    return { fills: false, why: 'dnsmasq cannot fill sets; install dnsmasq-full' };
  }
  const folders = confFolders();
  if (folders.length === 0)
    return { fills: false, why: `dnsmasq has no folder ${FOLDERS}/dnsmasq*.d` };
  const failed = await put(folders, text);
  return failed === null ? { fills: true, left } : { fills: false, why: errorText(failed) };
}

/** Removes the lines again. Returns the error, or null. */
export function leaveDnsmasq(): Promise<KernelError | null> {
  return put(confFolders(), '');
}

/**
 * Writes `text` ('': removes the file) where it differs, and restarts dnsmasq, which reads it at its start.
 */
async function put(folders: readonly string[], text: string): Promise<KernelError | null> {
  let isNew = false;
  for (const folder of folders) {
    const path = `${folder}/${FILE}`;
    const before = readText(path);
    if ((before.ok ? before.text : '') === text) continue;
    isNew = true;
    if (text === '') removeFile(path);
    else {
      const errno = writeText(path, text, false);
      if (errno !== 0) return refused('write', path, errno);
    }
  }
  if (!isNew) return null;
  const ended = await runProgram([SCRIPT, 'restart']);
  if (ended.status === 0) return null;
  return { operation: 'restart', object: SCRIPT, errno: 0, detail: reasonOf(ended) };
}

/** Folders of started instances, and those of option confdir. */
function confFolders(): string[] {
  const read = listNames(FOLDERS);
  const own = read.ok ? read.names.filter((name) => FOLDER.test(name)) : [];
  const folders = [...own.map((name) => `${FOLDERS}/${name}`), ...namedFolders()];
  return Array.from(new Set(folders)).filter((folder) => listNames(folder).ok);
}

function namedFolders(): string[] {
  const read = readText(DHCP);
  const uci = read.ok ? parseUci(read.text, DHCP) : null;
  if (!uci?.ok) return [];
  return uci.value.sections
    .filter(({ type }) => type === 'dnsmasq')
    .flatMap(({ values }) => values.filter(({ name }) => name === 'confdir').slice(-1))
    .map(({ value }) => value.split(',')[0]!)
    .filter((folder) => folder.startsWith('/'));
}
