// preflight/hosts and preflight/time-zone: what was read is told, what could not be read is noted.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findZone } from '../../../agent/src/policy/zone-files.ts';
import { hostsLook } from '../../../agent/src/preflight/hosts.ts';
import { timeZoneLook } from '../../../agent/src/preflight/time-zone.ts';

test('lease files and static hosts', () => {
  const broken = { where: '/etc/config/dhcp:7', what: 'write: package NAME' };
  const look = hostsLook({
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

test('a time zone that nobody knows is noted where an app goes by the hour', () => {
  const known = findZone((file) => (file === '/tmp/TZ' ? 'GMT0\n' : null));
  assert.equal(timeZoneLook(known, ['skype']), {
    subject: 'time zone',
    seen: 'GMT0 (/tmp/TZ)',
    problems: [],
    notes: [],
  });
  const unknown = findZone((file) => (file === '/etc/TZ' ? 'Mars' : null));
  assert.equal(timeZoneLook(unknown, []).notes, []);
  const look = timeZoneLook(unknown, ['skype', 'chat']);
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

test.run();
