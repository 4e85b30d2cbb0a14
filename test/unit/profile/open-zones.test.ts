// profile/open-zones: names of a profile in zones where anyone can register are reported; an operator's own
// zone is not.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openZoneNotes } from '../../../agent/src/profile/open-zones.ts';

const entries = (values: readonly string[]) =>
  values.map((value) => ({ value, evidence: 'source' as const }));

function noted(suffixes: readonly string[], patterns: readonly string[] = []): string[] {
  const dns = {
    names: entries(['shop.trafficmanager.net']),
    suffixes: entries(suffixes),
    patterns: entries(patterns),
    except: entries(['cloudapp.net']),
  };
  return openZoneNotes({ dns }, 'x.json').map(({ where, what }) => {
    assert.match(what, 'anybody can register names in');
    return where;
  });
}

test('wildcards at the place of the name that a customer chooses', () => {
  const open = [
    'skypeecs-*.trafficmanager.net',
    'a{0-9}.cloudapp.net',
    '*.duckdns.org',
    'x.call-*.s3.amazonaws.com',
    'call{0-3}.amazonaws.com',
    '*.blob.core.windows.net',
    'b-tr-*.northeurope.cloudapp.azure.com',
  ];
  assert.equal(
    noted([], open),
    open.map((_, i) => `x.json: /dns/patterns/${i}/value`),
  );
});

test('a whole zone as a suffix, or a suffix that holds one', () => {
  assert.equal(noted(['github.io', 'azure.com', 'core.windows.net']).length, 3);
});

test('what is below one customer’s name is his', () => {
  const own = ['calls.github.io', 'skype.com', 'mycall.trafficmanager.net', 'notgithub.io'];
  assert.equal(noted(own, ['*.mycall.azurewebsites.net', 'dsn{0-17}.d.skype.net']), []);
});

test.run();
