// The conntrack part of the fake kernel: entries that a test adds.
import type { ConnectionList } from '../../agent/src/kernel/conntrack.ts';
import type { Connection, Tuple } from '../../agent/src/netlink/conntrack.ts';

export interface FakeConntrack {
  entries: Connection[];
  ids: number;
  /** Milliseconds that a dump says it has taken. */
  spent: number;
}

const UDP = 17;

/** Adds a confirmed UDP flow of a device. `inner`: the address that its source was translated to. */
export function addFlow(
  conntrack: FakeConntrack,
  original: Omit<Tuple, 'protocol'>,
  change: Partial<Connection> & { readonly inner?: string } = {},
): Connection {
  conntrack.ids += 1;
  const { inner, ...rest } = change;
  const tuple: Tuple = { protocol: UDP, ...original };
  const reply: Tuple = {
    protocol: UDP,
    source: tuple.destination,
    sourcePort: tuple.destinationPort,
    destination: inner ?? tuple.source,
    destinationPort: tuple.sourcePort,
  };
  const entry: Connection = {
    family: tuple.source.includes(':') ? 6 : 4,
    original: tuple,
    reply,
    status: 0x18e,
    mark: 0,
    zone: 0,
    timeout: 120,
    id: conntrack.ids,
    packets: { original: 3, reply: 3 },
    bytes: { original: 300, reply: 300 },
    ...rest,
  };
  conntrack.entries.push(entry);
  return entry;
}

/** The entries of `lists`, filtered as the kernel does. */
export function listNow(
  { entries }: FakeConntrack,
  lists: readonly ConnectionList[],
): Connection[] {
  return lists.flatMap(({ mark, mask, only }) =>
    entries.filter((one) => {
      if ((one.mark & mask) >>> 0 !== mark) return false;
      const side = only?.isReply === true ? one.reply : one.original;
      return (
        only === undefined ||
        ((only.source === null || only.source === side.source) &&
          (only.destination === null || only.destination === side.destination))
      );
    }),
  );
}

/** One line for each entry, as conntrack -L prints ends and mark. */
export function conntrackText({ entries }: FakeConntrack): string[] {
  return entries
    .map(
      ({ original, reply, mark }) =>
        `flow ${original.source}:${original.sourcePort} > ${original.destination}:${original.destinationPort} as ${reply.destination} mark 0x${mark.toString(16)}`,
    )
    .sort();
}
