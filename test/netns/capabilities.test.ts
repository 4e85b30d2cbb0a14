// The capabilities that procd-ujail leaves (files/capabilities.json) suffice: a daemon with these loads its
// table, sets routes, learns, fails over, and removes everything again.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { config, type Home, P2P, startHome, until } from '../fixtures/netns-home.ts';

const { bounding } = JSON.parse(
  readFileSync('openwrt-package/files/capabilities.json', 'utf8'),
) as { bounding: string[] };
const kept = ['-all', ...bounding.map((name) => `+${name.slice(4).toLowerCase()}`)].join(',');

let home: Home;
test.before(async () => {
  home = await startHome(`whp-caps-${process.pid}`, [
    'setpriv',
    `--bounding-set=${kept}`,
    `--inh-caps=${kept}`,
    `--ambient-caps=${kept}`,
    '--no-new-privs',
  ]);
});
test.after(() => home.stop());

test('enforces, proxies and leaves nothing, with two capabilities', async () => {
  await home.startAgent(config({}));
  await until(home.talk(P2P), ({ word }) => word === 'proxya');
  assert.match(home.run('router', 'nft', 'list', 'tables'), /inet whp_guard/);
  home.reload(config({}));
  await home.stopAgent();
  assert.not.match(home.run('router', 'nft', 'list', 'tables'), /whp/);
  assert.not.match(home.log(), /errno 1\b|not permitted/i);
});

test.run();
