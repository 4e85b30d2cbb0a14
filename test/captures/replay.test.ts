// Real captures through `whp replay`: the evidence of the two Skype sessions, nothing proxied in other
// captures, and how much of nDPI's Skype flows is proxied. The captures are not part of the project: without
// them the suite is skipped.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compare, onLearnedPorts } from './compare.ts';
import { ndpiAbsence, ndpiFlows } from './ndpi.ts';
import { absence, FRAGMENTS, replaySample, SESSIONS, samples } from './samples.ts';

const absent = absence();
const names = absent === null ? samples() : [];
const reports = new Map(names.map((name) => [name, replaySample(name)]));

/** A test, or the reason why it is skipped. */
function when(missing: string | null, name: string, run: () => void): void {
  if (missing === null) test(name, run);
  else test.skip(`${name} (${missing})`, run);
}

test('captures are there, or the suite says why not', () => {
  if (absent !== null) console.log(`skipped: ${absent}`);
  else assert.ok(names.length >= Object.keys(SESSIONS).length);
});

for (const [name, { device, port }] of Object.entries(SESSIONS)) {
  when(absent, `${name}: the P2P port is learned, and no other`, () => {
    const { ports } = reports.get(name)!;
    const learned = ports.map((one) => `${one.app} ${one.protocol} ${one.port} ${one.address}`);
    assert.equal(learned, [`skype udp ${port} ${device}`]);
  });

  when(absent, `${name}: a proxied flow has no packet on the direct path`, () => {
    const leaks = reports.get(name)!.flows.filter(({ app, direct }) => app !== null && direct > 0);
    assert.equal(leaks, []);
  });

  when(absent, `${name}: what the learned port sends once it is known is proxied`, () => {
    const { flows, ports } = reports.get(name)!;
    const { since_ms } = ports[0]!;
    const direct = flows.filter(
      ({ flow, app, start_ms }) =>
        app === null && start_ms > since_ms && flow.startsWith(`udp ${device}:${port} `),
    );
    assert.equal(direct, []);
  });
}

for (const name of names.filter((one) => !(one in SESSIONS))) {
  test(`${name}: nothing is proxied, nothing is learned`, () => {
    const { totals, ports, peers, endpoints, evidence } = reports.get(name)!;
    assert.is(totals.proxied_flows, 0);
    assert.is(totals.rejected_packets, 0);
    assert.equal([ports, peers, endpoints, evidence], [[], [], [], {}]);
  });
}

for (const [name, report] of reports) {
  test(`${name}: every packet is counted once`, () => {
    const { packets, malformed, local, foreign, flows, broken } = report;
    assert.is(broken, null);
    // Some captures are between public addresses and contain no home.
    if (name in SESSIONS) assert.is(foreign, 0);
    const inFlows = flows.reduce((sum, flow) => sum + flow.packets, 0);
    assert.is(packets, malformed + local + foreign + inFlows);
    for (const { packets: all, direct, rejected } of flows) assert.ok(direct + rejected <= all);
  });
}

// Lower bounds, slightly below today's figures (docs/replay.md): a change that loses flows fails.
const FLOORS: Readonly<Record<string, { leaving: number; port: number }>> = {
  'ndpi-skype.pcap': { leaving: 0.97, port: 0.99 },
  'wireshark-SkypeIRC.pcap': { leaving: 0.9, port: 0.6 },
};

for (const [name, floor] of Object.entries(FLOORS)) {
  when(absent, `${name}: share of the learned port's flows`, () => {
    const { all, proxied } = onLearnedPorts(reports.get(name)!);
    assert.ok(proxied.flows >= floor.port * all.flows, `${proxied.flows} of ${all.flows}`);
  });

  when(absent ?? ndpiAbsence(), `${name}: share of the flows that nDPI calls Skype`, () => {
    const { leaving, proxied } = compare(reports.get(name)!, ndpiFlows(name, false));
    assert.ok(proxied.flows >= floor.leaving * leaving.flows, `${proxied.flows} proxied`);
  });
}

when(absent, 'samples without a beginning teach nothing, as they should', () => {
  for (const name of FRAGMENTS) assert.is(reports.get(name)!.ports.length, 0);
});

test.run();
