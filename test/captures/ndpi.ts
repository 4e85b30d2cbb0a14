// ndpiReader of Debian's libndpi-bin as an independent classifier. It reads payloads and, without `-d`, address
// ranges of operators too.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FOLDER } from './samples.ts';

export interface NdpiFlow {
  /** Protocol and both ends, the same for both directions. */
  readonly key: string;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  /** nDPI's name of the protocol, e.g. TLS.Skype_Teams. */
  readonly name: string;
  /** The name in a DNS question, TLS hello or HTTP request, if any. */
  readonly host: string;
  readonly packets: number;
}

/** The reason why ndpiReader cannot run, or null. */
export function ndpiAbsence(): string | null {
  const run = spawnSync('ndpiReader', ['--version']);
  return run.error === undefined ? null : 'ndpiReader is absent: apt-get install libndpi-bin';
}

/** "17 a:1 b:2" with the ends in the order of their text. */
export function flowKey(protocol: number, one: string, other: string): string {
  return `${protocol} ${[one, other].sort().join(' ')}`;
}

export function isSkype({ name }: NdpiFlow): boolean {
  return name.includes('Skype');
}

/** nDPI's flows of a capture; `payloadOnly`: without guesses by address and port. */
export function ndpiFlows(sample: string, payloadOnly: boolean): NdpiFlow[] {
  const folder = mkdtempSync(join(tmpdir(), 'ndpi-'));
  const csv = join(folder, 'flows.csv');
  const words = ['-i', `${FOLDER}/${sample}`, '-v', '2', '-C', csv];
  const run = spawnSync('ndpiReader', payloadOnly ? ['-d', ...words] : words);
  if (run.status !== 0) throw new Error(`ndpiReader ${sample}: status ${run.status}`);
  const [head = '', ...lines] = readFileSync(csv, 'utf8').trim().split('\n');
  rmSync(folder, { recursive: true });
  // The fields before the packet counts contain no comma.
  const columns = head.replace('#', '').split(',');
  return lines.map((line) => {
    const cells = line.split(',');
    const cell = (name: string) => cells[columns.indexOf(name)] ?? '';
    return {
      key: flowKey(
        Number(cell('protocol')),
        `${cell('src_ip')}:${cell('src_port')}`,
        `${cell('dst_ip')}:${cell('dst_port')}`,
      ),
      source: cell('src_ip'),
      sourcePort: Number(cell('src_port')),
      destination: cell('dst_ip'),
      name: cell('ndpi_proto'),
      host: cell('server_name_sni'),
      packets: Number(cell('c_to_s_pkts')) + Number(cell('s_to_c_pkts')),
    };
  });
}
