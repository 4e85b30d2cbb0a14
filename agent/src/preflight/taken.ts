// preflight/taken: finds the foreign ip rules that would keep proxied packets from our tables, if they came
// first: by a matching route, by a refusal, or by a goto past our rules. Uses rule-reach; collisions reports
// the result with a free preference. Pure.

import {
  FR_ACT_BLACKHOLE,
  FR_ACT_GOTO,
  FR_ACT_PROHIBIT,
  FR_ACT_TO_TBL,
  FR_ACT_UNREACHABLE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTN_THROW,
} from '../netlink/constants.ts';
import type { KernelRoute } from '../netlink/route.ts';
import type { KernelRule, PortRange } from '../netlink/rule.ts';
import { FAMILIES, type Family, formatCidr, parseCidr } from '../wire/address.ts';
import { type Home, hexText, holds, isProxiedTo, type Reach, reachOf } from './rule-reach.ts';

export interface TakingRule {
  readonly rule: KernelRule;
  /** Part of the proxied packets: '' for all, else " from 192.168.1.0/28". */
  readonly words: string;
}

export interface Rules {
  /**
   * Rules of all programs, ours included. Routes of all programs; of main and local at least the shortest
   * prefixes.
   */
  readonly rules: readonly KernelRule[];
  readonly routes: readonly KernelRoute[];
  readonly home: Home;
  /** Our first preference, and the rtnetlink protocol of our rules. */
  readonly first: number;
  readonly protocol: number;
  /** Only by routes that exist; else a table that another program is expected to fill counts as full. */
  readonly isNow?: true;
}

const REFUSING = [FR_ACT_BLACKHOLE, FR_ACT_PROHIBIT, FR_ACT_UNREACHABLE];
/** Networks listed by name; the others are counted. */
const NAMED = 2;

/** The foreign rules that would match and keep proxied packets if they came before ours, by preference. */
export function takenBy(all: Rules): TakingRule[] {
  return FAMILIES.flatMap((family) => {
    const rules = all.rules
      .filter((rule) => rule.family === family)
      .sort((a, b) => a.preference - b.preference);
    const taken: TakingRule[] = [];
    let from = 0;
    for (const rule of rules) {
      if (rule.protocol === all.protocol || rule.preference < from) continue;
      const reach = reachOf(rule, all.home);
      if (reach.share === 'none') continue;
      if (rule.action === FR_ACT_GOTO && rule.target <= all.first) {
        // Rules that all packets jump over keep none.
        if (reach.share === 'all' && hasTarget(rule, rules)) from = rule.target;
        continue;
      }
      const words = takes(rule, reach, rules, all);
      if (words !== null) taken.push({ rule, words });
    }
    return taken;
  });
}

function takes(
  rule: KernelRule,
  { words }: Reach,
  rules: readonly KernelRule[],
  { routes, home, isNow }: Rules,
): string | null {
  if (REFUSING.includes(rule.action)) return words;
  // The kernel skips a goto rule whose target does not exist.
  if (rule.action === FR_ACT_GOTO) return hasTarget(rule, rules) ? words : null;
  if (rule.action !== FR_ACT_TO_TBL) return null;
  const tables = rule.selector.isL3mdev ? home.vrfTables : [rule.table];
  if (tables.includes(RT_TABLE_LOCAL)) return null;
  // A program that marks all flows adds routes there as soon as one of its uplinks is up.
  if (isNow !== true && rule.mask !== 0 && !rule.isInverted && rule.suppressed < 0) return words;
  const found = routes.filter(
    ({ table, family, type, cloned }) =>
      tables.includes(table) && family === rule.family && type !== RTN_THROW && !cloned,
  );
  const led = ledTo(rule, found, home);
  return led === null ? null : words + led;
}

function hasTarget({ target }: KernelRule, rules: readonly KernelRule[]): boolean {
  return rules.some(({ preference }) => preference === target);
}

/** The proxied packets that `routes` match: '' for all, else the networks; null: none. */
function ledTo(rule: KernelRule, routes: readonly KernelRoute[], home: Home): string | null {
  const { family, suppressed, selector, isInverted } = rule;
  const only = isInverted ? undefined : selector.destination;
  const asked = parseCidr(only ?? everything(family));
  const networks = routes.flatMap(({ destination }) => {
    const network = parseCidr(destination ?? everything(family));
    if (network === null || asked === null || network.prefix <= suppressed) return [];
    // A host route in main is the endpoint of another tunnel, not a peer of an application.
    if (rule.table === RT_TABLE_MAIN && network.prefix === network.bytes.length * 8) return [];
    if (holds(network, asked)) return [asked];
    return holds(asked, network) && isProxiedTo(network, family, home) ? [network] : [];
  });
  if (networks.length === 0) return null;
  if (networks.some((one) => one === asked) || coversAll(networks.map(formatCidr), family))
    return '';
  const names = networks.slice(0, NAMED).map(formatCidr).join(' and ');
  const more = networks.length - NAMED;
  return ` to ${names}${more > 0 ? ` and ${more} more networks` : ''}`;
}

function everything(family: Family): string {
  return family === 4 ? '0.0.0.0/0' : '::/0';
}

/** VPNs that keep the default route install its two halves. */
function coversAll(networks: readonly string[], family: Family): boolean {
  if (family === 6) return networks.some((one) => one === '::/1' || one === '2000::/3');
  return networks.includes('0.0.0.0/1') && networks.includes('128.0.0.0/1');
}

/** The rule approximately as `ip rule` prints it. */
export function ruleText(rule: KernelRule): string {
  const { selector, mark, mask } = rule;
  const span = ([first, last]: PortRange): string =>
    first === last ? `${first}` : `${first}-${last}`;
  const words = [
    rule.isInverted ? 'not' : '',
    selector.source === undefined ? '' : `from ${shorter(selector.source)}`,
    selector.destination === undefined ? '' : `to ${shorter(selector.destination)}`,
    selector.tos === undefined ? '' : `tos ${selector.tos}`,
    mask === 0 ? '' : `fwmark ${hexText(mark)}/${hexText(mask)}`,
    selector.iif === undefined ? '' : `iif ${selector.iif}`,
    selector.oif === undefined ? '' : `oif ${selector.oif}`,
    selector.isL3mdev ? 'l3mdev' : '',
    selector.uids === undefined ? '' : `uidrange ${selector.uids.join('-')}`,
    selector.ipProtocol === undefined ? '' : `ipproto ${selector.ipProtocol}`,
    selector.sourcePorts === undefined ? '' : `sport ${span(selector.sourcePorts)}`,
    selector.destinationPorts === undefined ? '' : `dport ${span(selector.destinationPorts)}`,
    actionText(rule),
  ];
  return `ip rule ${rule.preference} (${words.filter((word) => word !== '').join(' ')})`;
}

function shorter(network: string): string {
  const read = parseCidr(network);
  return read === null ? network : formatCidr(read);
}

function actionText({ action, table, target, suppressed, selector }: KernelRule): string {
  if (action === FR_ACT_GOTO) return `goto ${target}`;
  if (action === FR_ACT_BLACKHOLE) return 'blackhole';
  if (action === FR_ACT_UNREACHABLE) return 'unreachable';
  if (action === FR_ACT_PROHIBIT) return 'prohibit';
  if (action !== FR_ACT_TO_TBL) return 'nop';
  const where = selector.isL3mdev ? '' : `table ${table}`;
  return suppressed < 0 ? where : `${where} suppress_prefixlength ${suppressed}`;
}
