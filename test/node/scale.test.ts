// The parts of the scale measurement that can be wrong without a failure: the growth of a figure, the merged runs, and
// the home that is measured.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildPolicy } from '../../agent/src/policy/build.ts';
import { parseProfile } from '../../agent/src/profile/parse.ts';
import { parseLeases } from '../../agent/src/syntax/dhcp-leases.ts';
import { parseUci } from '../../agent/src/syntax/uci.ts';
import { kernelTable, scaleTable } from '../../scripts/lib/scale.mjs';
import { merge, reading } from '../lab/bench/figures.ts';
import { growthOf, type Point } from '../scale/growth.ts';
import { elementText, FULL, homeFiles, smaller } from '../scale/home.ts';
import { figuresOf, type Measured } from '../scale/result.ts';

/** The points of a function at three sizes. */
function points(of: (size: number) => number, full = 20_000): [Point, Point, Point] {
  const [quarter, half] = smaller(full);
  const at = (size: number): Point => ({ size, value: of(size) });
  return [at(quarter), at(half), at(full)];
}

const SHAPES: readonly (readonly [string, (size: number) => number, boolean])[] = [
  ['constant', () => 7, false],
  ['a constant that differs by a tenth', (n) => (n === 20_000 ? 7.7 : 7), false],
  ['linear', (n) => n, false],
  ['linear behind a constant', (n) => 50_000 + 3 * n, false],
  ['n log n', (n) => n * Math.log2(n), false],
  ['n log n behind a constant', (n) => 1e5 + n * Math.log2(n), false],
  ['a root', (n) => Math.sqrt(n), false],
  ['less', (n) => 1 / n, false],
  ['n squared', (n) => n * n, true],
  ['n squared behind a constant', (n) => 4e8 + n * n, true],
  ['n to the power of 1.7', (n) => n ** 1.7, true],
];

test('what grows faster than n log n is told, whatever constant is in front', () => {
  for (const [what, of, isWorse] of SHAPES) {
    const found = growthOf(points(of));
    assert.is(found.isWorse, isWorse, `${what}: ${JSON.stringify(found)}`);
  }
  // Small numbers, as of applications.
  assert.is(growthOf(points((n) => 100 + n, 11)).isWorse, false);
  assert.is(growthOf(points((n) => 100 + n * n * n, 11)).isWorse, true);
});

test('a first step within the noise does not hide a leap, nor make one', () => {
  const at = (...values: [number, number, number]) =>
    growthOf([
      { size: 5000, value: values[0] },
      { size: 10_000, value: values[1] },
      { size: 20_000, value: values[2] },
    ]);
  assert.equal(at(10, 9.9, 50).isWorse, true);
  assert.equal(at(10, 9.9, 13).isWorse, false);
  assert.equal(at(10, 10.5, 10).bend, null);
});

function measured(run: number): Measured[] {
  const of = (dimension: Measured['dimension'], size: Measured['size']): Measured => ({
    dimension,
    size,
    readings: [reading('start', run + size.apps * size.apps + size.flows, 'ms')],
  });
  const parts = (['apps', 'devices', 'elements', 'flows'] as const).flatMap((dimension) =>
    smaller(FULL[dimension]).map((count) => of(dimension, { ...FULL, [dimension]: count })),
  );
  return [...parts, of(null, FULL)];
}

test('runs are merged: each size has its median, the full home its spread', () => {
  const [start, ...more] = figuresOf([measured(2), measured(1), measured(6)].flat());
  assert.is(more.length, 0);
  assert.equal([start!.value, start!.least, start!.most], [10_123, 10_122, 10_127]);
  assert.equal(
    start!.growth.flows.points.map(({ size, value }) => [size, value]),
    [
      [2500, 2623],
      [5000, 5123],
      [10_000, 10_123],
    ],
  );
  assert.is(start!.growth.flows.isWorse, false);
  assert.is(start!.growth.devices.bend, null);
  const half = measured(1).filter(({ size }) => size.flows !== 2500);
  assert.throws(() => figuresOf(half), /flows: not three sizes/);
});

test('the tables have a row for each figure, and a column for each dimension', () => {
  const figures = figuresOf(measured(1));
  const kernel = merge([[reading('new flows: no table', 300_123, 'flows/s')]]);
  const rows = scaleTable({ full: FULL, figures, kernel }).split('\n');
  assert.match(rows[0]!, '| 2,500 to 10,000 flows (n log n: x4.71) |');
  assert.match(
    rows[2]!,
    /^\| start \| 10122 ms \| 10122 - 10122 \| no \| no \| no \| x3\.86 \(0\.\d\d\) \|$/,
  );
  assert.match(
    kernelTable({ full: FULL, figures, kernel }),
    '| new flows: no table | 300,100 flows/s |',
  );
});

test('the home is one that the agent takes: no problem, as many elements as asked for', () => {
  const shipped = readFileSync('agent/profiles/skype.json', 'utf8');
  const files = homeFiles(FULL, shipped);
  assert.ok(files.config.length < 65_536, String(files.config.length));
  const uci = parseUci(files.config, 'whp');
  assert.ok(uci.ok, JSON.stringify(uci));
  const profiles = new Map(
    Array.from(files.profiles, ([name, text]) => {
      const parsed = parseProfile(text, name);
      assert.ok(parsed.ok, JSON.stringify(parsed));
      return [name, parsed.value];
    }),
  );
  const hosts = parseLeases(files.leases);
  assert.is(hosts.length, FULL.devices);
  const policy = buildPolicy({ uci: uci.value, profiles, hosts, today: '2026-11-30' });
  assert.ok(policy.ok, JSON.stringify(policy));
  assert.is(policy.value.apps.length, FULL.apps);
  assert.is(policy.value.apps[1]!.macs!.length, FULL.devices);
  for (const size of [FULL, { ...FULL, apps: 3, elements: 1001 }]) {
    const elements = elementText(size).match(/[^{,]+ timeout 12h/g) ?? [];
    assert.is(elements.length, size.elements);
    assert.is(
      new Set(
        elementText(size)
          .split('\n')
          .flatMap((line) => {
            const set = line.split(' ')[4];
            return (line.match(/[^{,]+ timeout 12h/g) ?? []).map((one) => `${set} ${one.trim()}`);
          }),
      ).size,
      size.elements,
    );
  }
});

test.run();
