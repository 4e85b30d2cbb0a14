// netlink/nft-table: a chain of another table is recognised without being decoded.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createReader } from '../../../agent/src/netlink/message.ts';
import { CHAIN, isChainOf } from '../../../agent/src/netlink/nft-table.ts';
import { fromHex } from '../../fixtures/bytes.ts';
import { asBigEndian, firstMessage, groups } from '../../fixtures/netlink-hex.ts';

// nlmsghdr, nfgenmsg of family inet, NFTA_CHAIN_TABLE "whp", NFTA_CHAIN_NAME "fw".
const OF_WHP = '24000000 030a0200 03000000 00000000 01000007 08000100 77687000 07000300 66770000';
// The same with the name first.
const NAME_FIRST =
  '24000000 030a0200 03000000 00000000 01000007 07000300 66770000 08000100 77687000';

for (const order of ['little', 'big'] as const) {
  test(`the table of a chain, ${order}-endian`, () => {
    const is = (hex: string, table: string): boolean => {
      const recorded = fromHex(groups(hex));
      const bytes = order === 'little' ? recorded : asBigEndian(recorded, {});
      const message = firstMessage(bytes, order === 'little')!;
      assert.is(message.type, CHAIN);
      return isChainOf(createReader(bytes, order), message, table);
    };
    const tables = ['whp', 'wh', 'whp_offload', 'fw4', 'WHP'];
    assert.equal(
      tables.map((table) => is(OF_WHP, table)),
      [true, false, false, false, false],
    );
    // It has to be decoded.
    assert.equal([is(NAME_FIRST, 'whp'), is(NAME_FIRST, 'fw4')], [true, true]);
  });
}

test.run();
