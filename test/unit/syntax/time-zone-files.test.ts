// syntax/time-zone-files: the sources of the time zone, their order, and which are skipped.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findZone, ZONE_FILES, type ZoneFile } from '../../../agent/src/syntax/time-zone-files.ts';

const BERLIN = 'CET-1CEST,M3.5.0,M10.5.0/3';

/** A compiled zone file, decoded as text. */
function compiled(footer: string, version = '2'): string {
  const block = (filler: string) => `TZif${version}${'\0'.repeat(39)}${filler}`;
  return `${block('\ufffd\n')}${block('\ufffd\0\nCET\0CEST\0\ufffd')}\n${footer}\n`;
}

function found(files: Partial<Record<ZoneFile, string>>) {
  return findZone((file) => files[file] ?? null);
}

const GOOD: Readonly<Record<ZoneFile, string>> = {
  '/etc/TZ': `${BERLIN}\n`,
  '/tmp/TZ': `${BERLIN}\n`,
  '/etc/config/system': `config system\n\toption hostname 'x'\n\toption timezone '${BERLIN}'\n`,
  '/etc/localtime': compiled(BERLIN),
};

test('each source, best first', () => {
  for (const file of ZONE_FILES) {
    const { zone, said } = found({ [file]: GOOD[file] });
    assert.equal(said, { text: BERLIN, file });
    assert.is(zone?.standard, 60, file);
    assert.is(zone?.summer?.offset, 120, file);
  }
  assert.is(found(GOOD).said?.file, '/etc/TZ');
  // A zoneinfo package is installed: the init script has deleted /tmp/TZ, where /etc/TZ leads to.
  const { '/etc/config/system': system, '/etc/localtime': localtime } = GOOD;
  assert.is(
    found({ '/etc/config/system': system, '/etc/localtime': localtime }).said?.file,
    '/etc/config/system',
  );
});

test('the presets of OpenWrt', () => {
  for (const text of ['UTC\n', 'GMT0\n', 'UTC0', '<+03>-3\n']) {
    assert.is.not(found({ '/etc/TZ': text }).zone, null, text);
  }
  assert.is(found({ '/tmp/TZ': 'UTC\n' }).zone?.standard, 0);
});

test('garbage in a source is passed by and said', () => {
  const garbage: readonly [ZoneFile, string, string][] = [
    ['/etc/TZ', '', '"" is no POSIX time zone'],
    ['/etc/TZ', 'Europe/Berlin\n', '"Europe/Berlin" is no POSIX time zone'],
    ['/etc/TZ', 'x'.repeat(99), `"${'x'.repeat(40)}..." is no POSIX time zone`],
    ['/tmp/TZ', '\u001b[31m\n', '"\\u001b[31m" is no POSIX time zone'],
    ['/tmp/TZ', 'CET', '"CET" is no POSIX time zone'],
    ['/etc/config/system', 'config system\n', 'no option timezone'],
    ['/etc/config/system', "config system\n\toption timezone ''\n", 'no option timezone'],
    ['/etc/config/system', "config led\n\toption timezone 'UTC'\n", 'no option timezone'],
    [
      '/etc/config/system',
      'config system\n\toption time-zone x\n',
      'option name "time-zone": use letters, digits and _',
    ],
    [
      '/etc/config/system',
      "config system\n\toption timezone 'Europe/Berlin'\n",
      '"Europe/Berlin" is no POSIX time zone',
    ],
    ['/etc/localtime', 'nonsense', 'no zone data of version 2 or later'],
    ['/etc/localtime', '', 'no zone data of version 2 or later'],
    ['/etc/localtime', 'TZif2', 'zone data that is cut off'],
    ['/etc/localtime', 'TZif2\n\n', 'zone data that is cut off'],
    ['/etc/localtime', compiled(BERLIN).slice(0, -1), 'zone data that is cut off'],
    ['/etc/localtime', compiled(BERLIN, '\0'), 'no zone data of version 2 or later'],
    ['/etc/localtime', compiled(''), 'zone data without rules'],
    ['/etc/localtime', compiled('CET'), '"CET" is no POSIX time zone'],
  ];
  for (const [file, text, what] of garbage) {
    const { zone, said, passed } = found({ [file]: text });
    assert.is(zone, null, text);
    assert.is(said, null, text);
    // A problem of a line is at that line, and says its place once.
    const its = passed.find(({ where }) => where.startsWith(file));
    assert.is(its?.what, what, JSON.stringify(text));
    assert.is(its?.where, what.startsWith('option name') ? `${file}:2` : file);
    assert.is(passed.length, ZONE_FILES.length);
    // The next source is taken.
    const others = { ...GOOD, [file]: text };
    assert.is(found(others).said?.text, BERLIN, `${file}: ${text}`);
  }
  assert.equal(
    found({}).passed.map(({ what }) => what),
    ['not there', 'not there', 'not there', 'not there'],
  );
});

test('rules that only zone data may have', () => {
  for (const [footer, offset] of [
    ['IST-2IDT,M3.4.4/26,M10.5.0', 120],
    ['<-02>2<-01>,M3.5.0/-1,M10.5.0/0', -120],
    ['<+0330>-3:30', 210],
    ['EST5', -300],
  ] as const) {
    assert.is(found({ '/etc/localtime': compiled(footer, '3') }).zone?.standard, offset, footer);
  }
});

test.run();
