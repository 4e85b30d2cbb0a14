// The npm package `netlink` 0.3.0 (mildsunrise/node_netlink) as an independent encoder and decoder. It knows
// the message layer and rtnetlink in this machine's byte order; no netfilter, no parameters of GRE devices. Its
// native part is not needed: it is installed without scripts, beside the project.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { putAddressAdd, readAddress } from '../../agent/src/netlink/address.ts';
import { readLink } from '../../agent/src/netlink/kernel-link.ts';
import { putGreCreate } from '../../agent/src/netlink/link.ts';
import { createMessage, createReader, readMessage } from '../../agent/src/netlink/message.ts';
import { putRouteReplace, readRoute } from '../../agent/src/netlink/route.ts';
import { putRuleAdd, readRule } from '../../agent/src/netlink/rule.ts';
import { createWriter, type Writer } from '../../agent/src/netlink/writer.ts';
import { GRE, kernelRule, MARK_RULE, THROUGH } from '../fixtures/kernel-objects.ts';

type Checked = { data: Record<string, unknown>; attrs: Record<string, unknown> };
interface RouteStructs {
  parseRuleMessage(bytes: Buffer): Checked;
  parseRouteMessage(bytes: Buffer): Checked;
  parseLinkMessage(bytes: Buffer): Checked;
  parseAddressMessage(bytes: Buffer): Checked;
}
interface Structs {
  parseMessages(bytes: Buffer): { type: number; flags: number; seq: number; data: Buffer }[];
  formatMessage(message: object): Uint8Array[];
  formatAttribute(attribute: { type: number; data: Uint8Array }): Uint8Array[];
}

const home = resolve('out/oracle');
if (!existsSync(`${home}/node_modules/netlink`)) {
  mkdirSync(home, { recursive: true });
  const words = ['install', '--prefix', home, '--no-save', '--ignore-scripts', '--no-audit'];
  const run = spawnSync('npm', [...words, '--no-fund', 'netlink@0.3.0'], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`npm install netlink: ${run.stderr}`);
}
const load = createRequire(`${home}/package.json`);
const structs = load('netlink/dist/structs') as Structs;
const rt = load('netlink/dist/rt/structs') as RouteStructs;

/** The package's decoding of the one message that `put` writes. */
function theirs(put: (w: Writer) => unknown) {
  const w = createWriter(16);
  put(w);
  const messages = structs.parseMessages(Buffer.from(w.bytes.subarray(0, w.length)));
  assert.is(messages.length, 1);
  return messages[0]!;
}

test('a rule is read as it was meant', () => {
  const message = theirs((w) => putRuleAdd(w, 77, MARK_RULE));
  assert.equal([message.type, message.flags, message.seq], [32, 0x605, 77]);
  const { data, attrs } = rt.parseRuleMessage(message.data);
  assert.equal([data.family, data.action, data.dstLen, data.table], [2, 'toTbl', 0, 0]);
  assert.equal(attrs, {
    fwmark: 0x01000000,
    fwmask: 0x0f000000,
    table: 15001,
    priority: 15001,
    protocol: 87,
  });
});

test('routes are read as they were meant', () => {
  const message = theirs((w) => putRouteReplace(w, 1, THROUGH));
  assert.equal([message.type, message.flags], [24, 0x505]);
  const parsed = rt.parseRouteMessage(message.data);
  assert.equal(
    [parsed.data.type, parsed.data.scope, parsed.data.protocol],
    ['UNICAST', 'LINK', 87],
  );
  assert.equal(parsed.attrs, { table: 15001, priority: 1, oif: 3 });
  const last = theirs((w) => putRouteReplace(w, 1, { ...THROUGH, link: 0, metric: 0xffffffff }));
  const prohibit = rt.parseRouteMessage(last.data);
  assert.is(prohibit.data.type, 'PROHIBIT');
  assert.equal(prohibit.attrs, { table: 15001, priority: 0xffffffff });
});

test('a GRE device and an address are read as they were meant', () => {
  const link = rt.parseLinkMessage(theirs((w) => putGreCreate(w, 1, GRE)).data);
  assert.equal([link.attrs.ifname, link.attrs.mtu], ['whp-p1', 1400]);
  assert.equal([link.data.flags, link.data.change], [{ up: true }, { up: true }]);
  const inner = { link: 3, address: '10.1.0.2', peer: '10.1.0.1', prefix: 32 };
  const address = rt.parseAddressMessage(theirs((w) => putAddressAdd(w, 1, inner)).data);
  assert.equal([address.data.family, address.data.prefixlen, address.data.index], [2, 32, 3]);
  assert.equal([...(address.attrs.local as Buffer)], [10, 1, 0, 2]);
  assert.equal([...(address.attrs.address as Buffer)], [10, 1, 0, 1]);
});

/** A message that the package encodes from a fixed header and attributes. */
function written(type: number, header: number[], attributes: [number, Uint8Array][]): Uint8Array {
  const parts = attributes.flatMap(([kind, data]) => {
    const padding = Buffer.alloc(-data.length & 3);
    return [...structs.formatAttribute({ type: kind, data }), padding];
  });
  const message = { type, flags: 0, seq: 9, port: 0, data: [Buffer.from(header), ...parts] };
  return Buffer.concat(structs.formatMessage(message));
}

const u32 = (value: number): Uint8Array => new Uint8Array(new Uint32Array([value]).buffer);

test('what the package writes is read as it was meant', () => {
  const read = (bytes: Uint8Array) => {
    const m = createMessage();
    assert.ok(readMessage(createReader(bytes), 0, bytes.length, m) > 0);
    assert.is(m.seq, 9);
    return [createReader(bytes), m] as const;
  };
  const aRule = written(
    32,
    [2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
    [
      [10, u32(MARK_RULE.mark)],
      [16, u32(MARK_RULE.mask)],
      [15, u32(15001)],
      [6, u32(15001)],
      [21, Uint8Array.of(87)],
    ],
  );
  assert.equal(readRule(...read(aRule)), {
    ok: true,
    value: kernelRule(MARK_RULE),
  });
  const aRoute = written(
    24,
    [2, 24, 0, 0, 0, 3, 0, 1, 0, 0, 0, 0],
    [
      [1, Uint8Array.of(192, 0, 2, 0)],
      [5, Uint8Array.of(10, 0, 0, 1)],
      [4, u32(7)],
      [15, u32(300)],
    ],
  );
  const route = readRoute(...read(aRoute));
  assert.ok(route.ok);
  assert.equal(
    [route.value.destination, route.value.gateway, route.value.link, route.value.table],
    ['192.0.2.0/24', '10.0.0.1', 7, 300],
  );
  const aLink = written(
    16,
    [0, 0, 0, 0, ...u32(5), ...u32(1), ...u32(0)],
    [
      [3, Buffer.from('wan\0')],
      [4, u32(1492)],
    ],
  );
  const link = readLink(...read(aLink));
  assert.ok(link.ok);
  assert.equal([link.value.name, link.value.index, link.value.mtu], ['wan', 5, 1492]);
  const anAddress = written(
    20,
    [2, 24, 0, 0, ...u32(5)],
    [
      [1, Uint8Array.of(10, 0, 0, 0)],
      [2, Uint8Array.of(10, 0, 0, 9)],
    ],
  );
  const address = readAddress(...read(anAddress));
  assert.ok(address.ok);
  assert.equal([address.value.address, address.value.peer], ['10.0.0.9', '10.0.0.0']);
});

test.run();
