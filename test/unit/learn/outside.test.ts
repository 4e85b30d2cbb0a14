// learn/outside and step/outside: flows that the meter announced and counted, the counters of the next table,
// and the answer of status.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { meterAnswer } from '../../../agent/src/answers/meter.ts';
import type { Effect } from '../../../agent/src/learn/effect.ts';
import {
  createOutside,
  knownCounts,
  noteCounts,
  noteLate,
  noteOutside,
  retainOutside,
} from '../../../agent/src/learn/outside.ts';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import {
  GROUNDS,
  outsideCounter,
  outsidePrefix,
  parsePrefix,
} from '../../../agent/src/ruleset/names.ts';
import { renderParts } from '../../../agent/src/ruleset/render.ts';
import { loadText } from '../../../agent/src/ruleset/transaction.ts';
import { createState } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { span } from '../../fixtures/bytes.ts';
import { udp } from '../../fixtures/packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { NAMELESS } from '../../fixtures/surroundings.ts';

const A = '192.168.1.10';
const NODE = '111.221.74.20';
const OTHER = '1.0.0.1';
const policy = policyFrom({});

function announced(prefix: string, dst: string, dport = 40011) {
  const state = createState(policy, () => false);
  const bytes = udp({ src: A, dst, sport: 13021, dport });
  const event = {
    kind: 'evidence',
    mac: null,
    prefix,
    ...span(bytes),
  } as const;
  const run = (now: number): readonly Effect[] => step(state, event, now);
  return { state, run, length: bytes.length };
}

test('prefixes, there and back', () => {
  for (const ground of GROUNDS) {
    assert.equal(parsePrefix(outsidePrefix('skype', ground)), {
      feed: 'outside',
      app: 'skype',
      ground,
    });
  }
  for (const other of ['whp:outside:skype', 'whp:outside:skype:x', 'whp:outside:skype:addr:x'])
    assert.is(parsePrefix(other), null, other);
});

test('each packet is counted, the log says it once, and the flow is looked for', () => {
  const { state, run, length } = announced(outsidePrefix('skype', 'range'), NODE);
  const first = run(1000);
  assert.equal(
    first.map(({ kind }) => kind),
    ['report', 'late'],
  );
  assert.match(
    JSON.stringify(first),
    /udp 192\.168\.1\.10:13021 111\.221\.74\.20:40011 \(supernode range/,
  );
  assert.equal(
    run(1001).map(({ kind }) => kind),
    ['late'],
  );
  assert.equal(state.outside.unread.get('skype'), { packets: 2, bytes: 2 * length });
});

test('a packet whose flow has our mark is told by it, and no flow is looked for', () => {
  const { run, state } = announced(outsidePrefix('skype', 'mark'), OTHER);
  assert.equal(
    run(1000).map(({ kind }) => kind),
    ['report'],
  );
  assert.is(state.outside.last.get('skype')?.ground, 'mark');
});

test('of an application that is not configured nothing is kept', () => {
  const { run, state } = announced(outsidePrefix('nobody', 'addr'), OTHER);
  assert.equal(run(1000), []);
  assert.is(state.outside.last.size, 0);
});

const FLOW = { protocol: 17, source: A, sourcePort: 1, destination: OTHER, destinationPort: 2 };

test('the next table goes on from what was read and what was announced since', () => {
  const outside = createOutside();
  const last = { flow: FLOW, ground: 'addr', why: 'w', at: 1 } as const;
  noteCounts(outside, new Map([['skype_outside', { packets: 3, bytes: 300 }]]));
  noteOutside(outside, 'skype', last, 100);
  const counts = knownCounts(outside, outsideCounter);
  assert.equal(counts.get('skype_outside'), { packets: 4, bytes: 400 });
  const text = loadText(renderParts(compile(policy)), new Map(), counts);
  assert.match(text, '\n  counter skype_outside { packets 4 bytes 400 }\n');
  assert.match(text, '\n  counter skype_proxied { }\n');
  noteCounts(outside, counts);
  assert.is(outside.unread.size, 0);
});

test('the answer: nothing known is 0, and late flows add up', () => {
  const outside = createOutside();
  const meter = { stands: true, samples_flows: true };
  const blank = { packets: 0, bytes: 0, last: null, late: null };
  assert.equal(meterAnswer(outside, ['skype'], meter, NAMELESS, 5000), {
    ...meter,
    apps: [{ app: 'skype', ...blank }],
  });
  noteLate(outside, 'skype', FLOW, { packets: 6, bytes: 600 }, 1000);
  noteLate(outside, 'skype', FLOW, { packets: 2, bytes: 100 }, 3000);
  assert.equal(meterAnswer(outside, ['skype'], meter, NAMELESS, 5000).apps[0]!.late, {
    flows: 2,
    packets: 8,
    bytes: 700,
    last: {
      device: null,
      flow: `udp ${A}:1 ${OTHER}:2`,
      protocol: 'udp',
      source: A,
      source_port: 1,
      destination: OTHER,
      destination_port: 2,
      packets: 2,
      ago_s: 2,
    },
  });
  retainOutside(outside, []);
  assert.is(outside.late.size, 0);
});

test.run();
