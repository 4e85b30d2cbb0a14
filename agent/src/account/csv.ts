// account/csv: ended flows as CSV for a spreadsheet (RFC 4180).
import { flowFields } from '../wire/flow-text.ts';
import type { EndedFlow } from './ledger.ts';

const HEAD =
  'start,end,app,proxy,device,flow,protocol,source,source_port,destination,destination_port,bytes_up,bytes_down,packets,evidence,detail';

/** A header and one line a flow, oldest first; times in UTC. `nameOf`: name of the device with an address. */
export function csvText(
  flows: readonly EndedFlow[],
  nameOf: (address: string) => string | null,
): string {
  const rows = flows.map((one) =>
    [
      new Date(one.start).toISOString(),
      new Date(one.end).toISOString(),
      one.app,
      one.proxy,
      nameOf(one.original.source) ?? '',
      ...Object.values(flowFields(one.original)).map((part) => part ?? ''),
      one.up,
      one.down,
      one.packets,
      one.evidence,
      one.detail,
    ]
      .map(cell)
      .join(','),
  );
  return [HEAD, ...rows, ''].join('\r\n');
}

/** Quoted if necessary. A text that a spreadsheet would take for a formula gets an apostrophe, since strangers
 * choose the names in it. */
function cell(value: string | number): string {
  if (typeof value === 'number') return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
