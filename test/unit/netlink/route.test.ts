// netlink/rule, route, link, address: equal to what iproute2 6.1 sends, byte for byte, and the
// same messages for a big-endian kernel; dumps decoded from recordings.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { putAddressAdd, putAddressDump, readAddress } from '../../../agent/src/netlink/address.ts';
import {
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_STATS64,
  RTM_NEWLINK,
} from '../../../agent/src/netlink/constants.ts';
import { readLink } from '../../../agent/src/netlink/kernel-link.ts';
import { putGreCreate, putLinkDelete, putLinkDump } from '../../../agent/src/netlink/link.ts';
import { createReader } from '../../../agent/src/netlink/message.ts';
import {
  isPlain,
  putRouteDelete,
  putRouteReplace,
  readRoute,
} from '../../../agent/src/netlink/route.ts';
import { readRouteEvent } from '../../../agent/src/netlink/rt-event.ts';
import {
  putRuleAdd,
  putRuleDelete,
  putRuleDump,
  readRule,
} from '../../../agent/src/netlink/rule.ts';
import {
  attributeBytes,
  attributeString,
  attributeU8,
  attributeU32,
  beginAttribute,
  beginMessage,
  createWriter,
  endAttribute,
  endMessage,
  putU32,
  type Writer,
} from '../../../agent/src/netlink/writer.ts';
import { fromHex } from '../../fixtures/bytes.ts';
import {
  GRE,
  kernelLink,
  kernelRoute,
  kernelRule,
  MARK_RULE,
  THROUGH,
} from '../../fixtures/kernel-objects.ts';
import { firstMessage, groups, written } from '../../fixtures/netlink-hex.ts';

const prohibit = { ...THROUGH, link: 0, metric: 0xffffffff };

function bytes(put: (w: Writer) => unknown, order: 'little' | 'big' = 'little'): string {
  const w = createWriter(8, order);
  put(w);
  return written(w);
}

test('ip rule add fwmark 0x01000000/0x0f000000 table 15001 pref 15001 protocol 87', () => {
  const recorded = groups(`
    44000000 20000506 5c65016b 00000000 02000000 00000001 00000000
    08000a00 00000001 08001000 0000000f 08000f00 993a0000 08000600 993a0000 05001500 57000000`);
  assert.is(
    bytes((w) => putRuleAdd(w, 0x6b01655c, MARK_RULE)),
    recorded,
  );
  assert.is(
    bytes((w) => putRuleAdd(w, 0x6b01655c, { ...MARK_RULE, family: 6 })),
    recorded.replace('02000000 00000001', '0a000000 00000001'),
  );
});

test('the same rule for a big-endian kernel', () => {
  const expected = groups(`
    00000044 00200605 6b01655c 00000000 02000000 00000001 00000000
    0008000a 01000000 00080010 0f000000 0008000f 00003a99 00080006 00003a99 00050015 57000000`);
  assert.is(
    bytes((w) => putRuleAdd(w, 0x6b01655c, MARK_RULE), 'big'),
    expected,
  );
});

test('ip rule del', () => {
  const hex = bytes((w) => putRuleDelete(w, 1, MARK_RULE));
  assert.ok(hex.startsWith('44000000 21000500 01000000'));
});

test('ip rule show', () => {
  assert.is(
    bytes((w) => putRuleDump(w, 0x6b01655d, 4)),
    '1c000000 22000103 5d65016b 00000000 02000000 00000000 00000000',
  );
});

test('ip route replace default dev ... and prohibit default', () => {
  assert.is(
    bytes((w) => putRouteReplace(w, 0x6b01655c, THROUGH)),
    groups(`34000000 18000505 5c65016b 00000000 02000000 0057fd01 00000000
      08000f00 993a0000 08000600 01000000 08000400 03000000`),
  );
  assert.is(
    bytes((w) => putRouteReplace(w, 0x6b01655c, prohibit)),
    groups(`2c000000 18000505 5c65016b 00000000 02000000 00570008 00000000
      08000f00 993a0000 08000600 ffffffff`),
  );
  assert.is(
    bytes((w) => putRouteReplace(w, 0x6b01655c, THROUGH), 'big'),
    groups(`00000034 00180505 6b01655c 00000000 02000000 0057fd01 00000000
      0008000f 00003a99 00080006 00000001 00080004 00000003`),
  );
});

test('ip route del default dev ...', () => {
  assert.is(
    bytes((w) => putRouteDelete(w, 0x6b01655c, THROUGH)),
    groups(`34000000 19000500 5c65016b 00000000 02000000 0000ff01 00000000
      08000f00 993a0000 08000600 01000000 08000400 03000000`),
  );
});

test('ip link add type gre: every attribute as iproute2 writes it', () => {
  assert.is(
    bytes((w) => putGreCreate(w, 0x6b01655c, GRE)),
    groups(`84000000 10000506 5c65016b 00000000 00000000 00000000 01000000 01000000
      0b000300 7768702d 70310000 08000400 78050000 50001280 08000100 67726500 44000280
      06000200 20000000 06000300 20000000 08000400 0000002a 08000500 0000002a
      08000600 c0000201 08000700 c6336401 05000800 40000000 05000a00 01000000`),
  );
  const big = bytes((w) => putGreCreate(w, 1, GRE), 'big');
  // Keys, flags and addresses are network order on every machine; the MTU is not.
  assert.ok(big.includes('00080004 00000578'));
  assert.ok(big.includes('00060002 20000000 00060003 20000000 00080004 0000002a'));
});

test('a bad name or address makes no device', () => {
  const gre = { name: 'x', local: null, remote: '::1', key: null, ttl: 0, pathMtu: true, mtu: 1 };
  const w = createWriter();
  assert.is(putGreCreate(w, 1, { ...gre, name: 'sixteen-letters-' }), false);
  assert.is(putGreCreate(w, 1, { ...gre, remote: 'proxy' }), false);
  assert.is(putGreCreate(w, 1, { ...gre, local: '192.0.2.1' }), false);
  assert.is(w.length, 0);
});

test('ip link del, ip link show, ip addr replace peer', () => {
  assert.is(
    bytes((w) => putLinkDelete(w, 0x6b01655d, 3)),
    '20000000 11000500 5d65016b 00000000 00000000 03000000 00000000 00000000',
  );
  assert.is(
    bytes((w) => putLinkDump(w, 1)),
    '28000000 12000103 01000000 00000000 00000000 00000000 00000000 00000000 08001d00 08000000',
  );
  const address = { link: 3, address: '10.1.0.2', peer: '10.1.0.1', prefix: 32 };
  assert.is(
    bytes((w) => putAddressAdd(w, 0x6b01655d, address)),
    groups(`28000000 14000505 5d65016b 00000000 02200000 03000000
      08000200 0a010002 08000100 0a010001`),
  );
  assert.is(
    bytes((w) => putAddressDump(w, 1, 6)),
    '18000000 16000103 01000000 00000000 0a000000 00000000',
  );
});

test('a rule is read back as it was written, in both orders', () => {
  for (const order of ['little', 'big'] as const) {
    const w = createWriter(64, order);
    putRuleAdd(w, 1, MARK_RULE);
    const sent = w.bytes.slice(0, w.length);
    const m = firstMessage(sent, order === 'little');
    assert.ok(m);
    const r = createReader(sent, order);
    const expected = kernelRule(MARK_RULE);
    assert.equal(readRule(r, m), { ok: true, value: expected });
    assert.equal(readRouteEvent(r, m), {
      ok: true,
      value: { kind: 'rule', gone: false, rule: expected },
    });
  }
});

test('a route and an address are read back, IPv6 too', () => {
  const w = createWriter(64, 'big');
  putRouteReplace(w, 1, { ...prohibit, family: 6 });
  const sent = w.bytes.slice(0, w.length);
  const m = firstMessage(sent, false)!;
  assert.equal(readRoute(createReader(sent, 'big'), m), {
    ok: true,
    value: kernelRoute({ ...prohibit, family: 6, type: 8 }),
  });
  const a = createWriter(64, 'big');
  putAddressAdd(a, 1, { link: 9, address: '2001:db8::1', peer: null, prefix: 64 });
  const got = readAddress(createReader(a.bytes, 'big'), firstMessage(a.bytes, false)!);
  assert.equal(got, {
    ok: true,
    value: { link: 9, address: '2001:db8::1', peer: null, prefix: 64, family: 6, scope: 0 },
  });
});

test('what the kernel makes for its own networks is left out, what others make in main is not', () => {
  // struct rtmsg: family, bits of the destination, of the source, tos, table, protocol, scope, type.
  const plain = (bits: number, table: number, protocol = 2, size = 28): boolean => {
    const sent = new Uint8Array(size);
    sent.set([size, 0, 0, 0, 24]);
    sent.set([2, bits, 0, 0, table, protocol, 0, 1].slice(0, size - 16), 16);
    return isPlain(createReader(sent, 'little'), firstMessage(sent, true)!);
  };
  assert.equal(
    [254, 255, 253, 252, 1].map((table) => plain(24, table)),
    [true, true, false, false, false],
  );
  // RTPROT_KERNEL, RTPROT_BOOT, RTPROT_STATIC (netifd), RTPROT_RA.
  const makers = [2, 3, 4, 9];
  assert.equal(
    makers.map((protocol) => plain(1, 254, protocol)),
    [true, false, false, true],
  );
  assert.equal(
    makers.map((protocol) => plain(32, 255, protocol)),
    [true, true, true, true],
  );
  assert.not.ok(plain(0, 254));
  assert.not.ok(plain(24, 254, 2, 24), 'cut short');
});

test('a GRE device is read back', () => {
  for (const order of ['little', 'big'] as const) {
    const gre = { local: null, remote: '198.51.100.1', key: 42, ttl: 64, pathMtu: true };
    const w = createWriter(64, order);
    putGreCreate(w, 1, { ...gre, name: 'whp-p1', mtu: 1400 });
    assert.equal(
      readLink(createReader(w.bytes, order), firstMessage(w.bytes, order === 'little')!),
      {
        ok: true,
        value: { ...PLAIN, name: 'whp-p1', mtu: 1400, flags: 1, kind: 'gre', gre },
      },
    );
  }
});

const PLAIN = kernelLink({ mtu: 0, flags: 0 });

/** A message of a device of `kind`; `data` writes its IFLA_INFO_DATA. */
function device(order: 'little' | 'big', kind: string, data: (w: Writer) => void): unknown {
  const w = createWriter(64, order);
  beginMessage(w, RTM_NEWLINK, 0, 1);
  for (let i = 0; i < 4; i++) putU32(w, 0);
  attributeString(w, IFLA_IFNAME, 'one');
  attributeU32(w, IFLA_LINK, 7);
  attributeU32(w, IFLA_MASTER, 8);
  const info = beginAttribute(w, IFLA_LINKINFO);
  attributeString(w, IFLA_INFO_KIND, kind);
  const own = beginAttribute(w, IFLA_INFO_DATA);
  data(w);
  endAttribute(w, own);
  endAttribute(w, info);
  const counts = beginAttribute(w, IFLA_STATS64);
  for (const half of order === 'little' ? [5, 1] : [1, 5]) putU32(w, half);
  putU32(w, 99);
  endAttribute(w, counts);
  endMessage(w);
  const read = readLink(createReader(w.bytes, order), firstMessage(w.bytes, order === 'little')!);
  return read.ok ? read.value : read.reason;
}

test('ports, VLANs, bridges under VLAN filtering and what was received are read', () => {
  const received = 2 ** 32 + 5;
  for (const order of ['little', 'big'] as const) {
    const one = { ...PLAIN, name: 'one', master: 8, received };
    const vlan = (w: Writer): void => attributeBytes(w, 1, vlanBytes(order));
    assert.equal(device(order, 'vlan', vlan), { ...one, kind: 'vlan', parent: 7, vlan: 10 });
    const filters = (value: number) => (w: Writer) => attributeU8(w, 7, value);
    assert.equal(device(order, 'bridge', filters(1)), { ...one, kind: 'bridge', filters: true });
    assert.equal(device(order, 'bridge', filters(0)), { ...one, kind: 'bridge' });
    assert.equal(
      device(order, 'bridge', () => {}),
      { ...one, kind: 'bridge' },
    );
    // Too short for a VLAN number.
    const short = (w: Writer): void => attributeU8(w, 1, 10);
    assert.equal(device(order, 'vlan', short), { ...one, kind: 'vlan', parent: 7 });
    // IFLA_LINK of a veth is its peer, no parent.
    assert.equal(
      device(order, 'veth', () => {}),
      { ...one, kind: 'veth' },
    );
  }
});

function vlanBytes(order: 'little' | 'big'): Uint8Array {
  return order === 'little' ? Uint8Array.of(10, 0) : Uint8Array.of(0, 10);
}

test('truncated messages of every kind give a reason', () => {
  const messages: ((w: Writer) => unknown)[] = [
    (w) => putRuleAdd(w, 1, MARK_RULE),
    (w) => putRouteReplace(w, 1, THROUGH),
    (w) => putAddressAdd(w, 1, { link: 1, address: '10.0.0.1', peer: null, prefix: 8 }),
  ];
  for (const put of messages) {
    const w = createWriter(64, 'little');
    put(w);
    for (let cut = 16; cut < w.length; cut++) {
      const sent = w.bytes.slice(0, cut);
      sent[0] = cut;
      const m = firstMessage(sent);
      assert.ok(m);
      const event = readRouteEvent(createReader(sent, 'little'), m);
      if (!event.ok) assert.type(event.reason, 'string');
    }
    const sent = w.bytes.slice(0, 20);
    sent[0] = 20;
    assert.is(readRouteEvent(createReader(sent, 'little'), firstMessage(sent)!).ok, false);
  }
});

test('a decoder never reads an attribute that is shorter than its type', () => {
  // RTM_NEWRULE with a two-byte FRA_PRIORITY and an empty FRA_TABLE: both count as absent.
  const short = fromHex(`
    28000000 20000000 01000000 00000000 02000000 07000001 00000000
    06000600 01000000 04000f00`);
  const read = readRule(createReader(short, 'little'), firstMessage(short)!);
  assert.ok(read.ok && read.value.preference === 0 && read.value.table === 7);
});

test.run();
