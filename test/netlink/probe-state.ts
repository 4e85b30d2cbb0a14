// Probe: table, sets and elements: written, read back, renewed, expiring, refused.

import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { readGeneration } from '../../agent/src/kernel/generation.ts';
import { joinGroup, receive } from '../../agent/src/kernel/netlink-socket.ts';
import { NETLINK_NETFILTER } from '../../agent/src/netlink/constants.ts';
import { createReader } from '../../agent/src/netlink/message.ts';
import { faultOf, type SetElement } from '../../agent/src/netlink/nft-set.ts';
import { putTableQuery } from '../../agent/src/netlink/nft-table.ts';
import { parseAddress } from '../../agent/src/wire/address.ts';
import { readElements } from '../fixtures/netlink-elements.ts';
import { toHex } from '../fixtures/netlink-hex.ts';
import { putElementQuery, readTableEvent } from '../fixtures/netlink-requests.ts';
import { breathe, claim, holds, same } from './claims.ts';
import { NFNLGRP_NFTABLES } from './nft-constants.ts';
import { putSet, putTable } from './nft-ruleset.ts';
import {
  ask,
  changeSets,
  elementsOf,
  list,
  netfilter,
  nftBatch,
  open,
  TABLE,
  WHERE,
} from './probe-socket.ts';
import { leaveGroup, sendLimit } from './sockets.ts';

export function key(...parts: (string | number)[]): Uint8Array {
  const bytes: number[] = [];
  for (const part of parts) {
    if (typeof part === 'string') bytes.push(...parseAddress(part)!);
    else bytes.push((part >> 8) & 0xff, part & 0xff, 0, 0);
  }
  return Uint8Array.from(bytes);
}

function shown(elements: readonly SetElement[]): string[] {
  return elements
    .map((e) => `${toHex(e.key)}${e.keyEnd ? `-${toHex(e.keyEnd)}` : ''} ${e.timeout ?? '-'}`)
    .sort();
}

export async function proveKernelState(): Promise<void> {
  const events = open(NETLINK_NETFILTER, { groups: [NFNLGRP_NFTABLES] });
  nftBatch([(w, seq) => putTable(w, seq, TABLE), (w, seq) => putTable(w, seq, TABLE, true)]);
  claim('table-and-sets', () => {
    const made = nftBatch([
      (w, seq) => putTable(w, seq, TABLE),
      (w, seq) => putSet(w, seq, TABLE, 'addr4', [4]),
      (w, seq) => putSet(w, seq, TABLE, 'addr6', [16]),
      (w, seq) => putSet(w, seq, TABLE, 'pair', [4, 4]),
      (w, seq) => putSet(w, seq, TABLE, 'range', [4, 1, 2], true),
    ]);
    same(made, { errno: 0, refused: [] });
    same(
      ask(netfilter, (w, seq) => putTableQuery(w, seq, WHERE.family, TABLE)),
      0,
      'query',
    );
    same(
      ask(netfilter, (w, seq) => putTableQuery(w, seq, WHERE.family, 'none')),
      sys.ENOENT,
    );
  });
  claim('elements-read-back', () => {
    const changes = [
      {
        operation: 'add' as const,
        set: 'addr4',
        elements: [
          { key: key('192.0.2.1'), timeout: 60000 },
          { key: key('192.0.2.2'), timeout: 0x100000000 + 7000 },
        ],
      },
      {
        operation: 'add' as const,
        set: 'addr6',
        elements: [{ key: key('2001:db8::1'), timeout: 5000 }],
      },
      {
        operation: 'add' as const,
        set: 'pair',
        elements: [{ key: key('192.0.2.1', '198.51.100.7'), timeout: 4000 }],
      },
    ];
    same(changeSets(changes).errno, 0, 'errno');
    // The kernel counts in ticks: a timeout comes back to within a tick (10 ms at HZ 100).
    const near = (elements: readonly SetElement[]) =>
      elements.map((e) => ({ ...e, timeout: Math.round((e.timeout ?? 0) / 20) * 20 }));
    same(shown(near(elementsOf('addr4'))), shown(near(changes[0]!.elements)));
    same(shown(near(elementsOf('addr6'))), shown(near(changes[1]!.elements)));
    same(shown(near(elementsOf('pair'))), shown(near(changes[2]!.elements)));
    const left = elementsOf('addr6')[0]?.expiration ?? 0;
    holds(left > 3000 && left <= 5000, `expiration ${left}`);
  });
  await breathe();
  proveElements();
  await breathe();
  const early: string[] = [];
  receive(events, (m, r) => {
    const event = readTableEvent(r, m);
    if (event?.kind === 'table-new') early.push(event.table);
  });
  // 1,200 elements in one transaction: with a listener the kernel would hold a page for each.
  same(leaveGroup(events, NFNLGRP_NFTABLES), 0, 'leave');
  await proveFaults();
  await breathe();
  same(joinGroup(events, NFNLGRP_NFTABLES), 0, 'join');
  claim('table-announced', () => {
    same(early.at(-1), TABLE, 'the table that was announced');
    const before = readGeneration();
    nftBatch([(w, seq) => putTable(w, seq, TABLE, true)]);
    holds(before > 0, 'the generation number is not known');
    same(readGeneration(), before + 1, 'the generation number after a transaction');
    const seen: string[] = [];
    receive(
      events,
      (m, r) => {
        const made = readTableEvent(r, m);
        if (made !== null) seen.push(`${made.kind} ${made.family} ${made.table}`);
      },
      1000,
    );
    holds(seen.includes('table-deleted 1 whpt'), `${seen}`);
  });
}

function proveElements(): void {
  claim('interval-of-three-fields', () => {
    const from = key('192.0.2.0');
    const range = {
      key: Uint8Array.of(...from, 17, 0, 0, 0, ...key(40001)),
      keyEnd: Uint8Array.of(...key('192.0.2.255'), 17, 0, 0, 0, ...key(40047)),
      timeout: 60000,
    };
    same(changeSets([{ operation: 'add', set: 'range', elements: [range] }]).errno, 0, 'errno');
    same(shown(elementsOf('range').map((e) => ({ ...e, timeout: 60000 }))), shown([range]));
  });
  claim('element-query', () => {
    const found = list(
      netfilter,
      (w, seq) => putElementQuery(w, seq, WHERE, 'addr4', key('192.0.2.1')),
      readElements,
    );
    same(found[0]?.elements.length, 1);
    const absent = (w: Parameters<typeof putElementQuery>[0], seq: number) =>
      putElementQuery(w, seq, WHERE, 'addr4', key('192.0.2.99'));
    same(ask(netfilter, absent), sys.ENOENT);
  });
  claim('renew', () => {
    const old = { key: key('192.0.2.1'), timeout: 600000 };
    const fresh = { key: key('192.0.2.50'), timeout: 600000 };
    const done = changeSets([{ operation: 'renew', set: 'addr4', elements: [old, fresh] }]);
    same(done.errno, 0, 'errno');
    const got = elementsOf('addr4');
    for (const wanted of [old, fresh]) {
      const left = got.find((e) => toHex(e.key) === toHex(wanted.key))?.expiration ?? 0;
      holds(left > 500000, `${toHex(wanted.key)} has ${left} ms left`);
    }
  });
  claim('an element named several times in one transaction: the last counts', () => {
    const renew = (text: string, timeout: number) => {
      const elements = [{ key: key(text), timeout }];
      return { operation: 'renew', set: 'addr4', elements } as const;
    };
    const gone = {
      operation: 'delete',
      set: 'addr4',
      elements: [{ key: key('192.0.2.61') }],
    } as const;
    const done = changeSets([
      renew('192.0.2.60', 100000),
      renew('192.0.2.61', 100000),
      renew('192.0.2.60', 500000),
      gone,
      renew('192.0.2.61', 300000),
      renew('192.0.2.61', 400000),
    ]);
    same(done.errno, 0, 'errno');
    const left = (text: string) => {
      const found = elementsOf('addr4').filter((e) => toHex(e.key) === toHex(key(text)));
      return found.map(({ expiration }) => Math.round((expiration ?? 0) / 100000));
    };
    same([left('192.0.2.60'), left('192.0.2.61')], [[5], [4]]);
    const both = [{ key: key('192.0.2.60') }, { key: key('192.0.2.61') }];
    same(changeSets([{ operation: 'delete', set: 'addr4', elements: both }]).errno, 0, 'delete');
  });
  claim('expiry', () => {
    const brief = { key: key('192.0.2.200'), timeout: 200 };
    same(changeSets([{ operation: 'add', set: 'addr4', elements: [brief] }]).errno, 0, 'errno');
    const there = () => elementsOf('addr4').some((e) => toHex(e.key) === toHex(brief.key));
    holds(there(), 'it is not there at once');
    os.sleep(400);
    holds(!there(), 'it is there after 400 ms');
  });
  claim('delete', () => {
    const gone = [{ key: key('192.0.2.50') }];
    same(changeSets([{ operation: 'delete', set: 'addr4', elements: gone }]).errno, 0, 'errno');
    holds(!elementsOf('addr4').some((e) => toHex(e.key) === toHex(gone[0]!.key)), 'still there');
  });
}

async function proveFaults(): Promise<void> {
  const many: SetElement[] = [];
  for (let i = 0; i < 1200; i++) {
    many.push({ key: key(`10.1.${i >> 8}.${i & 255}`, '198.51.100.7'), timeout: 60000 });
  }
  claim('many-elements', () => {
    const before = elementsOf('pair').length;
    const done = changeSets([{ operation: 'add', set: 'pair', elements: many }]);
    same(done.errno, 0, 'errno');
    holds(done.batch.parts.length > 1, 'it fitted into one message');
    holds(sendLimit(netfilter) > 60000, `send limit ${sendLimit(netfilter)}`);
    same(elementsOf('pair').length, before + many.length);
  });
  await breathe();
  claim('refused-batch-names-the-element', () => {
    const before = elementsOf('pair').length;
    const wrong = [...many.slice(0, 1000), { key: key('203.0.113.1', '203.0.113.2') }];
    const done = changeSets([
      { operation: 'add', set: 'addr4', elements: [{ key: key('192.0.2.77') }] },
      { operation: 'delete', set: 'pair', elements: wrong },
    ]);
    same(done.errno, sys.ENOENT, 'errno');
    const sent = createReader(netfilter.writer.bytes.subarray(0, netfilter.writer.length));
    const fault = faultOf(sent, done.batch, done.refused[0]!);
    same([fault?.errno, fault?.change, fault?.element], [sys.ENOENT, 1, 1000]);
    // All or nothing.
    same(elementsOf('pair').length, before, 'elements');
    holds(!elementsOf('addr4').some((e) => toHex(e.key) === 'c000024d'), 'a half batch stands');
  });
}
