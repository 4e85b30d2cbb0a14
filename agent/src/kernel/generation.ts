// kernel/generation: the generation of nf_tables: a number that each transaction of any program changes.
import { readNftEvent } from '../netlink/nft-event.ts';
import { putGenerationQuery } from '../netlink/nft-table.ts';
import { dump } from './netlink-request.ts';
import type { NetlinkSocket } from './netlink-socket.ts';

/** 0: it could not be read. */
export function readGeneration(socket: NetlinkSocket): number {
  let generation = 0;
  dump(
    socket,
    putGenerationQuery,
    () => {},
    (message, reader) => {
      const read = readNftEvent(reader, message);
      if (read.ok && read.value.kind === 'generation') generation = read.value.generation;
    },
  );
  return generation;
}
