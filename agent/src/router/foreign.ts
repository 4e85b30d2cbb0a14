// router/foreign: reads what preflight judges of other programs: their nftables rules, the mark bits of
// installed programs, and the interfaces of /etc/config/network.

import { readText } from '../os/file.ts';
import { runProgram } from '../os/process.ts';
import type { Found } from '../preflight/collisions.ts';
import { type DnsRedirect, readDnsRedirects } from '../preflight/dns-redirects.ts';
import { type Firewall, readFirewall } from '../preflight/firewall.ts';
import { type MarkUse, markUses } from '../preflight/mark-uses.ts';
import { OWN_TABLES } from '../ruleset/names.ts';
import { type Checked, invalid, ok } from '../syntax/result.ts';
import { parseUci } from '../syntax/uci.ts';

/** Mark bits of a program: the option that sets them, and the default. */
const PROGRAMS = [
  { who: 'mwan3', option: 'mmx_mask', mask: 0x3f00 },
  { who: 'pbr', option: 'fw_mask', mask: 0x00ff0000 },
  { who: 'tailscale', option: '', mask: 0x00ff0000 },
];
/** Limit of a ruleset without set elements. */
const LISTING_BYTES = 4 << 20;

/** The parts of other programs' loaded rules that preflight judges. */
export interface Listing {
  readonly marks: readonly MarkUse[];
  /** Or why it could not be read. */
  readonly firewall: Checked<Firewall>;
  /** null: not read. */
  readonly redirects: readonly DnsRedirect[] | null;
}

export async function readListing(): Promise<Listing> {
  const { status, stdout, stderr, isCut } = await runProgram(['nft', '-t', 'list', 'ruleset'], {
    limit: LISTING_BYTES,
  });
  if (status !== 0)
    return {
      marks: [],
      firewall: invalid(`nft list ruleset: ${stderr.trim() || `status ${status}`}`),
      redirects: null,
    };
  const marks = markUses(stdout, OWN_TABLES);
  const redirects = readDnsRedirects(stdout, OWN_TABLES);
  // In a truncated listing, missing rules would count as absent.
  if (isCut)
    return {
      marks,
      firewall: invalid(`the loaded rules are larger than ${LISTING_BYTES} bytes`),
      redirects: null,
    };
  return { marks, redirects, firewall: ok(readFirewall(stdout, OWN_TABLES)) };
}

const claims = new Map<string, { text: string; claim: Found['claims'][number] }>();

/**
 * The mark bits of installed programs, running or not: a program is installed if it has a configuration file.
 */
export function readClaims(): Found['claims'] {
  return PROGRAMS.flatMap(({ who, option, mask }) => {
    const read = readText(`/etc/config/${who}`);
    if (!read.ok) return [];
    // Some files are long, and every preflight reads them.
    const known = claims.get(who);
    if (known?.text === read.text) return [known.claim];
    const claim = { who, mask: claimedMask(read.text, who, option) ?? mask };
    claims.set(who, { text: read.text, claim });
    return [claim];
  });
}

/** The last value of the mask option, hexadecimal with or without 0x; null: none. */
function claimedMask(text: string, who: string, option: string): number | null {
  const parsed = parseUci(text, who);
  const sections = parsed.ok ? parsed.value.sections : [];
  const values = sections.flatMap((one) => one.values.filter(({ name }) => name === option));
  const digits = /^(?:0x)?([0-9a-f]{1,8})$/i.exec(values.at(-1)?.value ?? '')?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 16);
}

/** Devices by name of netifd's interfaces; empty if the file cannot be read. */
export function readInterfaces(): Map<string, string> {
  const file = '/etc/config/network';
  const read = readText(file);
  const parsed = read.ok ? parseUci(read.text, file) : null;
  const found = new Map<string, string>();
  if (parsed?.ok !== true) return found;
  for (const { type, name, values } of parsed.value.sections) {
    if (type !== 'interface' || name === null) continue;
    const option = (of: string): string | undefined => values.find((one) => one.name === of)?.value;
    // Before 21.02 `option type bridge` created the bridge br-NAME from the devices in ifname.
    const device =
      option('type') === 'bridge' ? `br-${name}` : (option('device') ?? option('ifname'));
    if (device !== undefined) found.set(name, device);
  }
  return found;
}
