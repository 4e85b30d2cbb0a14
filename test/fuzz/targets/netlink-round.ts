// netlink/: decoders read back what encoders write, in both byte orders. The input chooses the values; a batch
// for sets is decoded element by element.
import { putAddressAdd, readAddress } from '../../../agent/src/netlink/address.ts';
import type { ByteOrder } from '../../../agent/src/netlink/endian.ts';
import { readLink } from '../../../agent/src/netlink/kernel-link.ts';
import { putGreCreate } from '../../../agent/src/netlink/link.ts';
import {
  createMessage,
  createReader,
  type Message,
  type MessageReader,
  readMessage,
} from '../../../agent/src/netlink/message.ts';
import { putSetBatch, type SetChange, splitChanges } from '../../../agent/src/netlink/nft-set.ts';
import { putRouteReplace, readRoute } from '../../../agent/src/netlink/route.ts';
import { putRuleAdd, readRule } from '../../../agent/src/netlink/rule.ts';
import { createWriter, type Writer } from '../../../agent/src/netlink/writer.ts';
import { formatAddress } from '../../../agent/src/wire/address.ts';
import { readerOf, u8, u16 } from '../../../agent/src/wire/reader.ts';
import { GRE, MARK_RULE, THROUGH } from '../../fixtures/kernel-objects.ts';
import { readElements } from '../../fixtures/netlink-elements.ts';
import { must, type Target } from '../target.ts';

/** Calls `visit` for every message written, in network order. */
/** In network order. */
const u32 = (r: ReturnType<typeof readerOf>): number => u16(r) * 0x10000 + u16(r);

function each(w: Writer, order: ByteOrder, visit: (r: MessageReader, m: Message) => void): void {
  const r = createReader(w.bytes.slice(0, w.length), order);
  const m = createMessage();
  for (let at = 0; at < w.length; ) {
    at = readMessage(r, at, w.length, m);
    must(at > 0, 'a message that does not fit');
    visit(r, m);
  }
}

function same(what: string, written: unknown, read: unknown): void {
  const [a, b] = [JSON.stringify(written), JSON.stringify(read)];
  must(a === b, `${what}: wrote ${a}, read ${b}`);
}

function pick<T extends object>(value: object, like: T): unknown {
  return Object.fromEntries(Object.keys(like).map((key) => [key, (value as never)[key]]));
}

function sets(changes: readonly SetChange[], order: ByteOrder): void {
  for (const part of splitChanges(changes, 40)) {
    const w = createWriter(64, order);
    const batch = putSetBatch(w, 1, { family: 1, table: 'whp' }, part);
    must(!w.overflow, 'an attribute longer than its length field');
    const got = part.map(() => [] as string[]);
    each(w, order, (r, m) => {
      const where = batch.parts.find(({ seq }) => seq === m.seq);
      if (where === undefined) return;
      const read = readElements(r, m);
      if (!read.ok) throw new Error(read.reason);
      must(read.value.table === 'whp' && read.value.set === part[where.change]!.set, 'set name');
      if (m.seq !== batch.parts.findLast(({ change }) => change === where.change)!.seq) return;
      for (const { key, timeout } of read.value.elements) {
        got[where.change]!.push(`${key.join('.')} ${timeout ?? ''}`);
      }
    });
    part.forEach(({ operation, elements }, i) => {
      const timed = operation !== 'delete';
      const wanted = elements.map((one) => `${one.key.join('.')} ${(timed && one.timeout) || ''}`);
      same('set', wanted, got[i]);
    });
  }
}

function run(input: Uint8Array): string {
  const r = readerOf(input);
  const order = u8(r) & 1 ? 'big' : 'little';
  const family = u8(r) & 1 ? 6 : 4;
  const width = family === 4 ? 4 : 16;
  const bytes = (count: number) => Uint8Array.from({ length: count }, () => u8(r));
  const changes = Array.from({ length: u8(r) & 3 }, (): SetChange => {
    const operation = (['add', 'renew', 'delete'] as const)[u8(r) % 3]!;
    const elements = Array.from({ length: u8(r) & 63 }, () => {
      return { key: bytes(width), timeout: 1 + u16(r) };
    });
    return { operation, set: `app_addr${family}`, elements };
  });
  sets(changes, order);
  const address = () => formatAddress(bytes(width), 0, family);
  const w = createWriter(64, order);
  const gre = { ...GRE, local: address(), remote: address(), key: u32(r), mtu: u16(r) };
  const rule = { ...MARK_RULE, family, mark: u32(r), table: u32(r), preference: u32(r) } as const;
  const route = { ...THROUGH, family, link: u16(r) + 1, metric: u32(r), table: u32(r) } as const;
  const inner = { link: u32(r), address: address(), peer: address(), prefix: u8(r) };
  must(putGreCreate(w, 1, gre), 'a GRE device is refused');
  putRuleAdd(w, 2, rule);
  putRouteReplace(w, 3, route);
  must(putAddressAdd(w, 4, inner), 'an address is refused');
  each(w, order, (reader, m) => {
    const read = [readLink, readRule, readRoute, readAddress][m.seq - 1]!(reader, m);
    if (!read.ok) throw new Error(read.reason);
    const { value } = read;
    if ('gre' in value) checkGre(value.gre, gre);
    else if (m.seq === 2) same('rule', rule, pick(value, rule));
    else if (m.seq === 3) same('route', route, pick(value, route));
    else same('address', inner.address, (value as { address: string }).address);
  });
  return `${order} ${family} ${changes.length}`;
}

function checkGre(read: object | null, gre: typeof GRE): void {
  const any = (text: string) => (/^(0\.0\.0\.0|::)$/.test(text) ? null : text);
  const wanted = { local: any(gre.local), remote: any(gre.remote), key: gre.key };
  same('GRE', wanted, read === null ? null : pick(read, wanted));
}

export const netlinkRound: Target = {
  name: 'netlink-round',
  weight: 3,
  seeds: [0, 1, 2, 3].map((kind) =>
    Uint8Array.from({ length: 600 }, (_, i) => (i < 2 ? kind >> i : i * 37 + kind)),
  ),
  run,
};
