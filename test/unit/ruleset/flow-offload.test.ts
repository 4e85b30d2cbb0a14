// ruleset/flow-offload: when our own flow table is needed, and its text. `lab.sh faults offload` shows on a
// kernel that it keeps our flows out of fw4's flow table.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createReader } from '../../../agent/src/netlink/message.ts';
import {
  FLOWTABLE,
  putFlowTableDump,
  readFlowTable,
} from '../../../agent/src/netlink/nft-table.ts';
import { createWriter } from '../../../agent/src/netlink/writer.ts';
import {
  isOffloadWanted,
  offloadText,
  withoutOffload,
} from '../../../agent/src/ruleset/flow-offload.ts';
import { fromHex } from '../../fixtures/bytes.ts';
import { asBigEndian, firstMessage, groups, written } from '../../fixtures/netlink-hex.ts';

test('it is made when others have flow tables, once', () => {
  const wanted = (...tables: string[]) => isOffloadWanted(new Set(tables));
  assert.equal([wanted(), wanted('fw4'), wanted('fw4', 'whp_offload')], [false, true, false]);
  // That of an agent up to version 0.1.0 is not another program's.
  assert.equal([wanted('whp_apart'), wanted('fw4', 'whp_apart')], [false, true]);
});

test('the text: all marks of ours, on no device that packets come from; or nothing left', () => {
  const text = offloadText(0x0f000000);
  assert.match(text, 'devices = { lo };');
  assert.match(text, 'ct mark & 0x0f000000 != 0 meta l4proto { tcp, udp } flow add @none');
  const gone = withoutOffload('whp_offload');
  assert.is(gone, 'add table inet whp_offload\ndelete table inet whp_offload\n');
  assert.ok(text.startsWith(gone));
});

test('nft list flowtables, and an answer: the table is fw4', () => {
  const w = createWriter(8, 'little');
  putFlowTableDump(w, 3);
  assert.is(written(w), groups('14000000 170a0103 03000000 00000000 00000000'));
  // nlmsghdr, nfgenmsg of family inet, NFTA_FLOWTABLE_TABLE "fw4", NFTA_FLOWTABLE_NAME "ft".
  const hex = groups(
    '24000000 160a0200 03000000 00000000 01000007 08000100 66773400 07000200 66740000',
  );
  for (const order of ['little', 'big'] as const) {
    const recorded = fromHex(hex);
    const bytes = order === 'little' ? recorded : asBigEndian(recorded, {});
    const message = firstMessage(bytes, order === 'little')!;
    assert.is(message.type, FLOWTABLE);
    const read = readFlowTable(createReader(bytes, order), message);
    assert.is(read.ok && read.value, 'fw4');
  }
});

test.run();
