// cli/redact: a report contains no public address, and equal addresses keep equal placeholders.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createRedactor, secretNames } from '../../../agent/src/cli/redact.ts';

test('public addresses, MACs and link-local addresses get stand-ins, the same ones each time', () => {
  const redact = createRedactor([]);
  assert.is(
    redact('203.0.113.7 to 198.51.100.2/32, again 203.0.113.7:443; 192.168.1.1 10.254.1.2'),
    '<address 1> to <address 2>/32, again <address 1>:443; 192.168.1.1 10.254.1.2',
  );
  assert.is(
    redact('AA:BB:CC:00:00:01 at aa-bb-cc-00-00-01 fe80::a8bb:ccff:fe00:1%wan'),
    '<mac 1> at <mac 1> <link-local 1>%wan',
  );
  assert.is(redact('[2001:db8:5::7]:80 fd00:1::10 ::1'), '[<address 3>]:80 fd00:1::10 ::1');
  assert.is(redact('from 203.0.113.0-203.0.113.255'), 'from <address 4>-<address 5>');
});

test('what only looks like an address stays', () => {
  const redact = createRedactor([]);
  for (const text of ['12:34:56', '1.2.3', '999.1.1.1', 'nft v1.0.6', 'a::b::c', 'expires 1h2m']) {
    assert.is(redact(text), text);
  }
});

test('keys and addresses of the policy server', () => {
  const redact = createRedactor([]);
  const text = "config proxy 'a'\n	option key '7'\n	option url 'https://home.example/'\n";
  assert.is(redact(text), "config proxy 'a'\n	option key <hidden>\n	option url <hidden>\n");
  assert.is(redact('{"key": 7, "up": true}'), '{"key":"<hidden>", "up": true}');
});

test('names of devices, groups and rules, from the configuration and from DHCP', () => {
  const names = secretNames(
    `config device 'annas_phone'
	list name 'anna-phone'
config rule 'bank'
	list name 'my-bank.example'
config proxy 'cloud'
config app 'skype'
	list device 'annas_phone'
`,
    ['printer', 'bobs-laptop'],
  );
  assert.equal(names.sort(), [
    'anna-phone',
    'annas_phone',
    'bank',
    'bobs-laptop',
    'my-bank.example',
    'printer',
  ]);
  const redact = createRedactor(names);
  assert.is(
    redact("list device 'annas_phone' (anna-phone) asked my-bank.example; bobs-laptop"),
    "list device '<name 1>' (<name 2>) asked <name 3>; <name 4>",
  );
  assert.is(redact('printers and banks'), 'printers and banks');
});

test.run();
