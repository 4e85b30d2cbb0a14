// answers/stops and answers/now: what the looks found to stop new flows, of all devices or of one, and open flows.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { newFlows, openWay, type Present } from '../../../agent/src/answers/now.ts';
import type { Stop } from '../../../agent/src/preflight/look.ts';
import { app, policy } from '../../fixtures/policies.ts';
import { chosen, surroundings } from '../../fixtures/surroundings.ts';

const TV = '192.168.1.11';
const GUEST = '192.168.3.11';
const LAN: Stop = { cause: 'lan', state: 'direct', reason: 'a port', device: 'br-guest' };
const FIREWALL: Stop = { cause: 'firewall', state: 'refused', reason: 'refused', proxy: 'a' };
const RULE: Stop = { cause: 'rule', state: 'refused', reason: 'before ours', open: true };

function present(stops: readonly Stop[], change: Partial<Present> = {}): Present {
  return surroundings({
    lan: ['br-lan', 'br-guest'],
    choices: new Map([['skype', chosen('a')]]),
    up: new Set(['a']),
    enters: (address) =>
      ({ [TV]: 'br-lan', [GUEST]: 'br-guest', '192.168.5.5': 'br-iot' })[address] ?? null,
    stops,
    ...change,
  });
}

/** "direct lan" of new flows; "proxied lan" with partly. */
function now(stops: readonly Stop[], source: string | null = null, change = {}, family: 4 | 6 = 4) {
  const said = newFlows(app, policy.proxies, present(stops, change), family, source);
  return `${said.state} ${said.cause}${said.partly ? ' partly' : ''}`;
}

test('a lan device by which nothing comes in: of the others new flows are proxied', () => {
  assert.is(now([LAN]), 'proxied lan partly');
  assert.is(now([LAN], TV), 'proxied null');
  assert.is(now([LAN], GUEST), 'direct lan');
  assert.is(now([LAN, { ...LAN, device: 'br-lan' }]), 'direct lan');
  assert.is(now([LAN], null, { lan: ['br-guest'] }), 'direct lan');
  // Of a network that is not known, both may be.
  assert.is(now([LAN], '10.9.9.9'), 'proxied lan partly');
});

test('a device whose packets come in by none of the list is direct, whatever stops others', () => {
  assert.is(now([], '192.168.5.5'), 'direct lan');
  const said = newFlows(app, policy.proxies, present([]), 4, '192.168.5.5');
  assert.match(said.reason!, 'its packets come in by br-iot, which is in no list lan');
});

test('a stop is of its app, its family and its proxy', () => {
  assert.is(now([FIREWALL]), 'refused firewall');
  assert.is(now([{ ...FIREWALL, proxy: 'b' }]), 'proxied null');
  assert.is(now([{ ...RULE, app: 'echo' }]), 'proxied null');
  assert.is(now([{ ...RULE, app: 'skype' }]), 'refused rule');
  assert.is(now([{ ...RULE, family: 6 }]), 'proxied null');
  assert.is(now([{ ...RULE, partly: true }]), 'proxied rule partly');
  assert.is(now([{ ...RULE, partly: true }, RULE]), 'refused rule');
  const halves = [LAN, { ...FIREWALL, device: 'br-lan' }];
  assert.is(now(halves), 'direct lan');
  assert.is(now(halves, TV), 'refused firewall');
});

test('a device that DHCP has not met: those that it has are proxied', () => {
  const some = { ...app, macs: ['02:00:00:00:00:11'], unmet: ['ps5'] };
  const told = (source: string | null) => newFlows(some, policy.proxies, present([]), 4, source);
  const { state, cause, partly, reason, fix } = told(null);
  assert.equal([state, cause, partly], ['proxied', 'devices', true]);
  assert.match(reason!, 'has had a name of ps5, so nothing of it is proxied');
  assert.match(fix!, /^whp devices$/);
  assert.is(told(TV).cause, null);
});

test('what comes before the rules stops every way, what comes after them a tunnel alone', () => {
  const blocked = {
    choices: new Map([['skype', { ...chosen('a'), way: { kind: 'blocked' as const } }]]),
  };
  const out: Stop = { cause: 'way_out', state: 'direct', reason: 'one arm', family: 4 };
  assert.is(now([out], null, blocked), 'direct way_out');
  assert.is(now([RULE], null, blocked), 'refused fallback');
});

test('open flows: stopped with their packets, or past the tunnel', () => {
  const had = { state: 'proxied', proxy: 'a' } as const;
  const open = (stops: readonly Stop[], source = TV) =>
    openWay(had, 'skype', source, present(stops)).state;
  assert.is(open([]), 'proxied');
  assert.is(open([FIREWALL]), 'proxied');
  assert.is(open([{ ...FIREWALL, open: true }]), 'refused');
  assert.is(open([RULE]), 'refused');
  assert.is(open([{ ...RULE, partly: true }]), 'proxied');
  assert.is(open([], '192.168.5.5'), 'direct');
  const direct = { state: 'direct', proxy: null } as const;
  assert.equal(openWay(direct, 'skype', TV, present([RULE])), direct);
});

test.run();
