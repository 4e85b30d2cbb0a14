// Probe: the table of the base policy, loaded by one transaction in the machine's byte order and read back: every
// attribute that was sent is in the kernel's dump. A packet then teaches an element by its rules.

import type { Kernel } from '../../agent/src/kernel/kernel.ts';
import { encodeHere, loadChange } from '../../agent/src/kernel/load.ts';
import { openKernel } from '../../agent/src/kernel/open.ts';
import { NFPROTO_INET, NLM_F_DUMP, NLM_F_REQUEST } from '../../agent/src/netlink/constants.ts';
import { hostOrder } from '../../agent/src/netlink/endian.ts';
import {
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSET,
  NFTA_DYNSET_TIMEOUT,
  NFTA_RULE_CHAIN,
  NFTA_RULE_TABLE,
  NFTA_SET_ID,
  NFTA_SET_NAME,
  NFTA_SET_TIMEOUT,
} from '../../agent/src/netlink/nft-constants.ts';
import { beginMessage, endMessage, putNetfilter } from '../../agent/src/netlink/writer.ts';
import { errorText } from '../../agent/src/os/errno.ts';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { addressKey, keptFor } from '../../agent/src/ruleset/elements.ts';
import { elementsOf } from '../../agent/src/ruleset/encode/set.ts';
import type { EncodedTable } from '../../agent/src/ruleset/encode/table.ts';
import { renderParts } from '../../agent/src/ruleset/render.ts';
import { policyFrom } from '../fixtures/policies.ts';
import {
  type Attribute,
  attributesIn,
  messagesIn,
  nameIn,
  type Sent,
  SUBSYSTEM,
} from '../lib/nft-trees.ts';
import { breathe, claim, claimLater, holds, Skip, same } from './claims.ts';
import { list, netfilter } from './probe-socket.ts';

const TABLE = 'whp';
const ruleset = compile(policyFrom({}));

export async function proveTable(): Promise<void> {
  const standing = renderParts(ruleset);
  const encoded = await encodeHere(ruleset, breathe);
  const made = { standing, encoded, before: null, held: new Map(), counts: new Map() };
  const isLoaded = claim('table-loaded', () => {
    const error = loadChange({ without: [], made });
    if (error?.detail?.includes('the kernel has no nft')) throw new Skip(error.detail);
    same(error, null);
  });
  if (!isLoaded) return;
  claim('table-rules-read-back', () => proveRules(encoded));
  claim('table-sets-read-back', () => proveSets(encoded));
  claim('table-elements-read-back', proveElements);
  await claimLater('table-packet-teaches', provePacket);
  claim('table-refused-whole', () => {
    const counters = { ...standing, counters: [] };
    const error = loadChange({ without: [], made: { ...made, standing: counters } });
    holds(/chain \w+, rule \d+/.test(error?.object ?? ''), `${error?.object}`);
    same(dumped(NFT_MSG_NEWRULE).length > 0, true, 'the loaded table stays');
  });
  claim('table-deleted', () => {
    same(loadChange({ without: [TABLE], made: null }), null);
    same(dumped(NFT_MSG_NEWRULE).length, 0);
  });
}

/** The rules or sets of our table in the kernel. */
function dumped(kind: number): Sent[] {
  const all = list(
    netfilter,
    (w, seq) => {
      beginMessage(w, (SUBSYSTEM << 8) | (kind + 1), NLM_F_REQUEST | NLM_F_DUMP, seq);
      putNetfilter(w, NFPROTO_INET, 0);
      endMessage(w);
    },
    (reader, message) => {
      const body = reader.bytes.slice(message.body + 4, message.end);
      return { ok: true, value: { type: kind, attributes: attributesIn(body, hostOrder) } };
    },
  );
  return all.filter(({ attributes }) => textAt(attributes, NFTA_RULE_TABLE) === TABLE);
}

function textAt(attributes: readonly Attribute[], type: number): string {
  return nameIn(attributes.find((one) => one.type === type)?.value);
}

function proveRules({ chains }: EncodedTable): void {
  const kernel = dumped(NFT_MSG_NEWRULE);
  for (const { name, rules } of chains) {
    const sent = messagesIn(rules, hostOrder).filter(({ type }) => type === NFT_MSG_NEWRULE);
    const there = kernel.filter(({ attributes }) => textAt(attributes, NFTA_RULE_CHAIN) === name);
    same(there.length, sent.length, `rules of ${name}`);
    for (const [i, { attributes }] of sent.entries()) {
      const lacks = lacking(attributes, there[i]!.attributes, '');
      holds(lacks === null, `${name}, rule ${i + 1}: ${lacks}`);
    }
  }
}

function proveSets({ sets }: EncodedTable): void {
  const kernel = dumped(NFT_MSG_NEWSET);
  for (const { name, head } of sets) {
    const there = kernel.find(({ attributes }) => textAt(attributes, NFTA_SET_NAME) === name);
    const [sent] = messagesIn(head, hostOrder);
    const asked = sent!.attributes.filter(
      ({ type }) => type !== NFTA_SET_ID && type !== NFTA_SET_TIMEOUT,
    );
    const lacks = lacking(asked, there?.attributes ?? [], '');
    holds(lacks === null, `set ${name}: ${lacks}`);
  }
}

/** What of `sent` is not in `there`; null: nothing. The names of anonymous sets get numbers, and the kernel has
 * numbers of sets only in the transaction, times in its own ticks, and no flags that are 0. */
function lacking(
  sent: readonly Attribute[],
  there: readonly Attribute[],
  kind: string,
): string | null {
  const places = new Map<number, number>();
  for (const { type, value } of sent) {
    const nth = places.get(type) ?? 0;
    places.set(type, nth + 1);
    const found = there.filter((one) => one.type === type)[nth];
    const name = kind !== '' || typeof value === 'string' ? kind : textAt(value, 1);
    if (kind === 'lookup' && [1, 4].includes(type)) continue;
    if (kind === 'dynset' && type === NFTA_DYNSET_TIMEOUT) continue;
    if (found === undefined && typeof value === 'string' && /^0+$/.test(value)) continue;
    if (found === undefined) return `${kind} attribute ${type} is missing`;
    if (typeof value === 'string') {
      if (found.value !== value) return `${kind} attribute ${type}: ${value}, read ${found.value}`;
    } else {
      const inside = lacking(value, insideOf(found.value), name);
      if (inside !== null) return inside;
    }
  }
  return null;
}

/** The kernel does not mark every nested attribute as such. */
function insideOf(value: Attribute['value']): readonly Attribute[] {
  if (typeof value !== 'string') return value;
  const bytes = (value.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
  return attributesIn(Uint8Array.from(bytes), hostOrder);
}

function kernelHere(): Kernel {
  const opened = openKernel('/tmp/whp-probe.nft');
  if (!opened.ok) throw new Error(errorText(opened.error));
  return opened.value;
}

function proveElements(): void {
  const { sets } = kernelHere();
  for (const set of ruleset.sets) {
    const wanted = elementsOf(set, hostOrder === 'little').map(
      ({ key, keyEnd, isEnd }) => `${key} ${keyEnd} ${isEnd === true}`,
    );
    const read = sets.read(set.name);
    const found = read.ok
      ? read.value.map(({ key, keyEnd, intervalEnd }) => `${key} ${keyEnd} ${intervalEnd === true}`)
      : [`${read.error.errno}`];
    same(found.sort(), wanted.sort(), set.name);
  }
}

async function provePacket(): Promise<void> {
  const { sets } = kernelHere();
  const key = addressKey('203.0.113.7')!;
  const timeout = keptFor(300_000);
  const error = sets.teach([
    { operation: 'renew', set: 'skype_addr4', elements: [{ key, timeout }] },
  ]);
  same(error, null);
  const read = sets.read('skype_addr4');
  same(read.ok ? read.value.map((one) => String(one.key)) : read.error.errno, [String(key)]);
  if (sets.byPacket()[4] !== true)
    throw new Skip('lo is down: a transaction has added the element');
  same(sets.takeCommits(), 0);
}
