// policy/resolver-bypass: the options about devices that use other resolvers, and the list of DoH services.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type BuildInput, buildPolicy } from '../../../agent/src/policy/build.ts';
import { parseDoh } from '../../../agent/src/profile/doh.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';

function build(lines: string, more: Partial<BuildInput> = {}) {
  const text = `config globals 'globals'\n${lines}`;
  const uci = parseUci(text, 'whp');
  assert.ok(uci.ok);
  return buildPolicy({ uci: uci.value, profiles: new Map(), ...more });
}

function bypassOf(lines: string, more: Partial<BuildInput> = {}) {
  const built = build(lines, more);
  assert.ok(built.ok);
  return built.value.resolverBypass;
}

test('nothing asked for and no list: nothing to compile', () => {
  assert.is(bypassOf("\toption enabled '1'\n"), undefined);
});

test('a list alone: devices are noted, nothing is refused', () => {
  assert.equal(bypassOf("\toption enabled '1'\n", { doh: ['1.1.1.1'] }), {
    hello: 'off',
    redirect: false,
    rejectDot: false,
    rejectDoh: false,
    devices: [],
    doh: ['1.1.1.1'],
  });
});

test('every option', () => {
  const lines = [
    "\toption hello 'hold'",
    "\toption dns_redirect '1'",
    "\toption dns_reject_dot '1'",
    "\toption dns_reject_doh '1'",
    "\tlist dns_device '192.168.1.32/28'",
    "\tlist dns_device 'AA:BB:CC:DD:EE:0F'",
    '',
  ].join('\n');
  assert.equal(bypassOf(lines, { doh: ['1.1.1.1'] }), {
    hello: 'hold',
    redirect: true,
    rejectDot: true,
    rejectDoh: true,
    devices: ['192.168.1.32/28'],
    doh: ['1.1.1.1'],
    macs: ['aa:bb:cc:dd:ee:0f'],
  });
});

test('a device told by its address is told by its MAC too, where DHCP knows it', () => {
  const hosts = [{ mac: '02:00:00:00:00:0b', address: '192.168.1.11', name: null }];
  const resolverBypass = bypassOf("\toption dns_redirect '1'\n\tlist dns_device '192.168.1.11'\n", {
    hosts,
  });
  assert.equal(
    [resolverBypass?.devices, resolverBypass?.macs],
    [['192.168.1.11'], ['02:00:00:00:00:0b']],
  );
});

test('problems name the option', () => {
  for (const [lines, option] of [
    ["\toption hello 'yes'\n", 'hello'],
    ["\toption dns_reject_doh '1'\n", 'dns_reject_doh'],
    ["\tlist dns_device 'nobody'\n", 'dns_device'],
  ]) {
    const built = build(lines!);
    assert.ok(!built.ok);
    assert.match(built.problems[0]!.where, `whp.globals.${option} (whp:2)`);
  }
});

test('the list of services: addresses of all, each once, and problems by place', () => {
  const service = { name: 'a', source: 'b', date: '2026-01-01', addresses: ['1.1.1.1', '::1/64'] };
  const list = (services: unknown[]) =>
    parseDoh(JSON.stringify({ format: 1, services }), 'doh.json');
  assert.equal(list([service, service]), { ok: true, value: ['1.1.1.1', '::/64'] });
  const broken = list([{ ...service, date: 'soon' }, { ...service, addresses: ['x'] }, null]);
  assert.ok(!broken.ok);
  assert.equal(
    broken.problems.map(({ where }) => where),
    [
      'doh.json: /services/0/date',
      'doh.json: /services/1/addresses/0',
      'doh.json: /services/2/name',
      'doh.json: /services/2/source',
      'doh.json: /services/2/date',
      'doh.json: /services/2/addresses',
    ],
  );
  assert.not(parseDoh('{', 'doh.json').ok);
  assert.not(parseDoh('null', 'doh.json').ok);
});

test.run();
