// preflight/hosts, time-zone and configuration: each source that was read is listed, each that could not be
// read is noted.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { configurationLook } from '../../../agent/src/preflight/configuration.ts';
import { hostsLook } from '../../../agent/src/preflight/hosts.ts';
import type { Look } from '../../../agent/src/preflight/look.ts';
import type { LookedAt, RouterSeen } from '../../../agent/src/preflight/seen.ts';
import { timeZoneLook } from '../../../agent/src/preflight/time-zone.ts';
import type { KnownHosts } from '../../../agent/src/syntax/dhcp-hosts.ts';
import { type FoundZone, findZone } from '../../../agent/src/syntax/time-zone-files.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';

/** One app whose devices are unknown, and one for all devices. */
function subject(text: string): LookedAt {
  const uci = parseUci(text, 'whp');
  assert.ok(uci.ok);
  const apps = [
    { name: 'skype', devices: [], macs: [] },
    { name: 'chat', devices: [] },
    { name: 'talk', devices: ['192.168.1.5'], macs: [] },
  ];
  return { uci: uci.value, policy: { apps } } as unknown as LookedAt;
}

function lookAt(hosts: KnownHosts): Look {
  return hostsLook(subject(''), { hosts } as RouterSeen);
}

/** `timed`: apps with a schedule, beside one without. */
function zoneOf(zone: FoundZone, timed: readonly string[]): Look {
  const apps = [...timed.map((name) => ({ name, schedule: [[0, 60]] })), { name: 'always' }];
  return timeZoneLook({ policy: { apps } } as unknown as LookedAt, { zone } as RouterSeen);
}

test('lease files and static hosts', () => {
  const broken = { where: '/etc/config/dhcp:7', what: 'write: package NAME' };
  const look = lookAt({
    hosts: [],
    leases: [
      { path: '/tmp/dhcp.leases', devices: 1, trouble: null },
      { path: '/tmp/hosts/odhcpd', devices: null, trouble: null },
      { path: '/mnt/leases', devices: null, trouble: 'Permission denied (errno 13)' },
    ],
    fixed: 3,
    notes: [broken],
  });
  assert.is(look.subject, 'dhcp leases and static hosts');
  assert.is(
    look.seen,
    '/tmp/dhcp.leases: 1 lease, /tmp/hosts/odhcpd: not there, /mnt/leases: Permission denied (errno 13), /etc/config/dhcp: 3 static hosts',
  );
  assert.equal(look.problems, []);
  assert.equal(
    look.notes.map(({ where, what }) => `${where}: ${what}`),
    [
      '/etc/config/dhcp:7: write: package NAME',
      '/mnt/leases: cannot be read: Permission denied (errno 13); until then devices with leases in it are known by their MAC alone; check option leasefile in /etc/config/dhcp',
    ],
  );
});

test('an app whose devices nobody has is noted at its place', () => {
  const text =
    'config app chat\nconfig app skype\n\tlist device box\nconfig app talk\nconfig device box\n\tlist name ps5\n';
  const seen = { hosts: { hosts: [], leases: [], fixed: 0, notes: [] } } as unknown as RouterSeen;
  assert.equal(hostsLook(subject(text), seen).notes, [
    {
      where: 'whp.skype.device (whp:3)',
      what: "no lease and no static host has a name of its devices, so nobody's skype is proxied: write the MAC of each (list device); whp devices",
    },
  ]);
});

test('a time zone that nobody knows is noted where an app goes by the hour', () => {
  const known = findZone((file) => (file === '/tmp/TZ' ? 'GMT0\n' : null));
  assert.equal(zoneOf(known, ['skype']), {
    subject: 'time zone',
    seen: 'GMT0 (/tmp/TZ)',
    problems: [],
    notes: [],
  });
  const unknown = findZone((file) => (file === '/etc/TZ' ? 'Mars' : null));
  assert.equal(zoneOf(unknown, []).notes, []);
  const look = zoneOf(unknown, ['skype', 'chat']);
  assert.is(
    look.seen,
    'unknown: /etc/TZ: "Mars" is no POSIX time zone; /tmp/TZ: not there; /etc/config/system: not there; /etc/localtime: not there',
  );
  assert.equal(look.notes, [
    {
      where: 'time zone',
      what: "the time zone is not known: schedules do not count, skype, chat are proxied at all hours; for example uci set system.@system[0].timezone='CET-1CEST,M3.5.0,M10.5.0/3'; uci commit system; service system reload",
    },
  ]);
});

test('lines of the configuration without effect are noted', () => {
  const uci = parseUci('config app x\noption a 1; option b 2\noption a 3\n', 'whp');
  assert.ok(uci.ok);
  const { seen, problems, notes } = configurationLook({ uci: uci.value } as LookedAt);
  assert.is(seen, 'whp: 1 section as OpenWrt reads them');
  assert.equal(problems, []);
  assert.equal(
    notes.map(({ where }) => where),
    ['whp:2', 'whp:2'],
  );
});

test.run();
