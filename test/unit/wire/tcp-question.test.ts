// wire/tcp-question: the segment is decoded and its checksum computed again, in both families.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAddress } from '../../../agent/src/wire/address.ts';
import { tcpQuestion } from '../../../agent/src/wire/tcp-question.ts';
import { tcp } from '../../fixtures/packets.ts';

const NUMBERS = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

for (const [server, device] of [
  ['93.184.216.35', '192.168.1.11'],
  ['2600:1406:3a::20', '2001:db8:1::11'],
] as const) {
  test(`an acknowledgement of ${server} with these numbers, right to the checksum`, () => {
    const end = (text: string, port: number) => ({ address: parseAddress(text)!, port });
    const got = tcpQuestion(end(server, 443), end(device, 51000), NUMBERS);
    const ends = { src: server, dst: device, sport: 443, dport: 51000, id: 0 };
    const want = tcp({ ...ends, sequence: 0x01020304, acknowledged: 0x05060708 }, 'A');
    // The kernel fills in the IPv4 header checksum; window sizes differ, and so do the TCP checksums.
    const header = want.length - 20;
    want.set([4, 0], header + 14);
    const before = (want[header + 16]! << 8) | want[header + 17]!;
    const after = (((before + 0xffff - 0x0400) % 0xffff) + 0xffff) % 0xffff;
    want.set([after >> 8, after & 255], header + 16);
    if (header === 20) want.set([0, 0], 10);
    assert.equal(Array.from(got), Array.from(want));
  });
}

test.run();
