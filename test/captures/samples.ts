// The real captures, which are not part of the project and lie beside it. Runs the built agent on one and reads
// its output.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import type { ReplayReport } from '../../agent/src/replay/report.ts';
import { answerOf } from '../lib/answers.ts';

export const FOLDER = '../shared/captures';
const HOST = 'out/host/x86_64/whp-host';

/** Captures with whole sessions; the other two Skype samples are one flow each. */
export const SESSIONS: Readonly<Record<string, { device: string; port: number }>> = {
  'ndpi-skype.pcap': { device: '192.168.1.34', port: 13021 },
  'wireshark-SkypeIRC.pcap': { device: '192.168.1.2', port: 35990 },
};

/** One media flow of 2017 and five packets of the second session: without a beginning there is no evidence. */
export const FRAGMENTS = ['ndpi-skype-conference-call.pcap', 'ndpi-skype_udp.pcap'];

/** The home's global IPv6 prefixes, by capture; IPv4 homes are private everywhere. */
const PREFIXES: Readonly<Record<string, string>> = {
  'ndpi-stun_google_meet.pcapng': '2001:b07:a3d:c112::/64',
};

/** The reason why the captures cannot be used, or null. */
export function absence(): string | null {
  if (!existsSync(FOLDER)) return `${FOLDER} is absent`;
  for (const file of [HOST, 'out/whp']) {
    if (!existsSync(file)) return `${file} is absent: scripts/host.sh x86_64, scripts/bundle.mjs`;
  }
  return null;
}

export function samples(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => /\.pcap(ng)?$/.test(name))
    .sort();
}

/** `whp replay --json`, with the shipped profiles and no configuration. */
export function replaySample(name: string): ReplayReport {
  const prefix = PREFIXES[name];
  const words = [
    'out/whp',
    'replay',
    `${FOLDER}/${name}`,
    '--json',
    '--profiles=agent/profiles',
    ...(prefix === undefined ? [] : [`--lan=${prefix}`]),
  ];
  const run = spawnSync(HOST, words, { encoding: 'utf8', maxBuffer: 64 << 20 });
  if (run.status !== 0) throw new Error(`whp replay ${name}: status ${run.status} ${run.stderr}`);
  return answerOf<ReplayReport>(['replay'], run.stdout);
}
