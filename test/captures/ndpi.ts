// An independent opinion on the same captures: ndpiReader of Debian's libndpi-bin. It reads
// payloads, and by default knows the operator's address ranges as well; `-d` takes those away.
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
  /** As nDPI calls it, e.g. TLS.Skype_Teams. */
  readonly name: string;
  /** Name in a DNS question, TLS hello or HTTP request, where there is one. */
  readonly host: string;
  readonly packets: number;
}

/** Why there is no ndpiReader, or null. */
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
  // The fields up to the packet counts hold no comma.
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
