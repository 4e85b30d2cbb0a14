// account/: totals, series over time, the log of ended flows, the history file, CSV.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { csvText } from '../../../agent/src/account/csv.ts';
import { historyText, restoreHistory } from '../../../agent/src/account/history.ts';
import {
  beginRound,
  createLedger,
  endFlow,
  endRound,
  type FlowFacts,
  seeAgain,
  seeFlow,
} from '../../../agent/src/account/ledger.ts';
import {
  addSample,
  keptSlots,
  RANGE_NAMES,
  RANGES,
  samples,
} from '../../../agent/src/account/series.ts';
import type { Connection } from '../../../agent/src/netlink/conntrack.ts';

const T0 = Date.UTC(2026, 10, 21, 12, 0, 0);
const MINUTE = 60_000;
const DAY = 86_400_000;

function connection(id: number, up: number, down: number, device = '192.168.1.11'): Connection {
  const original = {
    source: device,
    destination: '198.51.100.7',
    protocol: 17,
    sourcePort: 13021,
    destinationPort: 443,
  };
  const reply = { ...original, source: original.destination, destination: device };
  return {
    family: 4,
    original,
    reply,
    status: 0,
    mark: 0,
    id,
    zone: 0,
    timeout: 100,
    packets: { original: 1, reply: 1 },
    bytes: { original: up, reply: down },
  };
}

const facts = (): FlowFacts => ({
  app: 'skype',
  proxy: 'cloud',
  evidence: 'port',
  detail: 'its port, "13021"',
});

test('what a flow moved since it was last seen is counted once, for app, device and proxy', () => {
  const ledger = createLedger();
  beginRound(ledger);
  seeFlow(ledger, connection(1, 100, 1000), facts, T0);
  seeFlow(ledger, connection(1, 150, 1500), facts, T0 + MINUTE);
  endFlow(ledger, connection(1, 160, 1500), facts, T0 + 2 * MINUTE);
  for (const name of ['app skype', 'device 192.168.1.11', 'proxy cloud']) {
    const { up, down, flows, series } = ledger.subjects.get(name)!;
    assert.equal([up, down, flows], [160, 1500, 1], name);
    for (const range of RANGE_NAMES) {
      const all = samples(series, range, T0 + 2 * MINUTE);
      assert.is(all.length, RANGES[range].slots);
      assert.is(
        all.reduce((sum, one) => sum + one.up, 0),
        160,
        range,
      );
    }
    const [first, second, third] = samples(series, 'hour', T0 + 2 * MINUTE).slice(-3);
    assert.equal([first!.at, first!.down, second!.down, third!.up], [T0, 1000, 500, 10]);
  }
  assert.is(ledger.live.size, 0);
  const [ended] = ledger.ended;
  assert.equal([ended!.start, ended!.end, ended!.up], [T0, T0 + 2 * MINUTE, 160]);
});

test('a flow that is known is counted without its ends; each device has its number of live ones', () => {
  const ledger = createLedger();
  beginRound(ledger);
  seeFlow(ledger, connection(1, 10, 0), facts, T0);
  seeFlow(ledger, connection(2, 10, 0, '192.168.1.12'), facts, T0);
  seeFlow(ledger, connection(3, 10, 0, '192.168.1.12'), facts, T0);
  assert.is(seeAgain(ledger, connection(9, 5, 5), T0), false);
  beginRound(ledger);
  const { id, packets, bytes } = connection(2, 30, 7);
  assert.is(seeAgain(ledger, { id, packets, bytes }, T0), true);
  assert.equal(
    [...ledger.devices],
    [
      ['192.168.1.11', 1],
      ['192.168.1.12', 2],
    ],
  );
  assert.equal([...ledger.marks], [[connection(1, 0, 0).mark, 3]]);
  assert.is([...endRound(ledger, T0)].length, 2);
  assert.equal([...ledger.devices], [['192.168.1.12', 1]]);
  assert.equal([...ledger.marks.values()], [1]);
  const { up, down } = ledger.subjects.get('device 192.168.1.12')!;
  assert.equal([up, down], [40, 7]);
});

test('a flow seen only when it ends counts whole; one that left the list unheard ends, too', () => {
  const ledger = createLedger();
  beginRound(ledger);
  endFlow(ledger, connection(7, 10, 20), facts, T0);
  seeFlow(ledger, connection(8, 1, 1), facts, T0);
  assert.equal([...endRound(ledger, T0)], []);
  beginRound(ledger);
  assert.is([...endRound(ledger, T0 + MINUTE)].length, 1);
  assert.equal([ledger.endedCount, ledger.ended.length, ledger.live.size], [2, 2, 0]);
  assert.is(
    seeFlow(ledger, connection(9, 5, 5), () => null, T0),
    null,
  );
});

test('an identity that was given away again, and a clock that is not set or set back', () => {
  const ledger = createLedger();
  seeFlow(ledger, connection(1, 500, 500), facts, 5000);
  seeFlow(ledger, connection(1, 10, 10), facts, T0);
  const subject = ledger.subjects.get('app skype')!;
  assert.is(subject.up, 500);
  assert.is(
    samples(subject.series, 'hour', T0).reduce((sum, one) => sum + one.up, 0),
    0,
  );
  seeFlow(ledger, connection(2, 40, 0), facts, T0);
  seeFlow(ledger, connection(3, 2, 0), facts, T0 - 10 * MINUTE);
  assert.is(samples(subject.series, 'hour', T0).at(-1)!.up, 42);
});

test('room is bounded: subjects, and flows in the log', () => {
  const ledger = createLedger();
  for (let i = 0; i < 1000; i++) {
    endFlow(ledger, connection(i, 1, 1, `192.168.${i >> 8}.${i & 255}`), facts, T0 + i);
  }
  assert.ok(ledger.subjects.size <= 48);
  assert.is(ledger.subjects.get('app skype')!.up, 1000);
  const devices = [...ledger.subjects].filter(([name]) => name.startsWith('device '));
  assert.is(
    devices.reduce((sum, [, one]) => sum + one.up, 0),
    1000,
  );
  assert.equal([ledger.ended.length, ledger.endedCount], [400, 1000]);
});

test('the file holds all but the hour, and comes back the same', () => {
  const ledger = createLedger();
  seeFlow(ledger, connection(1, 100, 1000), facts, T0);
  seeFlow(ledger, connection(1, 300, 1000), facts, T0 + 3 * 86_400_000);
  const text = historyText(ledger);
  const again = createLedger();
  assert.ok(restoreHistory(again, text));
  assert.is(historyText(again), text);
  const now = T0 + 3 * 86_400_000;
  const { series, up, down } = ledger.subjects.get('proxy cloud')!;
  const back = again.subjects.get('proxy cloud')!;
  assert.equal([back.up, back.down, back.flows], [up, down, 1]);
  const kib = (bytes: number): number => Math.ceil(bytes / 1024) * 1024;
  for (const range of ['day', 'week', 'month', 'year'] as const) {
    const rounded = samples(series, range, now).map((one) => ({
      at: one.at,
      up: kib(one.up),
      down: kib(one.down),
    }));
    assert.equal(samples(back.series, range, now), rounded, range);
  }
  assert.not(restoreHistory(createLedger(), 'something else\n'));
  const torn = createLedger();
  assert.ok(
    restoreHistory(
      torn,
      `${text.slice(0, 60)}\n= app x -1\nday 1:2\nweek 99:-:1 5:1:1\nyear zzzzzz:1:1 zzzzzz:1:1\n`,
    ),
  );
});

test('a year of everything for every subject is a file that a small flash has room for', () => {
  const ledger = createLedger();
  beginRound(ledger);
  for (let i = 0; i < 60; i++)
    seeFlow(ledger, connection(i, 1, 1, `192.168.1.${i + 10}`), facts, T0);
  // Older ranges have wider slots: each slot of every range gets one sample.
  const end = T0 + 365 * DAY;
  const stepAt = (left: number): number =>
    left > 31 * DAY ? 5 * DAY : left > 7 * DAY ? DAY / 2 : left > DAY ? DAY / 12 : DAY / 96;
  const [first, ...others] = Array.from(ledger.subjects.values(), ({ series }) => series);
  let before = T0;
  for (let time = T0; time < end; time += stepAt(end - time)) {
    const up = ((time - before) / (DAY / 96)) * 300_000;
    addSample(first!, time, up, 9 * up);
    before = time;
  }
  for (const { newest, cells } of others) {
    newest.splice(0, newest.length, ...first!.newest);
    cells.set(first!.cells);
  }
  assert.ok(ledger.subjects.size >= 45);
  for (const { series } of ledger.subjects.values()) {
    for (const name of ['day', 'week', 'month', 'year'] as const) {
      const { length } = keptSlots(series, name);
      assert.ok(length >= RANGES[name].slots - 2, `${length} slots of the ${name}`);
    }
  }
  const text = historyText(ledger);

  assert.ok(text.length < 160 * 1024, `${text.length} bytes`);
  const again = createLedger();
  assert.ok(restoreHistory(again, text));
  assert.is(historyText(again), text);
});

test('a device of long ago gives its place up, one of last week does not', () => {
  const ledger = createLedger();
  const see = (i: number, time: number): void => {
    endFlow(ledger, connection(i, 1, 1, `192.168.${i >> 8}.${i & 255}`), facts, time);
  };
  for (let i = 0; i < 200; i++) see(i, T0);
  assert.ok(ledger.subjects.has('device other'));
  see(3, T0 + 20 * DAY);
  see(1000, T0 + 29 * DAY);
  assert.not(ledger.subjects.has('device 192.168.3.232'));
  for (let i = 1001; i < 1200; i++) see(i, T0 + 31 * DAY);
  assert.ok(ledger.subjects.has('device 192.168.3.233'));
  assert.ok(ledger.subjects.has('device 192.168.0.3'));
  assert.not(ledger.subjects.has('device 192.168.0.4'));
  assert.ok(ledger.subjects.has('device other') && ledger.subjects.has('app skype'));
  assert.ok(ledger.subjects.size <= 48);
});

test('of too many live flows the rest is counted, and logged, when it ends', () => {
  const ledger = createLedger();
  for (let i = 0; i < 5000; i++) seeFlow(ledger, connection(i, 10, 0), facts, T0);
  assert.is(ledger.live.size, 2048);
  assert.is(ledger.subjects.get('app skype')!.up, 20480);
  endFlow(ledger, connection(4999, 25, 0), facts, T0);
  assert.is(ledger.subjects.get('app skype')!.up, 20505);
  assert.equal([ledger.live.size, ledger.ended.length], [2048, 1]);
});

test('a clock that was years ahead does not stop the graphs', () => {
  const ledger = createLedger();
  seeFlow(ledger, connection(1, 7, 0), facts, T0 + 3000 * 86_400_000);
  seeFlow(ledger, connection(2, 40, 0), facts, T0);
  const { series } = ledger.subjects.get('app skype')!;
  for (const range of RANGE_NAMES) {
    const newest = samples(series, range, T0).at(-1)!;
    assert.equal([newest.up, newest.at <= T0], [40, true], range);
  }
});

test('CSV quotes, and is no formula', () => {
  const ledger = createLedger();
  const strange = () => ({ ...facts(), evidence: 'addr', detail: '=cmd,"x"' });
  endFlow(ledger, connection(1, 1, 2), strange, T0);
  const [, row] = csvText(ledger.ended, () => '=tv').split('\r\n');
  assert.is(
    row,
    `2026-11-21T12:00:00.000Z,2026-11-21T12:00:00.000Z,skype,cloud,'=tv,udp 192.168.1.11:13021 198.51.100.7:443,udp,192.168.1.11,13021,198.51.100.7,443,1,2,2,addr,"'=cmd,""x"""`,
  );
});

test.run();
