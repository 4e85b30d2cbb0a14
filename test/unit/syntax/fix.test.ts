import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { splitFix } from '../../../agent/src/syntax/fix.ts';

test('commands at the end of a sentence, behind semicolons or a colon', () => {
  const cases: [text: string, what: string, fix: string][] = [
    ['no tunnel; opkg update; opkg install kmod-gre; /etc/init.d/whp restart', 'no tunnel', ''],
    [
      'another device has the name (ip link show dev whp-a); ip link delete whp-a; whp reload',
      'another device has the name (ip link show dev whp-a)',
      'ip link delete whp-a; whp reload',
    ],
    [
      'x is in no list lan. If it should be: uci add_list a.b.c=d; uci commit whp; whp reload',
      'x is in no list lan. If it should be',
      'uci add_list a.b.c=d; uci commit whp; whp reload',
    ],
    ['no zone: a, b; /usr/share/whp/firewall.sh install; fw4 reload', 'no zone: a, b', ''],
    [
      'ip rule 100 (table 254) comes before ours; uci set a.b.c=50; whp reload',
      'ip rule 100 (table 254) comes before ours',
      'uci set a.b.c=50; whp reload',
    ],
    ['the router has no memory left for it; free', 'the router has no memory left for it', 'free'],
  ];
  for (const [text, what, fix] of cases) {
    const told = splitFix(text);
    assert.is(told.what, what);
    assert.is(told.fix, fix === '' ? text.slice(what.length + 2) : fix);
  }
});

test('prose that begins as a command does, and commands with nothing before them, stay whole', () => {
  for (const text of [
    'tv was told that a.example is x: whp sees the answer but the address is no server of skype',
    'write a name; ip rules of others read our bits',
    'uci commit whp; whp reload',
    'is DOWN: no answer',
    '',
  ])
    assert.equal(splitFix(text), { what: text });
});

test.run();
