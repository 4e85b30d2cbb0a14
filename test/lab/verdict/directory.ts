// Reads a run's directory (captures, logs, addresses.txt), has it judged, and leaves result.json and
// flows.txt beside them.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { judge } from './judge.ts';
import { readRecords } from './records.ts';
import { flowTable, summary } from './report.ts';
import type { FlowOutcome, Result } from './result.ts';

export interface RunDirectory {
  readonly directory: string;
  readonly seed: number;
  readonly router: string;
  readonly expectedSessions: number;
  /** `whp status --json`, when there was an agent. */
  readonly agent?: unknown;
  /** The agent's reason for a flow. */
  readonly why?: (flow: FlowOutcome) => string;
}

/** addresses.txt: "NAME ADDRESS" a line -> address to name. */
export function readAddresses(text: string): Map<string, string> {
  const devices = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [name, address] = line.split(' ');
    if (name && address) devices.set(address, name);
  }
  return devices;
}

/** Judges what is in `directory`: isp.pcap, lan.pcap, addresses.txt and the *.jsonl logs. */
export function judgeDirectory(run: RunDirectory): {
  result: Result;
  flows: FlowOutcome[];
  text: string;
} {
  const { directory } = run;
  const logs = readdirSync(directory).filter((name) => name.endsWith('.jsonl'));
  const texts = logs.map((name): [string, string] => [
    name,
    readFileSync(join(directory, name), 'utf8'),
  ]);
  const { result, flows } = judge({
    isp: readFileSync(join(directory, 'isp.pcap')),
    lan: readFileSync(join(directory, 'lan.pcap')),
    records: readRecords(new Map(texts)),
    devices: readAddresses(readFileSync(join(directory, 'addresses.txt'), 'utf8')),
    seed: run.seed,
    router: run.router,
    expectedSessions: run.expectedSessions,
    agent: run.agent,
  });
  writeFileSync(join(directory, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(join(directory, 'flows.txt'), `${flowTable(flows, run.why)}\n`);
  return { result, flows, text: summary(result) };
}
