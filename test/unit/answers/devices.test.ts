// answers/device-names, answers/devices: a device has the owner's name, else DHCP's, by its MAC, its address or its
// DHCP name; and each device is one row, however it is known.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { deviceNames } from '../../../agent/src/answers/device-names.ts';
import { devicesAnswer } from '../../../agent/src/answers/devices.ts';
import type { Directory, Selector } from '../../../agent/src/policy/build-devices.ts';
import { policyFrom } from '../../fixtures/policies.ts';

const MAC = '02:00:00:00:00:11';
const LAPTOP = '192.168.1.11';
const LAPTOP6 = 'fd00::11';
const NOBODY = { macs: [], blocks: [], hosts: [] };
const DIRECTORY: Directory = new Map([
  ['laptop', { ...NOBODY, macs: [MAC] }],
  ['tv', { ...NOBODY, hosts: ['living-room-tv'] }],
  ['console', { ...NOBODY, blocks: ['192.168.1.30'] }],
  ['guests', { ...NOBODY, blocks: ['192.168.1.64/28'] }],
  ['kids', { ...NOBODY, macs: [MAC], blocks: ['192.168.1.30'], isGroup: true as const }],
]);
const HOSTS = [
  { mac: '02:00:00:00:00:12', address: '192.168.1.12', name: 'living-room-tv' },
  { mac: '02:00:00:00:00:13', address: '192.168.1.13', name: 'printer' },
  { mac: '02:00:00:00:00:14', address: '192.168.1.14', name: null },
];
/** The neighbour table knows the laptop, which has no lease. */
const MET = new Map([
  [LAPTOP, MAC],
  [LAPTOP6, MAC],
]);

function names(directory: Directory | undefined = DIRECTORY) {
  return deviceNames({ directory, hosts: HOSTS, neighbours: () => MET });
}

test('a device is named by its section, else by DHCP, else not at all', () => {
  const { nameOf } = names();
  for (const [known, name] of [
    [LAPTOP, 'laptop'],
    [LAPTOP6, 'laptop'],
    [MAC, 'laptop'],
    ['192.168.1.12', 'tv'],
    ['02:00:00:00:00:12', 'tv'],
    ['192.168.1.30', 'console'],
    ['192.168.1.70', 'guests'],
    ['192.168.1.13', 'printer'],
    ['192.168.1.14', null],
    ['192.168.1.99', null],
    ['', null],
  ] as const) {
    assert.is(nameOf(known), name, known);
  }
  // A group names no device.
  const { macs, blocks } = DIRECTORY.get('kids')!;
  const group = new Map([['kids', { macs, blocks, hosts: [], isGroup: true as const }]]);
  assert.is(names(group).nameOf(LAPTOP), null);
});

test('a word names a device, a group, or nothing', () => {
  const { named } = names();
  assert.equal(named('laptop'), { name: 'laptop', macs: [MAC], addresses: [LAPTOP, LAPTOP6] });
  assert.equal(named('02-00-00-00-00-11'), { ...named('laptop'), name: 'laptop' });
  assert.equal(named('tv')?.addresses, ['192.168.1.12']);
  assert.equal(named('Printer.lan')?.addresses, ['192.168.1.13']);
  assert.equal(named('console'), { name: 'console', macs: [], addresses: ['192.168.1.30'] });
  assert.equal(named('kids'), {
    name: 'kids',
    macs: [MAC],
    isGroup: true,
    addresses: [LAPTOP, LAPTOP6, '192.168.1.30'],
  });
  for (const word of ['nobody', 'api.skype.com', '', 'printer.example.com']) {
    assert.is(named(word), null, word);
  }
});

test('the neighbour table is read when a question needs it, and once', () => {
  let reads = 0;
  const { nameOf } = deviceNames({
    hosts: HOSTS,
    neighbours: () => {
      reads += 1;
      return MET;
    },
  });
  assert.is(nameOf('192.168.1.13'), 'printer');
  assert.is(reads, 0);
  for (const address of [LAPTOP, '192.168.1.99', LAPTOP]) nameOf(address);
  assert.is(reads, 1);
});

test('each device is one row, with its name, groups, apps and counts', () => {
  const { apps } = policyFrom({ app: { macs: [MAC], devices: ['192.168.1.13'] } });
  const learned = {
    ports: new Map([[LAPTOP, 1]]),
    peers: new Map([[LAPTOP6, 2]]),
    asked: new Set(['192.168.1.99']),
  };
  const totals = new Map([
    [`device ${LAPTOP}`, { up: 5, down: 7, flows: 1 }],
    [`device ${LAPTOP6}`, { up: 1, down: 1, flows: 1 }],
  ]) as never;
  const from = { hosts: HOSTS, names: names(), learned, flows: new Map([[LAPTOP, 3]]), totals };
  const { rows } = devicesAnswer(apps, from);
  const none = { groups: [], ports: 0, peers: 0, flows: 0, bytes_up: 0, bytes_down: 0 };
  assert.equal(
    rows.find(({ device }) => device === 'laptop'),
    {
      device: 'laptop',
      mac: MAC,
      addresses: [LAPTOP, LAPTOP6],
      groups: ['kids'],
      apps: ['skype'],
      ports: 1,
      peers: 2,
      flows: 3,
      bytes_up: 6,
      bytes_down: 8,
    },
  );
  assert.equal(
    rows.map(({ device, mac, addresses, apps: its }) => [
      device ?? mac ?? '-',
      addresses.join(),
      its.join(),
    ]),
    [
      ['tv', '192.168.1.12', ''],
      ['printer', '192.168.1.13', 'skype'],
      ['02:00:00:00:00:14', '192.168.1.14', ''],
      ['laptop', `${LAPTOP},${LAPTOP6}`, 'skype'],
      ['console', '192.168.1.30', ''],
      ['-', '192.168.1.99', ''],
    ],
  );
  assert.equal(rows[5], {
    ...none,
    device: null,
    mac: null,
    addresses: ['192.168.1.99'],
    apps: [],
  });
  // Where nothing is counted there is no 0.
  const [uncounted] = devicesAnswer(apps, { ...from, totals: null }).rows;
  assert.equal([uncounted!.bytes_up, uncounted!.bytes_down], [null, null]);
});

test('more devices than a home has: the first, and that there are more', () => {
  const hosts = Array.from({ length: 600 }, (_, i) => ({
    mac: `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`,
    address: `192.168.${i >> 8}.${i & 255}`,
    name: null,
  }));
  const learned = { ports: new Map(), peers: new Map(), asked: new Set<string>() };
  const from = { hosts, names: names(new Map()), learned, flows: new Map(), totals: null };
  const answer = devicesAnswer([], from);
  assert.equal([answer.rows.length, answer.more], [512, true]);
});

test('the names of all devices of a large home: each lease is read a few times', () => {
  let reads = 0;
  const macs = Array.from({ length: 80 }, (_, at) => `02:00:00:00:00:${10 + at}`);
  const hosts = macs.map((mac, at) => ({
    get mac() {
      reads += 1;
      return mac;
    },
    address: `192.168.1.${10 + at}`,
    name: `host${at}`,
  }));
  const directory = new Map(macs.map((mac, at) => [`d${at}`, { ...NOBODY, macs: [mac] }]));
  const { nameOf } = deviceNames({ directory, hosts, neighbours: () => new Map() });
  assert.is(nameOf('192.168.1.89'), 'd79');
  for (const { address } of hosts) nameOf(address);
  assert.ok(reads <= 4 * macs.length, String(reads));
});

test('of two sections that have a device, the first names it, whatever it has it by', () => {
  const first = { ...NOBODY, hosts: ['living-room-tv'] };
  const second = { ...NOBODY, macs: ['02:00:00:00:00:12'] };
  const block = { ...NOBODY, blocks: ['192.168.1.0/24'] };
  const order = (...all: Selector[]) =>
    names(new Map(all.map((one, at) => [String(at), one]))).nameOf('192.168.1.12');
  assert.is(order(first, second, block), '0');
  assert.is(order(NOBODY, block, second, first), '1');
  assert.is(order(NOBODY, NOBODY, second, block), '2');
});

test.run();
