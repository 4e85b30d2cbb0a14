// kernel/generation: the generation of nf_tables: a number that each transaction of any program changes.
import * as os from 'qjs:os';
import * as watch from 'whp:generation';
import { done, failed, type KernelResult, refused } from '../netlink/kernel-error.ts';
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

/** Calls `onChange` when the number has changed, first time included, or cannot be read; the host program reads it at
 * this interval. Ends with the returned function. */
export function watchGeneration(
  milliseconds: number,
  onChange: () => void,
): KernelResult<() => void> {
  const fd = watch.open(milliseconds);
  if (fd < 0) return failed(refused('watch', 'the generation number of nf_tables', -fd));
  os.setReadHandler(fd, onChange);
  return done(() => {
    os.setReadHandler(fd, null);
    watch.close();
  });
}
