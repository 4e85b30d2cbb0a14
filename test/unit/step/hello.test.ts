// step with ClientHellos: what is learned, in which order, and the verdict on the held packet.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Effect } from '../../../agent/src/learn/effect.ts';
import type { Policy } from '../../../agent/src/policy/policy.ts';
import { createState, type State } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { span } from '../../fixtures/bytes.ts';
import { tcp } from '../../fixtures/packets.ts';
import { globals, resolverBypass } from '../../fixtures/policies.ts';
import { profile } from '../../fixtures/profile.ts';
import { clientHello, extension, serverName } from '../../fixtures/tls.ts';

const DEVICE = '192.168.1.11';
const SERVER = '23.96.10.11';

function fresh(caps = profile.caps): State {
  const policy: Policy = {
    globals: { ...globals, hold: true },
    proxies: [],
    apps: [
      {
        name: 'skype',
        slot: 1,
        profile: { ...profile, caps },
        devices: [],
        fallback: 'block',
        proxies: [],
      },
    ],
    resolverBypass: { ...resolverBypass, hello: 'hold' },
  };
  return createState(policy, (address) => address === '198.51.100.10');
}

interface Sent {
  readonly payload: Uint8Array;
  readonly src?: string;
  readonly dst?: string;
  readonly sport?: number;
  readonly sequence?: number;
  readonly id?: number | null;
  readonly now?: number;
}

function send(state: State, sent: Sent): readonly Effect[] {
  const { payload, src = DEVICE, dst = SERVER, sport = 50000, sequence = 1, id = 5 } = sent;
  const bytes = tcp({ src, dst, sport, dport: 443, sequence }, 'PA', payload);
  const event = { kind: 'hello', id, mac: null, ...span(bytes) } as const;
  return step(state, event, sent.now ?? 1000);
}

const ours = clientHello([serverName('ui.skype.com')]);
const others = clientHello([serverName('www.example.org')]);
const kinds = (effects: readonly Effect[]): string[] => effects.map(({ kind }) => kind);

test('a held hello of an application: learned for the device, then through the rules again', () => {
  const effects = send(fresh(), { payload: ours });
  assert.equal(kinds(effects), ['renew', 'monitor', 'pass']);
  assert.equal(effects[0], {
    kind: 'renew',
    set: 'skype_hello4',
    elements: [{ key: Uint8Array.of(192, 168, 1, 11, 23, 96, 10, 11) }],
  });
  assert.equal(effects[2], { kind: 'pass', id: 5, again: true });
});

test('a watched one: learned, and the connection cut', () => {
  const effects = send(fresh(), { payload: ours, id: null });
  assert.equal(kinds(effects), ['renew', 'monitor', 'cut']);
});

test('somebody else’s hello passes and teaches nothing', () => {
  assert.equal(send(fresh(), { payload: others }), [{ kind: 'pass', id: 5, again: false }]);
  assert.equal(send(fresh(), { payload: others, id: null }), []);
  assert.equal(send(fresh(), { payload: clientHello([]) }), [
    { kind: 'pass', id: 5, again: false },
  ]);
});

test('what cannot be read passes, and is counted', () => {
  const state = fresh();
  const effects = send(state, { payload: Uint8Array.of(22, 3, 1, 0, 4, 1, 0, 0, 0) });
  assert.equal(effects, [{ kind: 'pass', id: 5, again: false }]);
  assert.is(state.counters.malformed, 1);
});

test('a hello over two segments: the name in the second counts', () => {
  const whole = clientHello([extension(51, new Uint8Array(1500)), serverName('ui.skype.com')]);
  const state = fresh();
  const first = whole.slice(0, 1400);
  assert.equal(send(state, { payload: first, sequence: 100 }), [
    { kind: 'pass', id: 5, again: false },
  ]);
  const second = send(state, { payload: whole.slice(1400), sequence: 1500 });
  assert.equal(kinds(second), ['renew', 'monitor', 'pass']);
  assert.equal(state.hellos.parts.size, 0);
  // Retransmissions of either segment are refused like the ClientHello.
  const copies = [
    send(state, { payload: whole.slice(1400), sequence: 1500 }),
    send(state, { payload: first, sequence: 100 }),
  ];
  const refused = { kind: 'pass', id: 5, again: true };
  assert.equal(copies, [[refused], [refused]]);
});

test('a long hello of somebody else: copies change nothing, behind its second part the flow is let alone', () => {
  const whole = clientHello([extension(51, new Uint8Array(1500)), serverName('www.example.org')]);
  const state = fresh();
  const first = { payload: whole.slice(0, 1400), sequence: 100 };
  for (const part of [first, first]) assert.equal(kinds(send(state, part)), ['pass']);
  assert.equal(send(state, { payload: whole.slice(1400), sequence: 1500 }), [
    { kind: 'pass', id: 5, again: false },
    {
      kind: 'forget',
      set: 'hello_segment4',
      keys: [Uint8Array.of(192, 168, 1, 11, 0xc3, 0x50, 0, 0)],
    },
  ]);
});

test('a second segment of another place or flow is not put behind the first', () => {
  const whole = clientHello([extension(51, new Uint8Array(1500)), serverName('ui.skype.com')]);
  const rest = whole.slice(1400);
  for (const other of [{ sequence: 1501 }, { sequence: 1500, sport: 50001 }]) {
    const state = fresh();
    send(state, { payload: whole.slice(0, 1400), sequence: 100 });
    assert.equal(kinds(send(state, { payload: rest, ...other })), ['pass']);
  }
});

test('an address of the router’s own, and one that is none, are never learned', () => {
  for (const dst of ['198.51.100.10', '10.0.0.9', '127.0.0.1']) {
    assert.equal(kinds(send(fresh(), { payload: ours, dst })), ['pass']);
  }
});

test('copies of a held hello are all refused; one the rules do not take passes in the end', () => {
  const state = fresh();
  const passes = Array.from({ length: 6 }, () => send(state, { payload: ours }).at(-1));
  const again = passes.map((one) => one?.kind === 'pass' && one.again);
  assert.equal(again, [true, true, true, true, false, false]);
});

test('the cap holds: the server named longest ago makes room, family by family', () => {
  const state = fresh({ ...profile.caps, endpoints: 2 });
  send(state, { payload: ours, dst: '23.96.10.1', sport: 1 });
  send(state, { payload: ours, dst: '23.96.10.2', sport: 2 });
  send(state, { payload: ours, src: 'fd00:1::11', dst: '2603:1000::1', sport: 3 });
  const effects = send(state, { payload: ours, dst: '23.96.10.3', sport: 4 });
  assert.equal(kinds(effects), ['forget', 'renew', 'monitor', 'pass']);
  assert.equal(effects[0], {
    kind: 'forget',
    set: 'skype_hello4',
    keys: [Uint8Array.of(192, 168, 1, 11, 23, 96, 10, 1)],
  });
});

test('unfinished hellos and old names are forgotten', () => {
  const state = fresh();
  const whole = clientHello([extension(51, new Uint8Array(1500)), serverName('ui.skype.com')]);
  for (let i = 0; i < 100; i++) send(state, { payload: whole.slice(0, 1400), sport: 1000 + i });
  assert.is(state.hellos.parts.size, 64);
  send(state, { payload: ours });
  step(state, { kind: 'tick' }, 1000 + 3600001);
  assert.equal(
    [state.hellos.parts.size, state.hellos.named.size, state.hellos.again.size],
    [0, 0, 0],
  );
});

test.run();
