// The names of the emulated Internet and what they resolve to. The application's names are those
// of real captures, CNAME chains included; shared CDN names appear only behind them. Pure.
import { chainReply } from './chains.ts';
import { type DnsRecord, TYPE } from './dns-message.ts';
import {
  APPLICATION6,
  CROWD_PREFIX,
  DIRECTORY_PREFIX,
  FAST_PREFIX,
  freshAddress,
  SUPERNODES,
  UNRELATED6,
  v6Bytes,
  WEB_PREFIX,
} from './plan.ts';

/** Application name -> chain of CNAMEs and the last octet of its server in 23.96.10.0/24. */
const SERVICES: Readonly<Record<string, readonly [host: number, ...chain: string[]]>> = {
  'ui.skype.com': [11],
  'apps.skype.com': [12],
  'api.skype.com': [13],
  'a.config.skype.com': [14, 'a.config.skype.trafficmanager.net', 'l-0007.config.skype.com'],
  'b.config.skype.com': [15, 'config-edge-skype.l-0007.l-msedge.net'],
  'conn.skype.com': [16, 'conn.skype.akadns.net'],
  'conn.skype.akadns.net': [16],
  'pipe.skype.com': [17, 'pipe.prd.skypedata.akadns.net'],
  'pipe.prd.skypedata.akadns.net': [17],
  'apps.skypeassets.com': [18, 'apps.skypeassets.com.edgekey.net', 'e4593.g.akamaiedge.net'],
  'login.skype.com': [19],
  'secure.skype.com': [20, 'e7768.b.akamaiedge.net'],
  'contacts.skype.com': [21],
  'people.skype.com': [22],
  '335.0.7.7.3.rst13.r.skype.net': [23],
  '335.0.7.7.3.rst4.r.skype.net': [24],
  // The adversary's: a chain that starts at somebody else's name, an address only HTTPS tells, a
  // short TTL, and answers that must teach nothing.
  'cdn.bystander.example': [201, 'cdn.api.skype.com'],
  'cache.skype.com': [202],
  'overtcp.skype.com': [203],
  'foreign.skype.com': [204],
  'foreigntcp.skype.com': [205],
  'shout.skype.com': [206],
  'truncated.skype.com': [207],
  'aftermath.skype.com': [208],
  'long.skype.com': [209],
  'half.skype.com': [210],
  'unasked.skype.com': [211],
  'private.skype.com': [212],
  'privatetcp.skype.com': [213],
  'fixedport.skype.com': [214],
  'six-dns.skype.com': [215],
  'signalling.skype.com': [216],
};

/** Names whose records live two seconds. */
const SHORT_LIVED = new Set(['cache.skype.com', 'long.skype.com', 'half.skype.com']);

/** Names that a session may ask for, besides dsnN.d.skype.net. */
export const SESSION_NAMES: readonly string[] = Object.keys(SERVICES).slice(0, 16);

export const WEB_NAMES: readonly string[] = Array.from(
  { length: 40 },
  (_, i) => `www.shop${i}.example`,
);

/** Ends of a name server's work that are not an ordinary answer. */
export type Trick = 'truncate' | 'pointer-loop' | 'short' | 'counts' | 'silence';

export interface Reply {
  readonly records: readonly DnsRecord[];
  readonly rcode: number;
  readonly trick?: Trick;
  /** Of the additional section. */
  readonly additional?: readonly DnsRecord[];
}

const NAME_ERROR: Reply = { records: [], rcode: 3 };

function chain(asked: string, names: readonly string[], ttl: number): DnsRecord[] {
  return names.map((value, i) => ({
    name: i === 0 ? asked : names[i - 1]!,
    type: TYPE.CNAME,
    ttl,
    value,
  }));
}

function addresses(name: string, ttl: number, list: readonly string[]): DnsRecord[] {
  return list.map((value) => ({ name, type: TYPE.A, ttl, value }));
}

/** Where `fastN.skype.com` is: known to the adversary before it asks. */
export function fastAddress(index: number): string {
  return `${FAST_PREFIX}.${10 + index}`;
}

function patternReply(asked: string, name: string): Reply | undefined {
  const dsn = /^dsn(\d+)\.(?:d\.skype\.net|skype-dsn\.akadns\.net)$/.exec(name);
  if (dsn && Number(dsn[1]) <= 17) {
    const target = `dsn${dsn[1]}.skype-dsn.akadns.net`;
    const links = name === target ? [] : [target];
    const node = SUPERNODES[(Number(dsn[1]) * 5) % SUPERNODES.length]!;
    const owner = links[0] ?? asked;
    return {
      records: [...chain(asked, links, 60), ...addresses(owner, 60, [node.address])],
      rcode: 0,
    };
  }
  const six = /^six(\d+)\.skype\.com$/.exec(name);
  if (six)
    return { records: addresses(asked, 300, [`${FAST_PREFIX}.${200 + Number(six[1])}`]), rcode: 0 };
  const fast = /^fast(\d+)\.skype\.com$/.exec(name);
  if (fast) return { records: addresses(asked, 300, [fastAddress(Number(fast[1]))]), rcode: 0 };
  // Each at an address of its own that nothing else is at: for a name that is asked during a fault.
  const fresh = /^fresh(\d+)\.skype\.com$/.exec(name);
  if (fresh) return { records: addresses(asked, 300, [freshAddress(Number(fresh[1]))]), rcode: 0 };
  // A flood of names, each with an address of its own (modulo 65,536).
  const many = /^x(\d+)\.skype\.com$/.exec(name);
  if (many) {
    const number = Number(many[1]);
    const address = `23.96.${(number >> 8) & 255}.${number & 255}`;
    return { records: addresses(asked, 300, [address]), rcode: 0 };
  }
  const web = /^www\.shop(\d+)\.example$/.exec(name);
  if (web) {
    const records = addresses(asked, 30, [`${WEB_PREFIX}.${10 + Number(web[1])}`]);
    return { records, rcode: 0 };
  }
  return undefined;
}

function trickReply(asked: string, name: string): Reply | undefined {
  if (name === 'crowd.skype.com') {
    const list = Array.from({ length: 60 }, (_, i) => `${CROWD_PREFIX}.${10 + i}`);
    return { records: addresses(asked, 120, list), rcode: 0 };
  }
  if (name === 'directory.skype.com') {
    const list = Array.from({ length: 700 }, (_, i) => `${DIRECTORY_PREFIX}${i >> 8}.${i & 255}`);
    return { records: addresses(asked, 120, list), rcode: 0 };
  }
  if (name === 'sentinel.skype.com') {
    const list = ['127.80.50.80', '192.168.1.1', '224.0.0.251', '169.254.7.7', '0.0.0.0'];
    return { records: addresses(asked, 60, list), rcode: 0 };
  }
  const broken = /^(pointer-loop|short|counts|silence)\./.exec(name)?.[1] as Trick | undefined;
  if (!broken) return undefined;
  return { records: addresses(asked, 60, ['23.96.99.99']), rcode: 0, trick: broken };
}

/** The answer to a question; names compare without case, the asked spelling is kept. */
export function resolve(asked: string, type: number): Reply {
  const name = asked.toLowerCase();
  if (name === 'hint.skype.com') return hintReply(asked, type);
  const chained = chainReply(asked, type);
  if (chained) return chained;
  const special = trickReply(asked, name) ?? patternReply(asked, name);
  const long = type === TYPE.AAAA ? sixReply(asked, name) : undefined;
  if (long) return long;
  if (special) return type === TYPE.A ? special : { ...special, records: [] };
  const service = SERVICES[name];
  if (!service) return NAME_ERROR;
  const [host, ...links] = service;
  const ttl = SHORT_LIVED.has(name) ? 2 : 30 + host;
  const owner = links.at(-1) ?? asked;
  const tail = type === TYPE.A ? addresses(owner, ttl, [`23.96.10.${host}`]) : [];
  const records = [...chain(asked, links, ttl), ...tail];
  return name === 'truncated.skype.com'
    ? { records, rcode: 0, trick: 'truncate' }
    : { records, rcode: 0 };
}

/** `sixN.skype.com` and `www.sixN.example` are in both families: 23.97.7.200+N and 2603:1005:5::N, and
 * 2606:4706:6::N alone. */
function sixReply(asked: string, name: string): Reply | undefined {
  const [, ours, others] = /^(?:six(\d+)\.skype\.com|www\.six(\d+)\.example)$/.exec(name) ?? [];
  if (ours === undefined && others === undefined) return undefined;
  const value = v6Bytes(
    ours === undefined ? `${UNRELATED6}::${others}` : `${APPLICATION6}::${ours}`,
  );
  return { records: [{ name: asked, type: TYPE.AAAA, ttl: 300, value }], rcode: 0 };
}

/** HTTPS record (RFC 9460) whose ipv4hint is an address that no A record holds. */
function hintReply(asked: string, type: number): Reply {
  if (type !== TYPE.HTTPS) return { records: [], rcode: 0 };
  // priority 1, target ".", key 4 (ipv4hint), 4 bytes
  const value = [0, 1, 0, 0, 4, 0, 4, 23, 97, 5, 1];
  return { records: [{ name: asked, type: TYPE.HTTPS, ttl: 60, value }], rcode: 0 };
}
