// preflight/collisions: finds other programs that use our mark bits, rule preferences or routing tables.
// Input: rules, routes and foreign nftables rules as read from the kernel. Output: each collision with the
// option that resolves it and a free value. Pure.
import type { KernelRoute } from '../netlink/route.ts';
import type { KernelRule } from '../netlink/rule.ts';
import { FIRST_SLOT, isUsableMask, LAST_TABLE_SLOT, markOf } from '../policy/marks.ts';
import type { App, Globals } from '../policy/policy.ts';
import type { Problem } from '../syntax/result.ts';
import { type Stop, stopBy } from './look.ts';
import type { MarkUse } from './mark-uses.ts';
import { type Home, hexText } from './rule-reach.ts';
import { ruleText, type TakingRule, takenBy } from './taken.ts';

export interface Found {
  readonly rules: readonly KernelRule[];
  readonly routes: readonly KernelRoute[];
  /** Uses of marks in other nftables tables. */
  readonly marks: readonly MarkUse[];
  /** Installed programs, and the mark bits of their configuration. */
  readonly claims: readonly { readonly who: string; readonly mask: number }[];
}

type Ours = Pick<Globals, 'mask' | 'preference' | 'table'>;

/** Mark bits that well-known programs use when they run; never proposed. */
const WELL_KNOWN = [
  { who: 'mwan3', mask: 0x3f00 },
  { who: 'pbr or Tailscale', mask: 0x00ff0000 },
];
/** Candidates in order of preference, far from the values that other programs start at. */
const MASKS = [0x0f000000, 0xf0000000, 0x000000f0, 0x0000000f, 0x0000f000, 0x00000f00, 0x00f00000];
const PREFERENCES = [15000, 14000, 12000, 5000, 2500, 1500, 900, 500, 200, 50, 1];
const TABLES = [15000, 16000, 25000, 35000, 45000];
/** Collisions listed of one kind; the others are counted. */
const MOST = 4;

/** `home`: sources of proxied packets. `protocol`: the rtnetlink protocol number of our rules and routes. */
export function collisions(ours: Ours, found: Found, home: Home, protocol: number): Problem[] {
  const rules = found.rules.filter((rule) => rule.protocol !== protocol);
  const routes = found.routes.filter((route) => route.protocol !== protocol && !route.cloned);
  return [
    ...maskCollisions(ours, rules, found),
    ...preferenceCollisions(ours, found, home, protocol),
    ...tableCollisions(ours, rules, routes),
  ];
}

/** The commands that set an option. */
function setting(option: string, value: string): string {
  return `uci set whp.globals.${option}=${value}; uci commit whp; whp reload`;
}

/** " of mwan3"; '' for a rule without a mark or with the full mask. */
function whose(mask: number): string {
  if (mask === 0 || mask === 0xffffffff) return '';
  const known = WELL_KNOWN.find((one) => (mask & ~one.mask) === 0);
  return ` of ${known === undefined ? 'another program' : known.who}`;
}

/** Whether a foreign rule tests some of our bits, or the full mark with the value of one of our slots. */
function readsOurBits({ mark, mask }: KernelRule, own: number): boolean {
  if ((mask & own) === 0) return false;
  // A program that tests some of our bits also writes them.
  if (mask !== 0xffffffff) return true;
  for (let slot = FIRST_SLOT; slot <= LAST_TABLE_SLOT; slot++) {
    if ((markOf(own, slot) & mask) === (mark & own)) return true;
  }
  return false;
}

function maskCollisions(
  { mask }: Ours,
  rules: readonly KernelRule[],
  { marks, claims }: Found,
): Problem[] {
  const foreign = [
    ...rules.map((rule) => rule.mask),
    ...marks.map((use) => use.bits),
    ...claims.map((one) => one.mask),
  ];
  const free = MASKS.find((one) => isFree(one, foreign));
  const fix =
    free === undefined
      ? 'no four bits in a row are free: give one of the others another mask'
      : setting('mask', hexText(free));
  const whats = new Set([
    ...rules
      .filter((rule) => readsOurBits(rule, mask))
      .map((rule) => `${ruleText(rule)}${whose(rule.mask)} reads our bits; ${fix}`),
    ...marks
      .filter((use) => (use.bits & mask) !== 0)
      .map((use) =>
        use.bits === 0xffffffff
          ? `a rule in nftables table ${use.table} writes all bits of the mark, ours too: give it a mask there ("meta mark set meta mark & 0xffffff00 | 0x1"; fw4: option set_mark 'VALUE/MASK')`
          : `a rule in nftables table ${use.table} uses bits ${hexText(use.bits)} of the mark, some of them ours; ${fix}`,
      ),
    ...claims
      .filter((one) => (one.mask & mask) !== 0)
      .map(
        (one) => `${one.who} uses bits ${hexText(one.mask)} of the mark, some of them ours; ${fix}`,
      ),
  ]);
  return limited(whats, 'whp.globals.mask');
}

function isFree(mask: number, foreign: readonly number[]): boolean {
  if (!isUsableMask(mask)) return false;
  const taken = [...foreign.filter((one) => one !== 0xffffffff), ...WELL_KNOWN.map((x) => x.mask)];
  return taken.every((one) => (one & mask) === 0);
}

function preferenceCollisions(ours: Ours, found: Found, home: Home, protocol: number): Problem[] {
  const { routes } = found;
  const first = ours.preference + FIRST_SLOT;
  const last = ours.preference + LAST_TABLE_SLOT;
  const rules = found.rules.filter((rule) => rule.protocol !== protocol);
  // Rules that read our bits are already reported by maskCollisions.
  const taking = takenBy({ rules: found.rules, routes, home, first, protocol }).filter(
    ({ rule }) => rule.isInverted || !readsOurBits(rule, ours.mask),
  );
  const before = taking.filter(({ rule }) => rule.preference < first);
  const within = rules.filter(({ preference }) => preference >= first && preference <= last);
  const fix = moveFix(rules, taking);
  const whats = new Set([
    ...before.map(({ rule, words }) => `${keeps(rule, words, first)}; ${fix}`),
    ...within.map((rule) => `${ruleText(rule)} stands among ours (${first} to ${last}); ${fix}`),
  ]);
  return limited(whats, 'whp.globals.preference');
}

/** The commands that move our preferences before those of `taking`. `rules`: those of others. */
function moveFix(rules: readonly KernelRule[], taking: readonly TakingRule[]): string {
  const earliest = Math.min(...taking.map(({ rule }) => rule.preference));
  const free = PREFERENCES.find(
    (one) =>
      one + LAST_TABLE_SLOT < earliest &&
      !rules.some(({ preference }) => preference > one && preference <= one + LAST_TABLE_SLOT),
  );
  return free === undefined
    ? 'no fifteen preferences in a row are free before it: move the other rules'
    : setting('preference', `${free}`);
}

function keeps(rule: KernelRule, words: string, first: number): string {
  return `${ruleText(rule)}${whose(rule.mask)} comes before ours (from ${first}) and keeps proxied packets${words} from the tunnel: they are rejected`;
}

/** What keeps the packets of the apps from their tunnels now; the kernel takes the first rule that fits. */
export function ruleStops(
  ours: Ours,
  apps: readonly Pick<App, 'name' | 'slot'>[],
  { rules, routes }: Pick<Found, 'rules' | 'routes'>,
  home: Home,
  protocol: number,
): Stop[] {
  const first = ours.preference + FIRST_SLOT;
  return apps.flatMap(({ name: app, slot }) => {
    const its = { ...home, slots: [slot] };
    const taking = takenBy({ rules, routes, home: its, first, protocol, isNow: true }).filter(
      ({ rule }) => rule.preference < ours.preference + slot,
    );
    const others = rules.filter((rule) => rule.protocol !== protocol);
    return taking.map(({ rule, words }) => {
      const what = `${keeps(rule, words, first)}; ${moveFix(others, taking)}`;
      const part = words === '' ? {} : { partly: true as const };
      return stopBy('rule', 'refused', what, { app, family: rule.family, open: true, ...part });
    });
  });
}

function tableCollisions(
  { table }: Ours,
  rules: readonly KernelRule[],
  routes: readonly KernelRoute[],
): Problem[] {
  const first = table + FIRST_SLOT;
  const last = table + LAST_TABLE_SLOT;
  const used = new Set([...rules, ...routes].map((one) => one.table));
  const free = TABLES.find((one) =>
    Array.from(used).every((other) => other <= one || other > one + LAST_TABLE_SLOT),
  );
  const fix =
    free === undefined
      ? 'write numbers that nobody uses into option table'
      : setting('table', `${free}`);
  const taken = [...used].filter((one) => one >= first && one <= last).sort((a, b) => a - b);
  const whats = taken.map(
    (one) =>
      `routing table ${one} is used by another program too (ours: ${first} to ${last}); ${fix}`,
  );
  return limited(new Set(whats), 'whp.globals.table');
}

function limited(whats: ReadonlySet<string>, where: string): Problem[] {
  const all = [...whats];
  const more = all.length > MOST ? [`and ${all.length - MOST} more`] : [];
  return [...all.slice(0, MOST), ...more].map((what) => ({ where, what }));
}
