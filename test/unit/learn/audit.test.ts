// learn/audit: flows that left outside the tunnels, each with its app and reason; and flows without evidence,
// of other devices or to many destinations.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { judgeFlows, type LeftFlow } from '../../../agent/src/learn/audit.ts';
import { createLearned, learnEndpoints } from '../../../agent/src/learn/endpoints.ts';
import { type Grounds, peerText, portText } from '../../../agent/src/learn/late-flows.ts';
import { ownRange } from '../../../agent/src/policy/build-rules.ts';
import type { App } from '../../../agent/src/policy/policy.ts';
import { auditText } from '../../../agent/src/ruleset/audit.ts';
import { flowText } from '../../../agent/src/wire/flow-text.ts';
import { app, policyFrom } from '../../fixtures/policies.ts';

const A = '192.168.1.10';
const B = '192.168.1.11';
const SERVER = '198.51.100.7';
const PEER = '86.128.10.1';

function left(device: string, devicePort: number, remote: string, more: Partial<LeftFlow> = {}) {
  const counts = { packets: 6, bytes: 600, ago: 3 };
  return { device, devicePort, remote, remotePort: 443, protocol: 17, ...counts, ...more };
}

function judge(flows: readonly LeftFlow[], change: Partial<App> = {}): string[] {
  const learned = createLearned();
  const addresses = [{ address: SERVER, ttlSeconds: 300 }];
  const name = 'api.skype.com';
  const lesson = {
    app: 'skype',
    name,
    root: name,
    entry: name,
    device: A,
    addresses,
    targets: [],
    refused: [],
    at: 0,
  };
  learnEndpoints(learned, lesson, 10);
  const grounds: Grounds = {
    app: { ...app, ...change },
    addresses: new Set([SERVER]),
    ports: new Set([portText(A, 'udp', 13021), portText('2001:db8::1', 'udp', 13021)]),
    peers: new Set([peerText(A, PEER)]),
  };
  const setting = { isOwn: () => false, macOf: () => null, gateways: new Set<string>() };
  const pairs = createLearned(true);
  return judgeFlows(flows, { grounds: [grounds], setting, learned, pairs, now: 0 }).map(
    ({ ground, flow, why }) => `${ground} ${flowText(flow)} ${why}`,
  );
}

test('by range, address, peer and port, with why', () => {
  const found = judge([
    left(A, 5000, '111.221.74.20', { remotePort: 40011 }),
    left(B, 5000, SERVER),
    left(B, 0, SERVER, { protocol: 1, remotePort: 0 }),
    left(A, 5000, PEER),
    left(A, 13021, '93.184.216.34'),
    left('2001:db8::1', 13021, '2600:1406:3a::34'),
    // An ICE candidate in the peer's private network is not a leak.
    left(A, 13021, '10.1.2.3'),
  ]);
  assert.is(found.length, 7);
  for (const [at, part] of [
    'range udp 192.168.1.10:5000 111.221.74.20:40011 supernode range ',
    `addr udp ${B}:5000 ${SERVER}:443 api.skype.com is ${SERVER}, asked by ${A}`,
    `addr icmp ${B} ${SERVER} `,
    `peer udp ${A}:5000 ${PEER}:443 ${PEER} is a peer of ${A}`,
    `port udp ${A}:13021 93.184.216.34:443 udp port 13021 is the application's on ${A}`,
    'port udp [2001:db8::1]:13021 [2600:1406:3a::34]:443 ',
    `port udp ${A}:13021 10.1.2.3:443 `,
  ].entries()) {
    assert.ok(found[at]!.startsWith(part), found[at]);
  }
});

test('nothing of what nothing speaks for', () => {
  const flows = [
    left(B, 5000, PEER),
    left(B, 13021, '93.184.216.34'),
    left(A, 13021, '93.184.216.34', { protocol: 6 }),
    left(A, 13021, '239.255.255.250'),
    left(A, 13021, '255.255.255.255'),
    left('2001:db8::1', 13021, 'ff02::fb'),
  ];
  assert.equal(judge(flows), []);
});

test('only of its devices, and not what the owner keeps direct', () => {
  const flow = left(A, 5000, SERVER);
  assert.is(judge([flow], { devices: [A] }).length, 1);
  assert.is(judge([flow], { devices: [B] }).length, 0);
  assert.is(
    judge([flow], { except: [ownRange(['198.51.100.0/24'], ['udp'], [[443, 443]], 'rule')] })
      .length,
    0,
  );
});

test('the table: the home of the policy and its tunnels, and nothing else of it', () => {
  const { globals, proxies } = policyFrom({});
  const text = auditText(globals, proxies);
  assert.match(text, 'iifname { "br-lan" } oifname != { "br-lan", "whp-a" }');
});

test.run();
