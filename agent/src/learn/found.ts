// learn/found: the names in a DNS message (question, owners, targets) that belong to each application, or that
// its names have led the device to. learn/observe-dns makes lessons of them.
import { matchName, type NameMatch } from '../profile/name-match.ts';
import type { DnsMessage, DnsRecord } from '../wire/dns.ts';
import type { DnsName } from '../wire/dns-texts.ts';
import { type Alias, aliasesOf } from './aliases.ts';
import type { DnsObserver } from './dns-observer.ts';

/** The names of one application in a message. */
export interface FoundNames {
  readonly match: NameMatch;
  /** The first name that matched: the question, if it matches. */
  readonly name: string;
  /** The application's own name: `name`, or the name that led the device to it. */
  readonly root: string;
  readonly inQuestion: boolean;
  /** Every owner and target that matched, with the number of records from the application's own name. */
  readonly names: Map<string, number>;
  /** Records whose target matched: hints of an SVCB record are addresses of its target. */
  readonly records: Set<DnsRecord>;
}

export function matchesByApp(
  observer: DnsObserver,
  message: DnsMessage,
  bytes: Uint8Array,
  offset: number,
  end: number,
  device: string,
  now: number,
): Map<string, FoundNames> {
  const { matcher } = observer;
  const byApp = new Map<string, FoundNames>();
  const matches = new Map<number, readonly NameMatch[]>();
  const look = (name: DnsName, inQuestion: boolean, record: DnsRecord | null) => {
    let its = matches.get(name.offset);
    if (its === undefined) {
      its = matchName(matcher, bytes, name.offset, offset, end);
      matches.set(name.offset, its);
    }
    for (const match of its) {
      let found = byApp.get(match.app);
      if (found === undefined) {
        found = foundAt(match, name.text, name.text, inQuestion);
        byApp.set(match.app, found);
      }
      found.names.set(name.text, 0);
      if (record !== null) found.records.add(record);
    }
  };
  for (const question of message.questions) look(question.name, true, null);
  const asked = message.questions[0]?.name.text;
  for (const alias of asked === undefined ? [] : aliasesHere(observer, () => asked, device, now)) {
    if (byApp.has(alias.app)) continue;
    const name = alias.name;
    const found = foundAt(alias, name, alias.root, true);
    found.names.set(name, alias.depth);
    byApp.set(alias.app, found);
  }
  for (const record of message.records) {
    if (record.section !== 'answer') continue;
    look(record.owner, false, null);
    if (record.target !== null) look(record.target, false, record);
  }
  return byApp;
}

function foundAt(match: NameMatch, name: string, root: string, inQuestion: boolean): FoundNames {
  return { match, name, root, inQuestion, names: new Map(), records: new Set() };
}

/** Aliases that the device at an address has for a name. `nameOf`: its text, made only where there are aliases. */
export function aliasesHere(
  { aliases, whoIs }: DnsObserver,
  nameOf: () => string,
  device: string,
  now: number,
): readonly Alias[] {
  if (aliases.count === 0) return [];
  const name = nameOf();
  return whoIs(device).flatMap((one) => aliasesOf(aliases, one, name, now));
}
