// kernel/load: makes a change of our tables in one transaction (ruleset/encode/change), and says which part of it the
// kernel refuses.
import { pack, sequence } from 'whp:message';
import { NETLINK_NETFILTER, NFPROTO_INET } from '../netlink/constants.ts';
import { hostOrder } from '../netlink/endian.ts';
import { isNotFound, isNotSupported, type KernelError, refused } from '../netlink/kernel-error.ts';
import { createReader } from '../netlink/message.ts';
import { errnoText } from '../os/errno.ts';
import { batchOf } from '../ruleset/encode/batch.ts';
import { partsOf, type TableChange } from '../ruleset/encode/change.ts';
import { type RefusedPart, refusedPart } from '../ruleset/encode/refusal.ts';
import { type EncodedTable, encodeTable, type Pack } from '../ruleset/encode/table.ts';
import type { Ruleset } from '../ruleset/model.ts';
import { TABLE } from '../ruleset/names.ts';
import { type Acknowledged, acknowledgements } from './netlink-request.ts';
import { closeNetlink, openNetlink, sendBytes } from './netlink-socket.ts';

/** Bytes of the refusals that the kernel may queue: one for each message. */
const REFUSALS = 1 << 18;

const isLittle = hostOrder === 'little';

const packed: Pack = (messages) => new Uint8Array(pack(NFPROTO_INET, messages));

/** Encodes a table for this machine. `pause` is awaited after a few rules. */
export async function encodeHere(
  ruleset: Ruleset,
  pause: () => Promise<void>,
): Promise<EncodedTable> {
  const encoding = encodeTable(ruleset, isLittle, packed);
  for (;;) {
    const { done, value } = encoding.next();
    if (done === true) return value;
    await pause();
  }
}

/** The transaction has a socket of its own: it is longer than the send queue of a socket has to be otherwise. */
export function loadChange(change: TableChange): KernelError | null {
  const bytes = batchOf(partsOf(change), isLittle, packed);
  const last = sequence(bytes.buffer, 1) - 1;
  // The kernel counts some bytes more than the datagram has.
  const sendQueue = bytes.length + 1024;
  const opened = openNetlink(NETLINK_NETFILTER, { receiveQueue: REFUSALS, sendQueue });
  if (!opened.ok) return opened.error;
  const socket = opened.value;
  const failed = sendBytes(socket, bytes.buffer, bytes.length);
  // The first message opens the transaction, the second is acknowledged.
  const outcome = acknowledgements(socket, failed, 1, last, 2);
  closeNetlink(socket);
  return outcome.errno === 0 ? null : errorOf(change, bytes, outcome);
}

/** Packages of OpenWrt with the expressions that a kernel may lack. */
const PACKAGES: { readonly [expression: string]: string } = {
  queue: 'kmod-nft-queue',
  fib: 'kmod-nft-fib',
  masq: 'kmod-nft-nat',
  redir: 'kmod-nft-nat',
  flow_offload: 'kmod-nft-offload',
  log: 'kmod-nfnetlink-log',
};

function errorOf(
  { made, without }: TableChange,
  sent: Uint8Array,
  outcome: Acknowledged,
): KernelError {
  const table = `table inet ${made?.standing.table ?? without[0] ?? TABLE}`;
  const { errno, refused: acks } = outcome;
  const [ack] = acks;
  if (ack === undefined) return refused('load', table, errno);
  const part = refusedPart(createReader(sent), ack, made?.standing ?? null);
  return { ...refused('load', `${table}, ${part.what}`, errno), detail: detailOf(errno, part) };
}

function detailOf(errno: number, { rule, expression }: RefusedPart): string {
  const isLacking = isNotFound({ errno }) || isNotSupported({ errno });
  const name = isLacking && expression !== null ? PACKAGES[expression] : undefined;
  const fix =
    name === undefined
      ? ''
      : `: the kernel has no nft ${expression}: opkg install ${name} (from OpenWrt 25.12 on: apk add ${name})`;
  return `${errnoText(errno)}${fix}${rule === null ? '' : `: ${rule}`}`;
}
