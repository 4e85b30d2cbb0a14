// ruleset/compile/element-packets: the rules that read the agent's packets to loopback (ruleset/element-packet) and
// add the element that each carries, or end its lifetime. A packet that has done so is dropped: its send fails with
// EPERM. One that has not, because the set is full or not there, must not fail with EPERM: no later chain may drop
// it, so it goes into a queue that nobody listens to. On a kernel without queues it passes, and ends on loopback.
import { type App, type Policy, UNHEARD_QUEUE } from '../../policy/policy.ts';
import { FAMILIES, type Family } from '../../wire/address.ts';
import {
  DELETES,
  ELEMENT_MARK,
  FIELD_AT,
  isOfOneLease,
  type KeyParts,
  keyParts,
  LEASE_AT,
  OF_THE_SET,
  SET_AT,
  setNumber,
} from '../element-packet.ts';
import { SLACK } from '../elements.ts';
import { answerLeases, firstLease } from '../host-lessons.ts';
import type { Chain, Expression, LearnedSet, Rule, Statement } from '../model.ts';
import { elementProofSet, helloSegmentSet, setsOf } from '../names.ts';
import {
  concat,
  daddr,
  dispatch,
  drop,
  is,
  metaMark,
  oifname,
  raw,
  rule,
  saddr,
  update,
} from '../terms.ts';
import type { Context } from './context.ts';
import { readsHello } from './tls-hello.ts';

/** The first of all chains in the output hook: no other may drop the packet before it (INT_MIN of C). */
const FIRST = -2147483648;

/**
 * A lifetime that is over at once, milliseconds. A rule that deletes an element leaves it in the count of the set
 * and its memory in use (nft_rhash_delete before Linux 6.5); an expired one is collected within a second.
 */
const OVER = 1;

/** Proofs that may be there at once, and how long each stays, milliseconds. */
const PROOFS = { size: 64, timeout: 10_000 };

export function elementSets(): LearnedSet[] {
  return FAMILIES.map((family) => ({
    role: 'learned',
    name: elementProofSet(family),
    key: [family === 4 ? 'ipv4' : 'ipv6'],
    dynamic: true,
    ...PROOFS,
  }));
}

export function elementChains(context: Context): Chain[] {
  const { policy } = context;
  const sets = [
    ...FAMILIES.map(elementProofSet).map((set) => ({ set, leases: [OF_THE_SET] })),
    ...policy.apps.flatMap((app) => setsOfApp(policy, app)),
    ...(readsHello(context)
      ? FAMILIES.map(helloSegmentSet).map((set) => ({ set, leases: [] }))
      : []),
  ];
  const isOwn = [is(metaMark, ELEMENT_MARK), is(oifname, 'lo')];
  const rules = [
    rule(
      'an element from the agent',
      ...isOwn,
      dispatch(
        raw(SET_AT * 8, 32),
        sets.map(({ set }) => [setNumber(set), { verdict: 'jump', chain: chainName(set) }]),
      ),
    ),
    ...(policy.globals.hold ? [rule('not taken', ...isOwn, NOT_TAKEN)] : []),
  ];
  return [
    ...sets.map(({ set, leases }) => elementChain(set, leases)),
    { name: 'agent_element', base: { type: 'filter', hook: 'output', priority: FIRST }, rules },
  ];
}

const NOT_TAKEN: Statement = { kind: 'queue', number: UNHEARD_QUEUE, isStrict: true };

function chainName(set: string): string {
  return `${set}_element`;
}

interface ElementSet {
  readonly set: string;
  readonly leases: readonly number[];
}

function setsOfApp(policy: Policy, app: App): ElementSet[] {
  const kinds = ['addr', 'peer', 'peermac', 'portmap', 'portmapmac'] as const;
  const hello = (policy.resolverBypass?.hello ?? 'off') === 'off' ? [] : (['hello'] as const);
  return [...kinds, ...hello].flatMap((kind) =>
    setsOf(app.name, kind).map((set) => ({
      set,
      leases: isOfOneLease(set) ? [OF_THE_SET] : leasesOf(app, kind),
    })),
  );
}

/** Those of answers, and the one that the host program keeps an element for at first. */
function leasesOf(app: App, kind: string): number[] {
  return [...new Set([...answerLeases(app.profile.endpoints), firstLease(app, kind)])];
}

function elementChain(set: string, leases: readonly number[]): Chain {
  const family: Family = set.endsWith('6') ? 6 : 4;
  const element = concat(...keyParts(set)!.flatMap((part) => partOf(part, family)));
  const lease = raw(LEASE_AT * 8, 32);
  const rules: Rule[] = leases.map((seconds) =>
    rule(
      'add',
      is(lease, seconds),
      update(set, element, seconds === OF_THE_SET ? undefined : seconds * 1000 + SLACK),
      drop,
    ),
  );
  rules.push(rule('delete', is(lease, DELETES), update(set, element, OVER), drop));
  return { name: chainName(set), rules };
}

function partOf(part: KeyParts[number], family: Family): Expression[] {
  const field = FIELD_AT * 8;
  switch (part) {
    case 'source':
      return [saddr(family)];
    case 'destination':
      return [daddr(family)];
    case 'mac':
      return [raw(field, 32), raw(field + 32, 16)];
    case 'port':
      return [raw(field, 32)];
  }
}
