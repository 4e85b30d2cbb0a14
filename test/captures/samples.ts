// The real captures, when they are there: not part of the project, they lie beside it. Runs the
// built agent over one, as anybody would at a prompt, and reads what it prints.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import type { ReplayReport } from '../../agent/src/replay/report.ts';

export const FOLDER = '../shared/captures';
const HOST = 'out/host/x86_64/whp-host';

/** Both have whole sessions in them; the other two Skype samples are one flow each. */
export const SESSIONS: Readonly<Record<string, { device: string; port: number }>> = {
  'ndpi-skype.pcap': { device: '192.168.1.34', port: 13021 },
  'wireshark-SkypeIRC.pcap': { device: '192.168.1.2', port: 35990 },
};

/** One media flow of 2017 and five packets of the second session: no beginning, so no evidence. */
export const FRAGMENTS = ['ndpi-skype-conference-call.pcap', 'ndpi-skype_udp.pcap'];

/** The home's global IPv6 prefixes, by capture; IPv4 homes are private everywhere. */
const PREFIXES: Readonly<Record<string, string>> = {
  'ndpi-stun_google_meet.pcapng': '2001:b07:a3d:c112::/64',
};

/** Why the captures cannot be used here, or null. */
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
  return JSON.parse(run.stdout);
}
