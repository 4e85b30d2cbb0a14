// Names of the application whose answers hold no address, only where to ask next: the client follows,
// and what it finds at the end is the application's. Targets are nobody's by their own names. Pure.
import { type DnsRecord, nameBytes, pair, TYPE } from './dns-message.ts';

interface Answer {
  readonly records: readonly DnsRecord[];
  readonly rcode: number;
  readonly additional?: readonly DnsRecord[];
}

const TTL = 120;
/** Last octet in 23.96.20.0/24 of the server at each end. */
const ENDS: Readonly<Record<string, number>> = {
  'edge.chain.example': 11,
  'www.dname.chain.example': 12,
  'sip.chain.example': 13,
  'turn.chain.example': 14,
  'svc.chain.example': 15,
  'apex.chain.example': 16,
  'naptr.chain.example': 17,
  'far.chain.example': 18,
};

export function chainAddress(name: string): string {
  return `23.96.20.${ENDS[name]}`;
}

const addressOf = (name: string): DnsRecord => ({
  name,
  type: TYPE.A,
  ttl: TTL,
  value: chainAddress(name),
});
/** RFC 2782: priority, weight, port, target. */
const srv = (target: string): number[] => [0, 1, 0, 1, ...pair(443), ...nameBytes(target)];
/** RFC 9460: priority 0 is an alias; no parameters, so no hint. */
const https = (priority: number, target: string): number[] => [
  ...pair(priority),
  ...nameBytes(target),
];
const text = (word: string): number[] => [
  word.length,
  ...Array.from(word, (letter) => letter.charCodeAt(0)),
];
/** RFC 3403: order, preference, flags, services, regexp, replacement. */
const naptr = (replacement: string): number[] => [
  0,
  1,
  0,
  1,
  ...text('s'),
  ...text('SIP+D2T'),
  ...text(''),
  ...nameBytes(replacement),
];

interface Link {
  readonly type: number;
  readonly value: string | readonly number[];
  /** True where the answer holds the target's address, too. */
  readonly additional?: string;
}

/** What each name leads to. A CNAME is the answer to every type, as in RFC 1034 section 3.6.2. */
const LINKS: Readonly<Record<string, Link>> = {
  'alias.skype.com': { type: TYPE.CNAME, value: 'edge.chain.example' },
  'twice.skype.com': { type: TYPE.CNAME, value: 'near.chain.example' },
  'near.chain.example': { type: TYPE.CNAME, value: 'far.chain.example' },
  '_sip._tcp.skype.com': { type: TYPE.SRV, value: srv('sip.chain.example') },
  '_turn._udp.skype.com': {
    type: TYPE.SRV,
    value: srv('turn.chain.example'),
    additional: 'turn.chain.example',
  },
  'svc.skype.com': { type: TYPE.HTTPS, value: https(1, 'svc.chain.example') },
  'apex.skype.com': { type: TYPE.HTTPS, value: https(0, 'apex.chain.example') },
  'naptr.skype.com': { type: TYPE.NAPTR, value: naptr('_sips._tcp.chain.example') },
  '_sips._tcp.chain.example': { type: TYPE.SRV, value: srv('naptr.chain.example') },
};

/** RFC 6672: a DNAME, and the CNAME made of it. */
function dnameReply(asked: string): Answer {
  const target = 'www.dname.chain.example';
  return {
    rcode: 0,
    records: [
      { name: 'dname.skype.com', type: TYPE.DNAME, ttl: TTL, value: 'dname.chain.example' },
      { name: asked, type: TYPE.CNAME, ttl: TTL, value: target },
    ],
  };
}

/** The answer to a name of a chain; undefined for any other. */
export function chainReply(asked: string, type: number): Answer | undefined {
  const name = asked.toLowerCase();
  if (ENDS[name] !== undefined) {
    return { rcode: 0, records: type === TYPE.A ? [{ ...addressOf(name), name: asked }] : [] };
  }
  if (name === 'www.dname.skype.com') return dnameReply(asked);
  const link = LINKS[name];
  if (link === undefined) return undefined;
  if (link.type !== TYPE.CNAME && link.type !== type) return { rcode: 0, records: [] };
  const records = [{ name: asked, type: link.type, ttl: TTL, value: link.value }];
  if (link.additional === undefined) return { rcode: 0, records };
  return { rcode: 0, records, additional: [addressOf(link.additional)] };
}
