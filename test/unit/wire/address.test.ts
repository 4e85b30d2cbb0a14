// wire/address: text and bytes in both directions, and which addresses may enter the sets.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  canonicalAddress,
  cidrHas,
  formatCidr,
  isRoutableText,
  parseAddress,
  parseCidr,
} from '../../../agent/src/wire/address.ts';

test('addresses come out in the canonical spelling of RFC 5952', () => {
  const cases: [string, string | null][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.01', null],
    ['192.0.2.256', null],
    ['192.0.2', null],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['::FFFF:c000:0201', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7', null],
    ['1:2:3:4:5:6:7:8:9', null],
    ['1:2:3:4::5:6:7:8', null],
    ['1::2::3', null],
    ['::12345', null],
    ['fe80::1%eth0', null],
    ['1.2.3.4::', null],
    ['', null],
    [':', null],
    [':::', null],
  ];
  for (const [text, expected] of cases) assert.is(canonicalAddress(text), expected, text);
});

test('blocks are told from addresses and written with the host bits cleared', () => {
  assert.is(formatCidr(parseCidr('157.55.130.77/24')!), '157.55.130.0/24');
  assert.is(formatCidr(parseCidr('157.55.130.77')!), '157.55.130.77');
  assert.is(formatCidr(parseCidr('2001:db8:ffff::1/33')!), '2001:db8:8000::/33');
  for (const bad of ['1.2.3.4/33', '1.2.3.4/', '1.2.3.4/08', '::/129', 'x/8', '/8']) {
    assert.is(parseCidr(bad), null, bad);
  }
  const range = parseCidr('212.72.49.128/28')!;
  assert.ok(cidrHas(range, parseAddress('212.72.49.142')!, 0));
  assert.not.ok(cidrHas(range, parseAddress('212.72.49.144')!, 0));
});

test('only addresses of the public Internet are routable', () => {
  const unroutable = [
    '0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.80.50.80 169.254.1.1 172.16.0.1',
    '172.31.255.255 192.0.0.1 192.168.1.1 198.18.0.1 198.19.255.255 224.0.0.1 239.1.2.3',
    '240.0.0.1 255.255.255.255 :: ::1 fe80::1 fc00::1 fd12::1 ff02::1 ::ffff:10.0.0.1',
    '::ffff:127.0.0.1 64:ff9b::192.168.1.1 64:ff9b:1::1 2002:0a00:0001::1 ::1.2.3.4 100::1',
    '2001:20::1 4000::1 x',
  ];
  for (const text of unroutable.join(' ').split(' ')) assert.not.ok(isRoutableText(text), text);
  const routable = [
    '1.1.1.1 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.0.2.1 198.51.100.7 203.0.113.9',
    '198.17.255.255 198.20.0.1 223.255.255.255 2001:db8::1 2a00::1 ::ffff:8.8.8.8',
    '64:ff9b::8.8.8.8 2002:0808:0808::1',
  ];
  for (const text of routable.join(' ').split(' ')) assert.ok(isRoutableText(text), text);
});

test.run();
