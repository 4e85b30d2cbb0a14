// The messages of a table for both byte orders: values of packets are the same bytes, values of the kernel (marks,
// states, types of addresses) are turned round.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NFT_MSG_NEWSET, NFTA_SET_USERDATA } from '../../../agent/src/netlink/nft-constants.ts';
import type { NftMessage, Tree } from '../../../agent/src/netlink/nft-tree.ts';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { createEncoder } from '../../../agent/src/ruleset/encode/encoder.ts';
import { ruleMessages } from '../../../agent/src/ruleset/encode/rule.ts';
import { encodeTable } from '../../../agent/src/ruleset/encode/table.ts';
import type { Statement } from '../../../agent/src/ruleset/model.ts';
import {
  daddr,
  is,
  masked,
  metaMark,
  oneOf,
  rule,
  saddr,
  sport,
} from '../../../agent/src/ruleset/terms.ts';
import { policyFrom, resolverBypass } from '../../fixtures/policies.ts';

const globals = { hold: true };
const ruleset = compile(
  policyFrom({ globals, resolverBypass: { ...resolverBypass, hello: 'hold', redirect: true } }),
);

function messagesFor(isLittle: boolean): NftMessage[] {
  const all: NftMessage[] = [];
  const encoding = encodeTable(ruleset, isLittle, (messages) => {
    all.push(...messages);
    return new Uint8Array(0);
  });
  while (encoding.next().done !== true);
  return all;
}

/** Calls `meet` with the values at the same places of two trees. */
function together(a: Tree, b: Tree, meet: (a: Tree[number], b: Tree[number]) => void): void {
  assert.is(a.length, b.length);
  for (const [i, one] of a.entries()) {
    const other = b[i]!;
    if (Array.isArray(one)) together(one, other as Tree, meet);
    else meet(one, other);
  }
}

test('each value is the same, or turned round', () => {
  const [little, big] = [messagesFor(true), messagesFor(false)];
  assert.is(little.length, big.length);
  const counts = { same: 0, turned: 0 };
  for (const [i, [type, flags, tree]] of little.entries()) {
    assert.equal([type, flags], [big[i]![0], big[i]![1]]);
    if (type === NFT_MSG_NEWSET) continue;
    together(tree, big[i]![2], (one, other) => {
      if (!(one instanceof Uint8Array)) {
        assert.is(one, other);
        return;
      }
      const bytes = Array.from(other as Uint8Array);
      const isSame = String(one) === String(bytes);
      // An element with an open end has an entry beside it.
      if (!isSame && one.length === 6)
        assert.equal(numbersIn(one, true), numbersIn(Uint8Array.from(bytes), false));
      else if (!isSame) assert.equal(Array.from(one), bytes.reverse());
      counts[isSame ? 'same' : 'turned'] += 1;
    });
  }
  assert.ok(counts.same > 1000 && counts.turned > 100, JSON.stringify(counts));
});

test('what nft stores beside a set has its numbers in the order of the machine', () => {
  const [little, big] = [messagesFor(true), messagesFor(false)];
  for (const [i, [type, , tree]] of little.entries()) {
    if (type !== NFT_MSG_NEWSET) continue;
    const [one, other] = [tree, big[i]![2]].map((all) => userdataIn(all)!);
    assert.equal(numbersIn(one!, true), numbersIn(other!, false));
  }
});

function userdataIn(tree: Tree): Uint8Array | null {
  for (const [i, one] of tree.entries()) {
    if (one === NFTA_SET_USERDATA && tree[i + 1] instanceof Uint8Array)
      return tree[i + 1] as Uint8Array;
    const inside = Array.isArray(one) ? userdataIn(one) : null;
    if (inside !== null) return inside;
  }
  return null;
}

/** Types and numbers of the entries: those of four bytes hold numbers, longer ones hold entries. */
function numbersIn(bytes: Uint8Array, isLittle: boolean): unknown[] {
  const found: unknown[] = [];
  for (let at = 0; at + 2 <= bytes.length; at += 2 + bytes[at + 1]!) {
    const value = bytes.slice(at + 2, at + 2 + bytes[at + 1]!);
    const number = (): number => new DataView(value.buffer).getUint32(0, isLittle);
    found.push([bytes[at], value.length === 4 ? number() : numbersIn(value, isLittle)]);
  }
  return found;
}

/** The byte values in the messages of one rule. */
function valuesOf(isLittle: boolean, ...statements: Statement[]): string[] {
  const found: string[] = [];
  const to = createEncoder('whp', isLittle);
  for (const [, , tree] of ruleMessages(to, 'c', [rule('r', ...statements)]))
    together(tree, tree, (one) => {
      if (one instanceof Uint8Array)
        found.push(Array.from(one, (byte) => byte.toString(16).padStart(2, '0')).join(''));
    });
  return found;
}

test('a mark, an address, a port and types of addresses', () => {
  const mark = is(masked(metaMark, 0x0f000000), 0x01000000);
  assert.equal(valuesOf(true, mark), ['0000000f', '00000000', '00000001']);
  assert.equal(valuesOf(false, mark), ['0f000000', '00000000', '01000000']);
  const packet = [is(saddr(4), '192.0.2.1'), is(sport, 53)];
  for (const isLittle of [true, false])
    assert.equal(valuesOf(isLittle, ...packet), ['02', 'c0000201', '0035']);
  const types = oneOf({ kind: 'fib', result: 'type' }, ['local', 'broadcast']);
  assert.equal(valuesOf(true, types).slice(-2), ['02000000', '03000000']);
  assert.equal(valuesOf(false, types).slice(-2), ['00000002', '00000003']);
  assert.equal(valuesOf(false, is(daddr(6), '2001:db8::1')).slice(-1), [
    '20010db8000000000000000000000001',
  ]);
});

test.run();
