// netlink/rule: selectors of any program's rules, decoded from dumps of Linux 6.18 and from the same messages
// in big-endian order.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createReader } from '../../../agent/src/netlink/message.ts';
import { asksOnlyForMark, type KernelRule, readRule } from '../../../agent/src/netlink/rule.ts';
import { fromHex } from '../../fixtures/bytes.ts';
import { firstMessage } from '../../fixtures/netlink-hex.ts';

/** ip rule add pref 7 not from 192.168.1.0/28 to 8.8.8.0/24 tos 0x10 fwmark 0x100/0x3f00 iif br-lan
 * oif wan uidrange 10-20 ipproto udp sport 5000-5999 dport 443 lookup 200 suppress_prefixlength 0 */
const EVERYTHING = {
  little: `9c0000002000020001000000f34e000002181c10c80000011a00000008000f00c800000008000e0000000000
    05001500000000000b00030062722d6c616e00000800110077616e00080006000700000008000a0000010000
    08001000003f00000c0014000a0000001400000008001700 8813 6f17 08001800 bb01 bb01 06001d00ffff0000
    0500160011000000080001000808080008000200c0a80100`,
  big: `0000009c002000020000000100004ef302181c10c80000010000001a0008000f000000c80008000e00000000
    0005001500000000000b000362722d6c616e00000008001177616e0000080006000000070008000a00000100
    0008001000003f00000c00140000000a000000140008001713 88176f 00080018 01bb01bb 0006001dffff0000
    000500161100000000080001080808000008 0002c0a80100`,
};

function read(order: 'little' | 'big', hex: string): KernelRule {
  const bytes = fromHex(hex);
  const message = firstMessage(bytes, order === 'little');
  assert.ok(message);
  const decoded = readRule(createReader(bytes, order), message);
  assert.ok(decoded.ok, JSON.stringify(decoded));
  return (decoded as { value: KernelRule }).value;
}

test('every selector, in both byte orders', () => {
  for (const order of ['little', 'big'] as const) {
    assert.equal(read(order, EVERYTHING[order]), {
      family: 4,
      preference: 7,
      mark: 0x100,
      mask: 0x3f00,
      table: 200,
      protocol: 0,
      action: 1,
      selector: {
        source: '192.168.1.0/28',
        destination: '8.8.8.0/24',
        iif: 'br-lan',
        oif: 'wan',
        ipProtocol: 17,
        tos: 16,
        sourcePorts: [5000, 5999],
        destinationPorts: [443, 443],
        uids: [10, 20],
      },
      isInverted: true,
      target: 0,
      suppressed: 0,
    });
  }
});

test('goto, l3mdev and an IPv6 rule that prohibits', () => {
  // ip rule add pref 8 goto 15001
  const jump = read(
    'little',
    `440000002000020001000000f34e000002000000000000020400000008000f000000000008000e00ffffffff
    0500150000000000080006000800000008000400993a0000`,
  );
  assert.equal([jump.action, jump.target, jump.suppressed], [2, 15001, -1]);
  assert.ok(asksOnlyForMark(jump));
  // ip rule add pref 9 l3mdev
  const vrf = read(
    'big',
    `00000044002000020000000100004ef30200000000000001000000000008000f000000000008000effffffff
    00050015000000000008000600000009 0005001301000000`,
  );
  assert.equal(vrf.selector, { isL3mdev: true });
  assert.not.ok(asksOnlyForMark(vrf));
  // ip -6 rule add pref 5 from 2001:db8::/32 iif v prohibit
  const six = read(
    'big',
    `00000058002000020000000100004ef30a00200000000008000000000008000f000000000008000effffffff
    0005001500000000000600037600000000080006000000050014000220010db8000000000000000000000000`,
  );
  assert.equal(six.selector, { source: '2001:db8::/32', iif: 'v' });
  assert.equal([six.family, six.action], [6, 8]);
});

test('a selector of a newer kernel is known to be there', () => {
  // Attribute 25 (FRA_DSCP, Linux 6.13) alone.
  const hex = `2400000020000200 0100000000000000 02000000fe000001 00000000 050019002e000000`;
  assert.equal(read('little', hex).selector, { isUnknown: true });
});

test('a rule for one port has a mask of it; a partial one makes the rule unknown', () => {
  // ip rule add pref 100 sport 80 ipproto tcp lookup 200, and dport 80, as Linux 6.18 dumps them.
  const source = `540000002000020001000000fb4d000002000000c80000010000000008000f00c800000008000e00ffffffff
    0500150000000000080006006400000008001700 50005000 06001c00 ffff0000 0500160006000000`;
  const destination = source.replace('08001700', '08001800').replace('06001c00', '06001d00');
  assert.equal(read('little', source).selector, { ipProtocol: 6, sourcePorts: [80, 80] });
  assert.equal(read('little', destination).selector, { ipProtocol: 6, destinationPorts: [80, 80] });
  // sport 80/0xfff0 and dport 80/0xfff0: 80 to 95.
  for (const one of [source, destination]) {
    const masked = read('little', one.replace(/(06001[cd]00) ffff/, '$1 f0ff'));
    assert.equal(masked.selector, { ipProtocol: 6, isUnknown: true });
  }
  // Attribute 30 (FRA_DSCP_MASK) is no mask of a port.
  assert.is(read('little', source.replace('06001c00', '06001e00')).selector.isUnknown, true);
});

test('an attribute that is too short counts as absent', () => {
  // A source of two bytes with 28 bits, a port range of two bytes, a UID range of four.
  const hex = `3c00000020000200 0100000000000000 02001c00fe000001 00000000
    06000200c0a80000 06001700bb010000 080014000a000000 04001600`;
  assert.equal(read('little', hex.replace('3c000000', '38000000')).selector, {});
});

test.run();
