// bounds/fair-share, bounds/log-once, bounds/token-bucket: a flood of one device costs only that device.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  claim,
  createShares,
  disclaim,
  fairEvictions,
  nextToGo,
} from '../../../agent/src/bounds/fair-share.ts';
import { createReports, reportOnce } from '../../../agent/src/bounds/log-once.ts';
import { createPace, PACE, takeToken } from '../../../agent/src/bounds/token-bucket.ts';

test('the oldest entry of the device that holds most goes first', () => {
  const shares = createShares();
  claim(shares, 'old', 'modest');
  for (const key of ['a', 'b', 'c']) claim(shares, key, 'greedy');
  assert.equal(nextToGo(shares), { key: 'a', device: 'greedy' });
  claim(shares, 'a', 'greedy');
  assert.equal(nextToGo(shares), { key: 'b', device: 'greedy' });
  for (const key of ['a', 'b', 'c']) disclaim(shares, key);
  assert.equal(nextToGo(shares), { key: 'old', device: 'modest' });
  disclaim(shares, 'old');
  assert.is(nextToGo(shares), null);
  assert.is(shares.byDevice.size, 0);
});

test('a greedy device cannot take another’s entry over to have it evicted', () => {
  const shares = createShares();
  claim(shares, 'shared', 'modest');
  for (let i = 0; i < 9; i++) claim(shares, `own ${i}`, 'greedy');
  claim(shares, 'shared', 'greedy');
  assert.is(shares.deviceOf.get('shared'), 'modest');
  // An entry that the modest device asks for becomes its own.
  claim(shares, 'own 3', 'modest');
  assert.is(shares.deviceOf.get('own 3'), 'modest');
});

test('evictions from a full set level the greediest down and leave the others alone', () => {
  const entries = [
    ...Array.from({ length: 90 }, (_, i) => ({ device: 'greedy', i })),
    ...Array.from({ length: 20 }, (_, i) => ({ device: 'eager', i })),
    ...Array.from({ length: 5 }, (_, i) => ({ device: 'modest', i })),
  ];
  const gone = fairEvictions(entries, 30);
  assert.is(gone.length, 30);
  assert.ok(gone.every(({ device, i }) => device === 'greedy' && i < 30));
  const many = fairEvictions(entries, 80);
  assert.is(many.length, 80);
  assert.not(many.some(({ device }) => device === 'modest'));
  assert.is(fairEvictions(entries, 1000).length, 115);
  assert.equal(fairEvictions([], 3), []);
});

test('an event is said once a period, with how often it happened', () => {
  const reports = createReports();
  assert.is(reportOnce(reports, 'full', 'a set is full', 0), 'a set is full');
  for (let i = 1; i < 100000; i++) assert.is(reportOnce(reports, 'full', 'a set is full', i), null);
  assert.is(reportOnce(reports, 'other', 'something else', 5), 'something else');
  const again = reportOnce(reports, 'full', 'a set is full', 600000);
  assert.is(again, 'a set is full (99999 times since it was last said)');
  for (let i = 0; i < 1000; i++) reportOnce(reports, `topic ${i}`, 'x', i);
  assert.is(reports.topics.size, 256);
});

test('a device has a burst and a rate; another has its own', () => {
  const pace = createPace();
  const taken = (device: string, count: number, now: number) => {
    let sum = 0;
    for (let i = 0; i < count; i++) if (takeToken(pace, device, now)) sum++;
    return sum;
  };
  assert.is(taken('a', 10000, 0), PACE.burst);
  assert.is(taken('b', 3, 0), 3);
  assert.is(taken('a', 10000, 1000), PACE.perSecond);
  assert.is(taken('a', 10000, 3600000), PACE.burst);
  for (let i = 0; i < 5000; i++) takeToken(pace, `device ${i}`, 3600000);
  assert.is(pace.buckets.size, 1024);
});

test.run();
