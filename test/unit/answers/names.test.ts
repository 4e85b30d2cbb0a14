// answers/names: names for completion. Devices choose some of them, so a name that a shell would expand is left out.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type CompletionSources,
  NAME_KINDS,
  namesAnswer,
} from '../../../agent/src/answers/names.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';

const uci = parseUci(
  `config device 'tv'
	list name 'samsung'
config group 'kids'
	list device 'tv'
config device
	list name 'x'
`,
  'f',
);
if (!uci.ok) throw new Error('the configuration is wrong');

const names = ['samsung', 'tv', '$(reboot)', '`id`', 'a b', '-rf', '*', 'a;b', 'tv.lan', null];
const from = {
  policy: { apps: [{ name: 'skype' }], proxies: [{ name: 'second' }, { name: 'cloud' }] },
  uci: uci.value,
  hosts: names.map((name) => ({ mac: '02:00:00:00:00:01', address: null, name })),
  profiles: ['skype'],
  pins: [{ address: '198.51.100.7' }, { address: '2600:1406:3a::77' }],
} as unknown as CompletionSources;

test('names of each kind, sorted, each once', () => {
  const all = Object.fromEntries(NAME_KINDS.map((kind) => [kind, namesAnswer(kind, from).rows]));
  assert.equal(all, {
    apps: ['skype'],
    devices: ['samsung', 'tv', 'tv.lan'],
    groups: ['kids'],
    // bash splits a word at a colon.
    pins: ['198.51.100.7'],
    profiles: ['skype'],
    proxies: ['cloud', 'second'],
  });
});

test('a list of names is bounded', () => {
  const hosts = Array.from({ length: 1000 }, (_, i) => ({ name: `d${i}`, mac: '', address: null }));
  assert.is(namesAnswer('devices', { ...from, hosts }).rows.length, 200);
});

test.run();
