// policy/build-rules: checks the rule sections: names, addresses and ports that the owner adds to an app's
// profile or keeps direct. build-apps applies them to each app's copy of the profile.

import { nameProblem } from '../profile/name-pattern.ts';
import type { NameEntry, PortSpan, Profile, ProfileRange, Transport } from '../profile/profile.ts';
import {
  type OptionSpec,
  readBoolean,
  readOneOf,
  readSection,
  type SectionPlace,
} from '../syntax/options.ts';
import type { Problem } from '../syntax/result.ts';
import { type Cidr, formatCidr, isRoutable, parseCidr } from '../wire/address.ts';

export interface OwnerRule {
  /** "more", or "@rule[0]" if anonymous. */
  readonly section: string;
  /** false: it adds nothing. */
  readonly enabled: boolean;
  /** Name of the app; null (direct rules only): every app. */
  readonly app: string | null;
  readonly action: 'proxy' | 'direct';
  /** Names; each also covers all names below it. */
  readonly names: readonly string[];
  readonly ranges: readonly ProfileRange[];
  /** The rule in words: `your rule "work" (/etc/config/whp:31)`. */
  readonly source: string;
}

export const RULE_OPTIONS: OptionSpec = {
  options: ['enabled', 'app', 'action', 'protocol'],
  lists: ['name', 'address', 'port'],
  absent: { address: 'every address of its ports', port: 'every port' },
};

const EVERY_PORT: readonly PortSpan[] = [[0, 65535]];
/** The blocks of a rule that has ports but no address: every address of both families. */
const EVERYWHERE = ['0.0.0.0/0', '::/0'];

/** All rules, the disabled ones too. `apps`: names of all app sections, disabled ones included. */
export function buildRules(
  sections: readonly SectionPlace[],
  apps: readonly string[],
  problems: Problem[],
): OwnerRule[] {
  const rules: OwnerRule[] = [];
  for (const placed of sections) {
    const read = readSection(placed, RULE_OPTIONS, problems);
    const enabled = readBoolean(read, 'enabled', true);
    const action = readOneOf(read, 'action', ['proxy', 'direct'] as const, 'direct');
    if (read.option('action') === null) {
      read.complain('action', "is missing; write: option action 'proxy', or 'direct'");
    }
    const app = read.option('app');
    const known = apps.join(', ') || 'there are none';
    if (app === null && read.option('action') === 'proxy') {
      read.complain('app', `is missing: which app is it to be part of? known: ${known}`);
    }
    if (app !== null && !apps.includes(app)) {
      read.complain('app', `there is no app "${app}"; known: ${known}`);
    }
    const names = read.list('name', (text) => nameProblem(text, 'rule'));
    const addresses = read.list('address', (text) => addressProblem(text, action));
    const ports = read.list('port', (text) =>
      parsePort(text) === null ? portProblem(text) : null,
    );
    const protocol = readOneOf(read, 'protocol', ['both', 'tcp', 'udp'] as const, 'both');
    const isEmpty = names.length + addresses.length + ports.length === 0;
    if (isEmpty && !['name', 'address', 'port'].some((option) => read.failed(option))) {
      read.complain(null, 'says nothing; give it a name, an address or a port');
    }
    if (names.length > 0 && ports.length > 0 && addresses.length === 0) {
      read.complain('port', 'a name stands for all ports; use an address, or remove port');
    }
    const protocols: Transport[] = protocol === 'both' ? ['tcp', 'udp'] : [protocol];
    const blocks = addresses.map((text) => formatCidr(parseCidr(text)!));
    const where = blocks.length === 0 && ports.length > 0 ? EVERYWHERE : blocks;
    const spans = ports.length > 0 ? ports.map((text) => parsePort(text)!) : EVERY_PORT;
    const { section: its, file, path } = placed;
    const section = path.slice('whp.'.length);
    const named = its.name === null ? path : `"${its.name}"`;
    const source = `your rule ${named} (${file}:${its.line})`;
    const ranges = where.length === 0 ? [] : [ownRange(where, protocols, spans, source)];
    rules.push({ section, enabled, app, action, names, ranges, source });
  }
  return rules;
}

/** A range from the owner: it never expires and teaches no ports. */
export function ownRange(
  addresses: readonly string[],
  protocols: readonly Transport[],
  ports: readonly PortSpan[],
  source: string,
): ProfileRange {
  const dates = { date: '', expires: '9999-12-31' };
  return {
    addresses,
    protocols,
    ports,
    role: 'other',
    learn: [],
    source,
    evidence: 'source',
    ...dates,
  };
}

function addressProblem(text: string, action: string): string | null {
  const cidr = parseCidr(text);
  if (cidr === null && nameProblem(text, 'rule') === null) {
    return `"${text}" is a host name and no address; write option name: list name '${text}'`;
  }
  if (cidr === null) return `"${text}" is neither an address nor a block such as 203.0.113.0/24`;
  // A direct rule may have any address: non-public addresses never enter a tunnel.
  return action === 'direct' || isPartlyPublic(cidr)
    ? null
    : `"${text}" is no part of the public Internet and never takes a tunnel; remove it`;
}

/** Whether an end of the block is public. The widest blocks have public addresses between their ends. */
function isPartlyPublic({ family, bytes, prefix }: Cidr): boolean {
  const host = (i: number): number => 0xff >> Math.min(8, Math.max(0, prefix - i * 8));
  const first = bytes.map((byte, i) => byte & ~host(i));
  const last = bytes.map((byte, i) => byte | host(i));
  const isWide = family === 4 ? prefix <= 2 : prefix <= 1 && first[0] === 0;
  return isWide || isRoutable(first, 0, family) || isRoutable(last, 0, family);
}

function parsePort(text: string): PortSpan | null {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const from = Number(match?.[1]);
  const to = match?.[2] === undefined ? from : Number(match[2]);
  if (!(from >= 1 && to <= 65535 && from <= to)) return null;
  return from === to ? from : [from, to];
}

function portProblem(text: string): string {
  return `"${text}" is no port such as 443, nor a span such as 5000-5010`;
}

export interface Ruled {
  readonly profile: Profile;
  /** Destinations that stay direct, whatever other evidence exists. */
  readonly except: readonly ProfileRange[];
}

/** The profile with the names and ranges of `proxy` rules added and the names of `direct` rules excepted. */
export function applyRules(profile: Profile, app: string, rules: readonly OwnerRule[]): Ruled {
  const own = rules.filter(({ enabled, ...rule }) => enabled && [null, app].includes(rule.app));
  if (own.length === 0) return { profile, except: [] };
  const named = (action: OwnerRule['action']): NameEntry[] =>
    own
      .filter((rule) => rule.action === action)
      .flatMap(({ names, source: by }) =>
        names.map((value) => ({ value, evidence: 'source' as const, by })),
      );
  const ranges = (action: OwnerRule['action']): ProfileRange[] =>
    own.filter((rule) => rule.action === action).flatMap((rule) => rule.ranges);
  const { dns } = profile;
  return {
    profile: {
      ...profile,
      dns: {
        ...dns,
        suffixes: [...dns.suffixes, ...named('proxy')],
        except: [...dns.except, ...named('direct')],
      },
      ranges: [...profile.ranges, ...ranges('proxy')],
    },
    except: ranges('direct'),
  };
}
