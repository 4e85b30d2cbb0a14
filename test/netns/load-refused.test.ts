// What the kernel refuses of a text that the host program loads (whp:nft): it is told with its line, and nothing is changed.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loaded, OURS, ours } from './loaded.ts';

const BEFORE = `table inet t {
  counter n { }
  set s {
    type ipv4_addr
    size 1
  }
  chain c {
    accept
  }
}
`;

const REFUSED: readonly [string, string, RegExp][] = [
  [
    'a set that does not exist',
    'add rule inet t c drop\nadd rule inet t c ip saddr @none accept comment "x"\n',
    /^line 2: add rule inet t c ip saddr @none accept comment "x": No such file or directory \(errno 2\)\n$/,
  ],
  [
    'a chain',
    'add rule inet t c goto none\n',
    /^line 1: .*: No such file or directory \(errno 2\)/,
  ],
  ['a table', 'delete table inet none\n', /^line 1: .*: No such file or directory \(errno 2\)/],
  ['a counter', 'add rule inet t c counter name "none"\n', /^line 1: .*: No such file/],
  [
    'more elements than a set has room for',
    'add set inet t s { type ipv4_addr; size 1; }\nadd element inet t s { 192.0.2.1, 192.0.2.2 }\n',
    /^line 2: add element .*: Too many open files in system \(errno 23\)/,
  ],
  [
    'a hook that this type of chain does not have',
    'add chain inet t d { type nat hook forward priority 0; policy accept; }\n',
    /^line 1: add chain .*: Operation not supported \(errno 95\)/,
  ],
  [
    'a set with another key',
    'add set inet t s { type ipv6_addr; size 1; }\nadd element inet t s { 2001:db8::1 }\n',
    /^line \d: add .*: (File exists|Invalid argument) \(errno \d+\)/,
  ],
];

for (const [name, text, said] of REFUSED) {
  test(`refused with its line, and nothing is changed: ${name}`, () => {
    const one = ours({ text, before: BEFORE });
    assert.is(one.status, 1);
    assert.match(one.texts[0]!, said);
    assert.is(one.texts[1], ours({ text: '\n', before: BEFORE }).texts[1]);
  });
}

test('refused without the right to it', () => {
  const right = 'setpriv --bounding-set=-net_admin --inh-caps=-net_admin';
  const one = loaded(`${right} ${OURS}`, { text: 'add table inet u\n', before: '' });
  assert.match(one.texts[0]!, /Operation not permitted \(errno 1\)/);
  assert.is(one.texts[1], '');
});

test.run();
