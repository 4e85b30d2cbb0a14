// policy/nat64 against the table of RFC 6052 section 2.4 and against addresses built bit by bit.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ownRange } from '../../../agent/src/policy/build-rules.ts';
import {
  isMappedHost,
  mappedBlock,
  mappedRanges,
  nat64Prefixes,
  prefixProblem,
} from '../../../agent/src/policy/nat64.ts';
import {
  canonicalAddress,
  cidrHas,
  parseAddress,
  parseCidr,
} from '../../../agent/src/wire/address.ts';

const RFC = [
  ['2001:db8::/32', '2001:db8:c000:221::'],
  ['2001:db8:100::/40', '2001:db8:1c0:2:21::'],
  ['2001:db8:122::/48', '2001:db8:122:c000:2:2100::'],
  ['2001:db8:122:300::/56', '2001:db8:122:3c0:0:221::'],
  ['2001:db8:122:344::/64', '2001:db8:122:344:c0:2:2100::'],
  ['2001:db8:122:344::/96', '2001:db8:122:344::192.0.2.33'],
  ['64:ff9b::/96', '64:ff9b::192.0.2.33'],
] as const;

test('a host of RFC 6052 section 2.4 behind every length', () => {
  for (const [prefix, address] of RFC) {
    const block = mappedBlock('192.0.2.33', parseCidr(prefix)!)!;
    const bytes = parseAddress(address)!;
    assert.ok(cidrHas(parseCidr(block)!, bytes, 0), `${block} has ${address}`);
    assert.ok(block.startsWith(`${canonicalAddress(address)}`), `${block} is ${address}`);
    assert.ok(isMappedHost(address, [parseCidr(prefix)!]), address);
  }
});

test('a block holds its own hosts and no other one', () => {
  for (const [text] of RFC) {
    const prefix = parseCidr(text)!;
    const others = Array.from({ length: 32 }, (_, bit) => {
      const bytes = parseAddress('203.0.113.77')!;
      bytes[bit >> 3] = bytes[bit >> 3]! ^ (0x80 >> (bit & 7));
      const block = mappedBlock(bytes.join('.'), prefix)!;
      return { block, host: parseAddress(block.split('/')[0]!)! };
    });
    for (let length = 0; length <= 32; length++) {
      const cidr = parseCidr(`203.0.113.77/${length}`)!;
      const mapped = parseCidr(mappedBlock(`203.0.113.77/${length}`, prefix)!)!;
      for (const [bit, { block, host }] of others.entries()) {
        const text = `${block} in ${cidr.prefix} behind ${prefix.prefix}`;
        assert.is(cidrHas(mapped, host, 0), bit >= length, text);
      }
    }
  }
});

test('what stands for a private address is no host of the Internet', () => {
  const prefixes = nat64Prefixes(['2001:db8:64::/48']);
  assert.not.ok(isMappedHost('64:ff9b::10.0.0.1', prefixes));
  assert.ok(isMappedHost('64:ff9b::198.51.100.1', prefixes));
  assert.ok(isMappedHost('2001:db8:64:c633:64:100::', prefixes));
  assert.not.ok(isMappedHost('2001:db8:64:a00:0:100::', prefixes));
  assert.not.ok(isMappedHost('2001:db8:65::1', prefixes));
  assert.not.ok(isMappedHost('198.51.100.1', prefixes));
  assert.not.ok(isMappedHost('no address', prefixes));
});

test('a range is mapped once for its prefixes, one without IPv4 stays itself', () => {
  const ranges = [
    ownRange(['198.51.100.0/24', '2001:db8::/32'], ['udp'], [33033], 'test'),
    ownRange(['2001:db8::/32'], ['udp'], [33033], 'test'),
  ];
  const prefixes = nat64Prefixes();
  const mapped = mappedRanges(ranges, prefixes);
  assert.equal(mapped[0]!.addresses, [
    '198.51.100.0/24',
    '2001:db8::/32',
    '64:ff9b::c633:6400/120',
  ]);
  assert.is(mapped[1], ranges[1]);
  assert.is(mappedRanges(ranges, nat64Prefixes())[0], mapped[0]);
  assert.is.not(mappedRanges(ranges, nat64Prefixes(['2001:db8:64::/96']))[0], mapped[0]);
});

test('a prefix that is none is refused with the fix', () => {
  const wrong: [string, RegExp][] = [
    ['64:ff9b::/96', /counts without being named; remove it/],
    ['64:ff9b:1::/47', /of length 32, 40, 48, 56, 64 or 96/],
    ['198.51.100.0/24', /is no NAT64 prefix/],
    ['2001:db8::', /is no NAT64 prefix/],
    ['2001:db8::1/96', /write 2001:db8::\/96/],
    ['2001:db8:0:0:100::/96', /bits 64 to 71/],
    ['', /is no NAT64 prefix/],
  ];
  for (const [text, words] of wrong) assert.match(prefixProblem(text)!, words);
  assert.is(prefixProblem('64:ff9b:1:fffe::/96'), null);
  assert.is(prefixProblem('2001:db8:64::/48'), null);
});

test.run();
