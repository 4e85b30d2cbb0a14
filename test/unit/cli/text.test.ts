// cli/text, text-account, text-owner and text-audit: each list fits 80 columns, a printed flow can be copied, times are
// local, counts are words; a list that its limit has cut says so, whichever list that is.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLedger, endFlow } from '../../../agent/src/account/ledger.ts';
import type { AuditAnswer } from '../../../agent/src/answers/audit.ts';
import type { DeviceAnswer } from '../../../agent/src/answers/devices.ts';
import { endedRow, type FlowAnswer, type LearnedAnswer } from '../../../agent/src/answers/flows.ts';
import type { ProxyAnswer } from '../../../agent/src/answers/proxies.ts';
import {
  evidenceText,
  flowsText,
  learnedText,
  monitorText,
  whyText,
} from '../../../agent/src/cli/text.ts';
import { countersText, logText } from '../../../agent/src/cli/text-account.ts';
import { auditVerdict } from '../../../agent/src/cli/text-audit.ts';
import { devicesText, pinsText, proxiesText } from '../../../agent/src/cli/text-owner.ts';
import { parseZone } from '../../../agent/src/syntax/timezone.ts';
import { flowFields } from '../../../agent/src/wire/flow-text.ts';
import { NAMELESS } from '../../fixtures/surroundings.ts';
import { flat } from '../../lib/alarms.ts';
import { fits } from '../../lib/screen.ts';

const CLOCK = { zone: null, wall: Date.UTC(2026, 10, 21) };
const BERLIN = { zone: parseZone('CET-1CEST,M3.5.0,M10.5.0/3'), wall: CLOCK.wall };

const ENDS = {
  source: '192.168.1.10',
  sourcePort: 1,
  destination: '93.184.216.34',
  destinationPort: 2,
};
/** As wide as an address can be. */
const SIX = '2001:db8:1234:5678:9abc:def0:1234:5678';
const FLOWS = [
  { ...ENDS, protocol: 'udp' },
  {
    protocol: 'tcp',
    source: '192.168.100.100',
    sourcePort: 50000,
    destination: '198.151.100.140',
    destinationPort: 40011,
  },
  {
    protocol: 'tcp',
    source: SIX,
    sourcePort: 50000,
    destination: SIX,
    destinationPort: 40011,
  },
  { ...ENDS, protocol: 'icmp' },
].map(flowFields);
const DETAIL = 'api.skype.com leads to edge-of-somewhere.example.net, which is 198.51.100.7, asked';
const rows = FLOWS.map(
  (one, at): FlowAnswer => ({
    ...one,
    app: 'skype',
    device: at === 0 ? 'tv' : null,
    state: at === 1 ? 'direct' : 'proxied',
    proxy: at === 1 ? null : 'frankfurt1',
    packets: 12,
    bytes_up: 1_000_000,
    bytes_down: 90_000_000,
    evidence: 'addr',
    detail: DETAIL,
    start_time: CLOCK.wall / 1000 - 330,
  }),
);

const none: LearnedAnswer = { endpoints: [], ports: [], peers: [], named: [], windows: [] };
const of = { app: 'skype', device: 'tv', address: '192.168.1.10', left_s: 60 };
const pair = { ...of, remote: '93.184.216.34' };
const port = { ...of, protocol: 'udp', port: 5000 };
const endpoint = { ...pair, name: 'a.skype.com', root: 'a.skype.com' };

test('a flow is printed so that it can be copied, with its way, what it has moved, and why', () => {
  const text = flowsText({ rows });
  fits(text);
  for (const { flow } of rows) assert.match(text, `\n${flow}`);
  const lines = text.split('\n');
  assert.match(lines[0]!, /^flow +by +bytes$/);
  assert.match(lines[2]!, /^udp 192\.168\.1\.10:1 93\.184\.216\.34:2 +frankfurt1 +86\.8 MiB$/);
  assert.match(lines[3]!, '  tv, addr: api.skype.com leads to');
  assert.match(text, /:40011 +DIRECT /);
});

test('what was recognised, and what has ended: the same, in 80 columns', () => {
  const seen = rows.map((one) => ({ ...one, ago_s: 3700 }));
  const recent = evidenceText({ rows: seen });
  fits(recent);
  assert.match(recent, /:2 +1 h ago\n {2}tv, addr: /);
  const ended = rows.map((one) => ({ ...one, end_time: CLOCK.wall / 1000 }));
  const text = logText({ rows: ended }, BERLIN);
  fits(text);
  for (const { flow } of rows) {
    assert.match(text, `\n  ${flow}\n`);
    assert.match(recent, flow);
  }
});

test('people read local time, with the offset of the zone', () => {
  const ended = [{ ...rows[0]!, end_time: Date.UTC(2026, 6, 1, 22, 30) / 1000, start_time: null }];
  assert.match(
    logText({ rows: ended }, CLOCK),
    /^ended \(UTC\) .*\n {2}flow\n {2}why\nJul {2}1 22:30 /,
  );
  // The zone of the heading is that of now; a time of summer is read from the wall's clock of then.
  assert.match(
    logText({ rows: ended }, BERLIN),
    /^ended \(UTC\+1\) .*\n {2}flow\n {2}why\nJul {2}2 00:30 /,
  );
  const graph = {
    subject: 'app skype',
    device: null,
    range: 'day',
    step_s: 900,
    start_time: CLOCK.wall / 1000,
    bytes_up: [0, 5000, 1_000_000_000],
    bytes_down: [0, 5000, 90_000_000],
  } as const;
  const text = countersText(graph, BERLIN);
  fits(text);
  assert.match(text, /^from \(UTC\+1\) .*app skype\nNov 21 01:15 .*\nNov 21 01:30 .* #+\n$/);
});

test('nothing was counted: when it will be', () => {
  assert.match(countersText({ rows: [], flows_open: 0, flows_ended: 0 }, CLOCK), 'every 10 s');
});

test('totals name the device', () => {
  const one = { subject: 'device 192.168.1.10', bytes_up: 1, bytes_down: 2, flows: 3 };
  const text = countersText(
    { rows: [{ ...one, device: 'tv' }], flows_open: 0, flows_ended: 0 },
    CLOCK,
  );
  assert.match(text, /^device 192\.168\.1\.10 +1 B +2 B +3 +tv$/m);
});

test('totals: apps, then proxies, then devices', () => {
  const rows = ['app b', 'device 192.168.1.10', 'proxy x', 'app a'].map((subject) => ({
    ...{ subject, bytes_up: 1, bytes_down: 2, flows: 3, device: null },
  }));
  const text = countersText({ rows, flows_open: 0, flows_ended: 0 }, CLOCK);
  assert.equal(text.match(/^(app|proxy|device) \S+/gm), [
    'app b',
    'app a',
    'proxy x',
    'device 192.168.1.10',
  ]);
});

test('what is learned: durations, and the widest rows', () => {
  const wide = { ...endpoint, remote: SIX, device: 'living-room-television', left_s: 604_798 };
  const name = `${'very-long-label.'.repeat(12)}skype.com`;
  const text = learnedText({
    ...none,
    endpoints: [endpoint, { ...wide, name }] as never,
    ports: [port] as never,
    peers: [{ ...wide }] as never,
  });
  fits(text);
  assert.match(text, /6 d/);
  assert.match(text, /1 min/);
  assert.not.match(text, /\d{4,} s/);
});

test('devices, proxies and pins: every address, in 80 columns', () => {
  const device: DeviceAnswer = {
    device: 'tv',
    mac: '02:00:00:00:00:10',
    addresses: ['192.168.1.10', SIX, `${SIX.slice(0, -1)}9`],
    groups: [],
    apps: ['skype', 'echo'],
    ports: 0,
    peers: 0,
    flows: 4,
    bytes_up: null,
    bytes_down: null,
  };
  const text = devicesText({ rows: [device, { ...device, device: 'x'.repeat(63), mac: null }] });
  fits(text);
  for (const address of device.addresses) assert.match(text, address);
  const proxy: ProxyAnswer = {
    proxy: 'frankfurt1',
    address: SIX,
    state: 'probing',
    state_s: 9,
    loss_percent: 0,
    rtt_ms: null,
    mtu_bytes: 1400,
    reason: null,
    apps: ['skype', 'echo', 'sixteen-letters'],
    preferred: true,
  };
  const proxies = proxiesText({ rows: [proxy] });
  fits(proxies);
  assert.match(flat(proxies), 'not answered yet skype echo sixteen-letters (alone until whp proxy');
  fits(pinsText({ rows: [{ address: SIX, app: 'skype' }] }));
});

test('why: 80 columns; the query and each flow of the reasons are whole', () => {
  for (const { flow } of FLOWS) {
    const text = whyText({
      query: flow,
      state: 'proxied',
      app: 'skype',
      proxy: 'a',
      device: null,
      verdict: `DIRECT now: it is skype's for ${'living-room, '.repeat(9)}tv alone; paused by you`,
      reasons: [`skype: ${flow}: addr: ${DETAIL} (9 min ago)`],
    });
    for (const line of text.trimEnd().split('\n'))
      assert.ok(line.length <= 80 || line.includes(flow), line);
    assert.match(text, new RegExp(`^${flow.replace(/[[\].]/g, '\\$&')}:\\s`));
    assert.is(text.split(flow).length, 3, text);
  }
});

test('monitor: one event, in 80 columns, with durations', () => {
  const base = { app: 'skype', device: 'tv', address: '192.168.1.10' };
  const addresses = Array.from({ length: 9 }, () => ({ remote: SIX, ttl_s: 7200 }));
  const dns = {
    ...base,
    kind: 'dns',
    name: 'a.skype.com',
    root: 'a.skype.com',
    targets: [],
  } as const;
  const text = monitorText({ ...dns, addresses });
  fits(text);
  assert.match(text, `${SIX} (2 h)`);
  const flow = monitorText({ ...rows[2]!, kind: 'flow' });
  assert.match(flow, `\n  ${rows[2]!.flow}:\n`);
});

const AUDIT: AuditAnswer = {
  recorded_s: 300,
  flows: 1,
  packets: 1,
  bytes: 40,
  unkept: { packets: 1, bytes: 1 },
  outside_flows: 3,
  outside_packets: 1,
  chosen_flows: 1,
  chosen_packets: 2,
  metered_packets: 1,
  interrupted: true,
  unseen: [`devices on other networks than ${'br-lan, '.repeat(12)}br-guest`],
  rows: rows.slice(0, 3).map((one) => ({ ...one, ago_s: 130 })) as never,
};

test('audit: counts in words, with the right plural', () => {
  const text = auditVerdict(AUDIT);
  fits(text);
  const said = flat(text);
  assert.match(said, '5 min: 1 packet (40 B) of 1 flow left beside the tunnels ! 1 of them, of 3');
  assert.match(said, '2 packets more, of 1 flow: direct by your choice');
  assert.match(said, 'the meter at the exit counted 1 packet meanwhile');
  for (const { flow } of AUDIT.rows) assert.match(text, `\n  ${flow}\n`);
  const clean = auditVerdict({ ...AUDIT, flows: 2, packets: 3, outside_packets: 0 });
  assert.match(clean, /: 3 packets \(40 B\) of 2 flows left .*\n0 of them are of an application\n/);
});

test('each list of what is learned can be the one that is cut', () => {
  const lists = { endpoints: endpoint, ports: port, peers: pair, named: pair };
  for (const [list, one] of Object.entries(lists)) {
    const answer = { ...none, [list]: [one, one], more: true } as never;
    assert.match(learnedText(answer, 2), /\nat most 2 rows; for more: --limit N\n$/, list);
    assert.not.match(learnedText({ ...none, [list]: [one, one] } as never, 2), /at most/, list);
    assert.match(learnedText(answer, 500), /\nat most 500 rows\n$/);
    assert.match(learnedText(answer, 1), /\nat most 1 row; /);
  }
});

test('so says the log of connections', () => {
  const ledger = createLedger();
  const counts = { original: 1, reply: 1 };
  const original = { ...ENDS, protocol: 17 };
  const connection = { id: 1, original, mark: 1, bytes: counts, packets: counts };
  const facts = { app: 'skype', proxy: 'a', evidence: 'addr', detail: '' };
  const ended = endFlow(ledger, connection as never, () => facts, 1000)!;
  const row = endedRow(ended, NAMELESS);
  const whole = { rows: [row, row] };
  assert.match(
    logText({ ...whole, more: true }, CLOCK, 2),
    /\nat most 2 rows; for more: --limit N\n$/,
  );
  assert.not.match(logText(whole, CLOCK, 2), /at most/);
});

test.run();
