// The agent's copy of the sets that the ruleset fills has what the kernel's sets have and no more, also of a device
// beyond its share: packets go through the traced table, and its announcements to step.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { taughtElements } from '../../../agent/src/learn/dynamic-sets.ts';
import { learnedSetsOf } from '../../../agent/src/learn/snapshot.ts';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { addressKey, portKey } from '../../../agent/src/ruleset/elements.ts';
import {
  addElements,
  createKernel,
  listElements,
} from '../../../agent/src/ruleset/trace/fake-kernel.ts';
import { trace } from '../../../agent/src/ruleset/trace/trace.ts';
import { createState } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { bytesIn } from '../../../agent/src/wire/hex.ts';
import { span } from '../../fixtures/bytes.ts';
import { natPmp, udp } from '../../fixtures/packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { profile } from '../../fixtures/profile.ts';
import { A, B, MAC_A, NODE, P2P, ROUTER, SENDER } from '../../trace/cases.ts';
import { arrival, keyText, senderOf, WORLD } from '../../trace/play.ts';

/** Caps of 16 ports and 16 peers: a share is two. */
const policy = policyFrom({
  profile: {
    caps: { endpoints: 16, ports: 16, peers: 16, devices: 16 },
    endpoints: { ...profile.endpoints, learn: ['udp'] },
  },
});

function begin() {
  const kernel = createKernel(compile(policy), WORLD);
  const state = createState(policy, () => false);
  // Behind another router: devices are known by their addresses.
  state.gateways.add(SENDER);
  addElements(kernel, 'gateways', [{ key: Uint8Array.of(2, 0, 0, 0, 0, 2) }], 0);
  let now = 1000;
  const known = (set: string, key: Uint8Array | null): void => {
    addElements(kernel, set, [{ key: key! }], now);
  };
  const send = (bytes: Uint8Array, mac?: string, isHeard = true): string[] => {
    now += 20;
    const sent = { from: 'lan', bytes, ...(mac === undefined ? {} : { mac }) } as const;
    const { logs } = trace(kernel, arrival({ ...sent, want: { verdict: 'accept' } }), now);
    for (const { prefix } of isHeard ? logs : []) {
      const event = { kind: 'evidence', prefix, mac: senderOf(sent), ...span(bytes) } as const;
      step(state, event, now);
    }
    return logs.map(({ prefix }) => prefix.split(':')[1]!);
  };
  /** Announced as full, and not as what it is: the device's announcements were used up. */
  const refuse = (bytes: Uint8Array): void => {
    const sent = { from: 'lan', bytes } as const;
    step(
      state,
      { kind: 'evidence', prefix: 'whp:full:skype', mac: senderOf(sent), ...span(bytes) },
      now,
    );
  };
  /** "set key" of all that the kernel has, and of all that the agent believes it has. */
  const both = () => {
    const sets = learnedSetsOf(policy.apps[0]!).filter((set) => /_(?:udp|tcp|peer)/.test(set));
    const texts = (keysIn: (set: string) => readonly { readonly key: Uint8Array }[]) =>
      sets.flatMap((set) => keysIn(set).map(({ key }) => `${set} ${keyText(set, key)}`)).sort();
    return {
      kernel: texts((set) => listElements(kernel, set, now)),
      agent: texts((set) =>
        taughtElements(state.taught, set, now).map(({ key }) => ({ key: bytesIn(key) })),
      ),
    };
  };
  return { known, send, refuse, both };
}

const packet = (src: string, sport: number, dst: string, dport: number): Uint8Array =>
  udp({ src, dst, sport, dport }, new Uint8Array(20));

for (const mac of [MAC_A, SENDER]) {
  const where = mac === MAC_A ? '' : ', behind another router';

  test(`a device that opens peers beyond its share: none that the kernel did not add${where}`, () => {
    const { send, both } = begin();
    send(packet(A, P2P, NODE, 40011), mac);
    const logs = [1, 2, 3, 4, 5].map((last) => send(packet(A, P2P, `93.184.216.${last}`, 1), mac));
    assert.equal(logs, [['port'], ['port'], ...Array(3).fill(['full', 'port'])]);
    const { kernel, agent } = both();
    assert.is(kernel.filter((one) => one.startsWith('skype_peer4 ')).length, 2);
    assert.equal(agent, kernel);
    // What is known is renewed, and others still teach.
    send(packet(A, P2P, '93.184.216.1', 2), mac);
    send(packet(B, P2P, NODE, 40011));
    send(packet(B, P2P, '93.184.216.5', 1));
    assert.equal(both().agent, both().kernel);
  });

  test(`ports beyond the share, shown to a supernode or mapped${where}`, () => {
    const { known, send, both } = begin();
    for (const port of [1, 2, 3, 4]) send(packet(A, port, NODE, 40011), mac);
    assert.equal(both().agent, both().kernel);
    known('skype_portmap4', addressKey(A));
    for (const port of [2, 5, 6]) {
      const request = { src: A, dst: ROUTER, sport: 6000, dport: 5351 };
      send(udp(request, natPmp(1, port, 3600)), mac);
    }
    assert.equal(both().agent, both().kernel);
  });

  test(`servers beyond the share: the port that the same packet shows is known${where}`, () => {
    const { known, send, both } = begin();
    for (const last of [1, 2, 3]) known('skype_addr4', addressKey(`93.184.216.${last}`));
    send(packet(A, 1, '93.184.216.1', 3478), mac);
    send(packet(A, 1, '93.184.216.2', 3478), mac);
    assert.equal(send(packet(A, 2, '93.184.216.3', 3478), mac), ['full', 'addr']);
    assert.equal(both().agent, both().kernel);
    // And the other way round: the server is known, the port is one too many.
    assert.equal(send(packet(A, 3, '93.184.216.1', 3478), mac), ['full', 'addr']);
    assert.equal(both().agent, both().kernel);
    assert.equal(send(packet(A, 4, '93.184.216.3', 3478), mac), ['full', 'full', 'addr']);
    assert.equal(both().agent, both().kernel);
  });
}

test('a P2P port whose announcement was lost is known by its next flow, peers beyond the share or not', () => {
  const { known, send, both } = begin();
  known('skype_udp4', portKey(A, P2P));
  known('skype_udpmac', portKey(MAC_A, P2P));
  for (const last of [1, 2]) send(packet(A, P2P, `93.184.216.${last}`, 1), MAC_A, false);
  assert.equal(send(packet(A, P2P, '93.184.216.3', 1), MAC_A), ['full', 'port']);
  assert.equal(both().agent, [`skype_udp4 ${A} ${P2P}`, `skype_udpmac ${MAC_A} ${P2P}`]);
});

test('what was not added of one packet says nothing of the next', () => {
  const { send, refuse, both } = begin();
  refuse(packet(A, 1, NODE, 40011));
  send(packet(B, P2P, NODE, 40011));
  send(packet(A, 1, NODE, 40011));
  assert.is(both().agent.length, 4);
  assert.equal(both().agent, both().kernel);
});

test('a set that is full for all has no more in the copy', () => {
  const { known, send, both } = begin();
  for (let port = 1; port <= 16; port++) known('skype_udp4', portKey('192.168.1.200', port));
  assert.equal(send(packet(B, P2P, NODE, 40011), SENDER), ['full', 'range']);
  assert.equal(both().agent, []);
});

test.run();
