// Several parts together on a fake clock: reloads while a call is learned and its elements expire; another
// program starts to offload flows.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { heldElements, learnedSetsOf } from '../../agent/src/learn/snapshot.ts';
import { createRepair, repairStep } from '../../agent/src/reconcile/repair.ts';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { isOffloadWanted, offloadText } from '../../agent/src/ruleset/flow-offload.ts';
import { OFFLOAD_TABLE, TABLE } from '../../agent/src/ruleset/names.ts';
import { renderParts } from '../../agent/src/ruleset/render.ts';
import { reloadText } from '../../agent/src/ruleset/transaction.ts';
import { createState, type Event } from '../../agent/src/step/state.ts';
import { step } from '../../agent/src/step/step.ts';
import { span } from '../fixtures/bytes.ts';
import { answerTo } from '../fixtures/dns.ts';
import { askedEvents } from '../fixtures/dns-events.ts';
import { udp } from '../fixtures/packets.ts';
import { udp4 } from '../fixtures/plain-packets.ts';
import { app, policyFrom } from '../fixtures/policies.ts';
import { rounds } from '../lib/rounds.ts';

const PHONE = '192.168.1.11';
const NODE = '111.221.74.20';

/** ui.skype.com is 203.0.113.7 for twenty minutes, and the kernel keeps it ten seconds longer. */
const [query, answer] = askedEvents(
  udp4(
    [192, 168, 1, 1],
    53,
    [192, 168, 1, 11],
    40000,
    answerTo('ui.skype.com', [{ name: '@12', type: 1, ttl: 1200, rdata: [203, 0, 113, 7] }]),
  ),
);

/** The P2P port sends to a supernode. */
const shown: Event = {
  kind: 'evidence',
  mac: null,
  prefix: 'whp:range:skype',
  ...span(udp({ src: PHONE, dst: NODE, sport: 13021, dport: 40001 }, new Uint8Array(30))),
};

test('reloads for ten minutes: each touches what differs, none what is learned', () => {
  const [one, other] = [
    policyFrom({}),
    policyFrom({ app: { devices: [PHONE], fallback: 'direct' } }),
  ];
  const tables = new Map([one, other].map((policy) => [policy, renderParts(compile(policy))]));
  const isOwn = () => false;
  let policy = one;
  let state = createState(policy, isOwn);
  step(state, query, 0);
  step(state, answer, 0);
  step(state, shown, 0);
  const learned = learnedSetsOf(app);
  const count = rounds(20, 100);
  for (let i = 1; i <= count; i++) {
    const now = (i * 590_000) / count;
    const next = i % 2 === 1 ? other : one;
    const text = reloadText(tables.get(policy)!, tables.get(next)!, () => heldElements(state, now));
    assert.is.not(text, '', `reload ${i}`);
    for (const line of text.split('\n')) {
      const touched = /^(?:flush|delete|add) (?:set|element) inet whp (\S+)/.exec(line)?.[1];
      assert.not.ok(touched !== undefined && learned.includes(touched), line);
      assert.not.match(line, /^(?:flush|delete) table/);
    }
    assert.is(reloadText(tables.get(next)!, tables.get(next)!), '', 'the same once more');
    policy = next;
    state = createState(policy, isOwn, state);
    step(state, { kind: 'tick' }, now);
    const left = Object.fromEntries(
      Array.from(heldElements(state, now), ([set, [first]]) => [set, first!.left]),
    );
    // The remaining times are those without a reload.
    assert.equal(left, { skype_addr4: 1_210_000 - now, skype_udp4: 7_200_000 - now }, `at ${now}`);
  }
  step(state, { kind: 'tick' }, 1_210_001);
  assert.equal(
    [...heldElements(state, 1_210_001).keys()],
    ['skype_udp4'],
    'it ends when it should',
  );
});

test('somebody begins to offload flows: seen with his transaction, ours are apart, and stay so', () => {
  const tables = new Set<string>();
  const repair = createRepair(15000, 15000);
  repairStep(repair, { kind: 'loaded', generation: 3, own: 1, fingerprint: 'prerouting 1 9' }, 0);
  let generation = 3;
  let made = 0;
  const apartAt: number[] = [];
  for (let at = 500; at <= 20_000; at += 500) {
    // fw4 loads its flow table at 5 s and reloads at 10 s; at 15 s our flow table is deleted.
    if (at === 5000) tables.add('fw4');
    if (at === 15_000) tables.delete(OFFLOAD_TABLE);
    if ([5000, 10_000, 15_000].includes(at)) generation += 1;
    const asked = repairStep(repair, { kind: 'generation', generation, own: made }, at);
    made = 0;
    if (!asked.some(({ kind }) => kind === 'look-table')) continue;
    const [effect] = repairStep(repair, { kind: 'table', fingerprint: 'prerouting 1 9' }, at);
    assert.is(effect, undefined, 'our own table stands');
    if (!isOffloadWanted(tables)) continue;
    assert.match(offloadText(0x0f000000), `table inet ${OFFLOAD_TABLE}`);
    assert.not.match(offloadText(0x0f000000), `table inet ${TABLE} `);
    tables.add(OFFLOAD_TABLE);
    generation += 1;
    made = 1;
    apartAt.push(at);
  }
  assert.equal(apartAt, [5000, 15_000]);
});

test.run();
