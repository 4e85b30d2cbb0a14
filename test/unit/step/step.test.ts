// step: the effects of each event; a held answer is released after its elements are added.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Effect } from '../../../agent/src/learn/effect.ts';
import { deviceKey } from '../../../agent/src/ruleset/elements.ts';
import { createState, type Event, type State } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { span } from '../../fixtures/bytes.ts';
import { answerTo, queryFor } from '../../fixtures/dns.ts';
import { answerEvent, askedEvents } from '../../fixtures/dns-events.ts';
import { DEVICE, ROUTER, udp4 } from '../../fixtures/plain-packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';

const policy = policyFrom({ globals: { hold: true }, proxies: [], app: { proxies: [] } });

function fresh(): State {
  return createState(policy, (address) => address === '192.168.1.1');
}

/** An answer of the router to the device; with address null the device's query. */
function dns(text: string, address: readonly number[] | null): Uint8Array {
  return address === null
    ? udp4(DEVICE, 40000, ROUTER, 53, queryFor(text))
    : udp4(ROUTER, 53, DEVICE, 40000, answerTo(text, [{ name: '@12', type: 1, rdata: address }]));
}

function query(bytes: Uint8Array, { age = 0, mac = null as string | null } = {}): Event {
  return { kind: 'query', age, mac, ...span(bytes) };
}

function kinds(effects: readonly Effect[]): string[] {
  return effects.map((effect) => effect.kind);
}

function answer(state: State, text: string, address: readonly number[]): readonly Effect[] {
  const bytes = dns(text, address);
  const [query, event] = askedEvents(bytes, { id: 9 });
  step(state, query, 1000);
  return step(state, event, 1000);
}

test('an answer that is nobody’s is released and teaches nothing', () => {
  assert.equal(answer(fresh(), 'www.example.org', [192, 0, 2, 7]), [{ kind: 'release', id: 9 }]);
});

test('an answer that matches is released behind the set update', () => {
  const effects = answer(fresh(), 'UI.skype.COM', [203, 0, 113, 7]);
  assert.equal(kinds(effects), ['renew', 'late', 'monitor', 'release']);
  const renew = effects[0]!;
  assert.is(renew.kind === 'renew' && renew.set, 'skype_addr4');
  assert.equal(renew.kind === 'renew' && [...renew.elements[0]!.key], [203, 0, 113, 7]);
});

test('IPv6 addresses are held and learned like IPv4 ones', () => {
  const rdata = Uint8Array.of(0x26, 0x03, 0x10, 0x05, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8);
  const message = answerTo('ui.skype.com', [{ name: '@12', type: 28, ttl: 300, rdata }]);
  const bytes = udp4([192, 168, 1, 1], 53, [192, 168, 1, 11], 40000, message);
  const [query, event] = askedEvents(bytes, { id: 9 });
  const state = fresh();
  step(state, query, 1000);
  const effects = step(state, event, 1000);
  assert.equal(kinds(effects), ['renew', 'late', 'monitor', 'release']);
  const [renew] = effects;
  assert.is(renew?.kind === 'renew' && renew.set, 'skype_addr6');
  assert.equal(renew?.kind === 'renew' && renew.elements[0]!.key, rdata);
});

test('an answer with a private address teaches nothing, and is released', () => {
  assert.ok(!kinds(answer(fresh(), 'ui.skype.com', [127, 80, 50, 80])).includes('renew'));
  assert.is(kinds(answer(fresh(), 'ui.skype.com', [192, 168, 1, 1])).at(-1), 'release');
});

test('garbage is released, counted and remembered with its reason', () => {
  const state = fresh();
  const bytes = Uint8Array.of(0x45, 0, 0);
  const effects = step(state, answerEvent(bytes, { id: 3 }), 0);
  assert.equal(effects, [{ kind: 'release', id: 3 }]);
  assert.is(state.counters.malformed, 1);
  assert.equal(state.reasons, ['packet: shorter than an IP header']);
});

test('an answer for an application’s name that cannot be read to its end is refused, and said once', () => {
  const state = fresh();
  const broken = (text: string) => {
    const ahead = { name: '@90', type: 1, rdata: [203, 0, 113, 8] };
    const message = answerTo(text, [{ name: '@12', type: 1, rdata: [203, 0, 113, 7] }, ahead]);
    const bytes = udp4([192, 168, 1, 1], 53, [192, 168, 1, 11], 40000, message);
    return step(
      state,
      { kind: 'answer', id: 9, outside: false, heard: null, ...span(bytes) },
      1000,
    );
  };
  assert.equal(kinds(broken('ui.skype.com')), ['renew', 'late', 'monitor', 'report', 'refuse']);
  assert.equal(kinds(broken('ui.skype.com')), ['monitor', 'refuse']);
  assert.is(state.counters.refused, 2);
  assert.equal(kinds(broken('www.example.org')), ['release']);
});

test('a query opens the window of the device that asked, for the profile’s time', () => {
  const bytes = dns('ui.skype.com', null);
  const effects = step(fresh(), query(bytes), 0);
  assert.equal(kinds(effects), ['renew', 'monitor']);
  const renew = effects[0]!;
  assert.ok(renew.kind === 'renew');
  if (renew.kind !== 'renew') return;
  assert.is(renew.set, 'skype_portmap4');
  assert.equal(renew.elements, [{ key: Uint8Array.of(192, 168, 1, 11) }], 'the timeout of the set');
});

test('a query opens the window of the MAC that asked; behind another router, of the address', () => {
  const bytes = dns('ui.skype.com', null);
  const mac = '02:00:00:00:00:0a';
  const state = fresh();
  const ask = (): readonly Effect[] => step(state, query(bytes, { mac }), 0);
  const [renew] = ask();
  assert.ok(renew?.kind === 'renew' && renew.set === 'skype_portmapmac');
  assert.equal(renew?.kind === 'renew' && renew.elements[0]!.key, deviceKey(mac));
  // The next query of the burst changes nothing.
  assert.equal(kinds(ask()), []);
  state.gateways.add(mac);
  const [routed] = ask();
  assert.ok(routed?.kind === 'renew' && routed.set === 'skype_portmap4');
});

test('an application that starts asks for its names, and its window is over four seconds later', () => {
  const bytes = dns('ui.skype.com', null);
  const state = fresh();
  for (let number = 0; number < 30; number += 1) {
    const event = query(bytes);
    const [renew] = step(state, event, number * 100);
    assert.ok(renew?.kind === 'renew', `query ${number}`);
  }
});

test('queries of a flood: each has its four seconds', () => {
  const bytes = dns('ui.skype.com', null);
  const state = fresh();
  let until = 0;
  for (let at = 0; at < 3000; at += 5) {
    const event = query(bytes);
    for (const effect of step(state, event, at)) {
      if (effect.kind !== 'renew') continue;
      until = at + 4040;
    }
    // Beyond its tokens only some queries are decoded.
    assert.ok(until >= at + 3900 && until <= at + 4040, `${until} at ${at}`);
  }
});

test('the window of a query that is read late is over when it would have been', () => {
  const bytes = dns('ui.skype.com', null);
  const read = (age: number) => step(fresh(), query(bytes, { age }), 0);
  const [renew] = read(1500.7);
  assert.ok(renew?.kind === 'renew');
  assert.equal(renew?.kind === 'renew' && renew.elements[0]?.timeout, 2539);
  assert.equal(read(4000), [], 'over before it was read');
});

test('late evidence cuts that flow and nothing else', () => {
  const bytes = dns('ui.skype.com', null);
  const all = span(bytes);
  const effects = step(
    fresh(),
    { kind: 'evidence', mac: null, prefix: 'whp:late:skype', ...all },
    0,
  );
  assert.equal(kinds(effects), ['cut', 'monitor']);
  const cut = effects[0]!;
  assert.ok(cut.kind === 'cut' && cut.flow.source === '192.168.1.11');
});

test('a foreign prefix and an unknown app are ignored', () => {
  const bytes = dns('ui.skype.com', null);
  const all = span(bytes);
  assert.equal(step(fresh(), { kind: 'evidence', mac: null, prefix: 'banip', ...all }, 0), []);
  assert.equal(
    step(fresh(), { kind: 'evidence', mac: null, prefix: 'whp:range:teams', ...all }, 0),
    [],
  );
});

test.run();
