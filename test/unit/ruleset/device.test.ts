// ruleset/trace/trace: a device without an Ethernet header (behind a tunnel or PPP as lan device) is identified
// by its address, in the learned sets and in its share.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { addressKey, pairKey, portKey } from '../../../agent/src/ruleset/elements.ts';
import {
  addElements,
  createKernel,
  listElements,
  type ModelKernel,
} from '../../../agent/src/ruleset/trace/fake-kernel.ts';
import { trace } from '../../../agent/src/ruleset/trace/trace.ts';
import { natPmp, udp } from '../../fixtures/packets.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { A, B, NODE, P2P, PEER, ROUTER } from '../../trace/cases.ts';

function send(kernel: ModelKernel, bytes: Uint8Array, hooks: 'forward' | 'input' = 'forward') {
  const oif = hooks === 'forward' ? 'wan' : '';
  return trace(kernel, { bytes, iif: 'br-lan', oif, hooks }, 1000);
}

const u = (src: string, sport: number, dst: string, dport: number) =>
  udp({ src, dst, sport, dport }, new Uint8Array(20));
const keys = (kernel: ModelKernel, set: string) =>
  listElements(kernel, set, 1000).map(({ key }) => key);

test('port and peer are learned by address, and no other device has them', () => {
  const kernel = createKernel(compile(policyFrom({})));
  assert.is(send(kernel, u(A, P2P, NODE, 40011)).route, 'tunnel');
  assert.is(send(kernel, u(A, P2P, PEER, 40000)).route, 'tunnel');
  assert.is(send(kernel, u(B, P2P, PEER, 40001)).route, 'direct');
  assert.equal(keys(kernel, 'skype_udp4'), [portKey(A, P2P)]);
  assert.equal(keys(kernel, 'skype_peer4'), [pairKey(A, PEER)]);
  for (const set of ['skype_udpmac', 'skype_peermac4', 'skype_port_limit_mac', 'log_limit_mac']) {
    assert.equal(keys(kernel, set), []);
  }
});

test('the window is the address’s, and so is the share', () => {
  const caps = { endpoints: 16, ports: 16, peers: 16, devices: 16 };
  const kernel = createKernel(compile(policyFrom({ profile: { caps } })));
  const map = (src: string, port: number) =>
    send(kernel, udp({ src, dst: ROUTER, sport: 6000, dport: 5351 }, natPmp(1, port, 60)), 'input');
  for (const device of [A, B]) {
    const key = addressKey(device)!;
    addElements(kernel, 'skype_portmap4', [{ key, timeout: 4000 }], 1000);
  }
  for (const port of [1, 2, 3]) map(A, port);
  map(B, 1);
  assert.equal(keys(kernel, 'skype_udp4'), [portKey(A, 1), portKey(A, 2), portKey(B, 1)]);
  assert.equal(keys(kernel, 'skype_port_limit4'), [addressKey(A), addressKey(B)]);
});

test.run();
