// system/others: what repair/collisions judges: rules and routes of everybody, what nftables tables
// of others do with marks, and which programs are installed that take bits of it. Reads only.

import { parseUci } from '../policy/uci.ts';
import type { Found } from '../repair/collisions.ts';
import { type MarkUse, markUses } from '../repair/mark-uses.ts';
import { GUARD_TABLE, TABLE } from '../ruleset/names.ts';
import { readText } from './file.ts';
import { runProgram } from './process.ts';

/** Bits of the mark that a program takes: the option that says it, and its default. */
const PROGRAMS = [
  { who: 'mwan3', option: 'mmx_mask', mask: 0x3f00 },
  { who: 'pbr', option: 'fw_mask', mask: 0x00ff0000 },
  { who: 'tailscale', option: '', mask: 0x00ff0000 },
];
/** A ruleset without the elements of its sets. */
const LISTING_BYTES = 4 << 20;

export async function readMarkUses(): Promise<MarkUse[]> {
  const { status, stdout } = await runProgram(['nft', '-t', 'list', 'ruleset'], {
    limit: LISTING_BYTES,
  });
  return status === 0 ? markUses(stdout, [`inet ${TABLE}`, `inet ${GUARD_TABLE}`]) : [];
}

/** What installed programs claim, running or not: their packages bring a configuration. */
export function readClaims(): Found['claims'] {
  return PROGRAMS.flatMap(({ who, option, mask }) => {
    const read = readText(`/etc/config/${who}`);
    if (!read.ok) return [];
    return [{ who, mask: claimedMask(read.text, who, option) ?? mask }];
  });
}

/** The mask that its option says, hexadecimal with or without 0x; null: none. */
function claimedMask(text: string, who: string, option: string): number | null {
  const parsed = parseUci(text, who);
  const sections = parsed.ok ? parsed.value.sections : [];
  const values = sections.flatMap((one) => one.values.filter(({ name }) => name === option));
  const digits = /^(?:0x)?([0-9a-f]{1,8})$/i.exec(values.at(-1)?.value ?? '')?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 16);
}
