// Texts for people fit 80 columns whatever the owner has named: the longest names of devices, eleven apps, the widest
// addresses; and so do problems, whose commands stand on lines of their own.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LearnedAnswer } from '../../../agent/src/answers/flows.ts';
import { problemLines, table } from '../../../agent/src/cli/columns.ts';
import { complained, problemsText } from '../../../agent/src/cli/print.ts';
import { learnedText } from '../../../agent/src/cli/text.ts';
import { countersText } from '../../../agent/src/cli/text-account.ts';
import { devicesText, pinsText, proxiesText } from '../../../agent/src/cli/text-owner.ts';
import { testLineText } from '../../../agent/src/cli/text-test.ts';
import { flat } from '../../lib/alarms.ts';
import { fits } from '../../lib/screen.ts';

const SIX = '2001:db8:1234:5678:9abc:def0:1234:5678';
/** The longest name of DHCP. */
const DEVICE = 'a-television-in-the-living-room-of-the-house-by-the-large-lake1';
const APPS = Array.from({ length: 11 }, (_, at) => `applicat${10 + at}`);
const CLOCK = { zone: null, wall: 0 };

test('devices with the longest name, all apps and many addresses', () => {
  const row = { device: DEVICE, mac: '02:00:00:00:00:0a', flows: 3, apps: APPS };
  const text = devicesText({ rows: [{ ...row, addresses: [SIX, '192.168.1.11', SIX] }] } as never);
  fits(text);
  for (const one of [DEVICE, SIX, ...APPS]) assert.ok(text.includes(one), one);
  const few = devicesText({
    rows: [{ ...row, device: 'tv', apps: ['skype'], addresses: ['192.168.1.11'] }],
  } as never);
  assert.is(few.split('\n').length, 3);
});

test('what is learned of a device with the longest name', () => {
  const one = { app: APPS[0], device: DEVICE, address: SIX, left_s: 86400, remote: SIX };
  const learned = {
    endpoints: [{ ...one, name: 'a.very.long.name.of.a.server.example.net', root: null }],
    ports: [{ ...one, protocol: 'udp', port: 65535 }],
    peers: [one],
    named: [one],
    windows: [],
  } as unknown as LearnedAnswer;
  const text = learnedText(learned);
  fits(text);
  assert.is(text.split(DEVICE).length, 5);
});

test('proxies, pins and totals with the widest addresses', () => {
  const proxy = { proxy: 'abcdefghij', address: SIX, state: 'probing', preferred: true };
  fits(proxiesText({ rows: [{ ...proxy, apps: APPS }] } as never));
  fits(pinsText({ rows: [{ address: SIX, app: APPS[0]! }] }));
  const totals = { bytes_up: 1e13, bytes_down: 1e13, flows: 1e6, device: DEVICE };
  fits(countersText({ rows: [{ ...totals, subject: `device ${SIX}` }] } as never, CLOCK));
});

test('cells that are too wide together stand below each other, each row alike', () => {
  const text = table([
    ['first', 'second', 'last'],
    ['a'.repeat(40), 'b'.repeat(60), 'c d'],
  ]);
  assert.equal(text.split('\n'), [
    'first',
    '  second',
    '  last',
    'a'.repeat(40),
    `  ${'b'.repeat(60)}`,
    '  c d',
  ]);
});

const PROBLEM = {
  where: 'whp.skpye (/etc/config/whp:1)',
  what: `nothing says what belongs to it: no profile "skpye" is installed (known: skype), and no rule with action proxy has app skpye; uci set whp.skpye_rule=rule; uci commit whp; whp reload`,
};

test('a problem: place and text in lines, its commands below, nothing lost', () => {
  const text = problemsText([PROBLEM]);
  fits(text);
  assert.match(text, /\n {2}uci set whp\.skpye_rule=rule; uci commit whp; whp reload\n$/);
  assert.is(flat(text), `${PROBLEM.where}: ${PROBLEM.what.replace('skpye; uci', 'skpye uci')}`);
  assert.equal(problemLines({ where: '', what: 'no', fix: 'whp check' }, 'note: '), [
    'note: no',
    '  whp check',
  ]);
});

test('an error of a command line, and a line of whp test', () => {
  fits(complained([PROBLEM], 1, false).err);
  const fix = Array.from({ length: 5 }, (_, at) => `uci set whp.skype.option${at}='1'`).join('; ');
  const said = testLineText({ subject: 'file', state: 'wrong', text: PROBLEM.what, fix }, false);
  fits(said);
  assert.ok(flat(said).endsWith(fix));
});

test.run();
