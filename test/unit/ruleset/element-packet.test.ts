// ruleset/element-packet: the lease that an element is sent with.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { leaseFor } from '../../../agent/src/ruleset/element-packet.ts';
import { keptFor, LEASES, SLACK } from '../../../agent/src/ruleset/elements.ts';

test('what is kept for a lease is sent with it, at any time of a clock with fractions', () => {
  const short: string[] = [];
  for (let at = 0.1; at < 1e10; at = at * 1.37 + 0.123)
    for (const seconds of LEASES) {
      const timeout = at + keptFor(seconds * 1000) - at;
      const lease = leaseFor('skype_addr4', timeout);
      if (lease !== seconds) short.push(`${seconds} s at ${at}: ${timeout} ms, ${lease} s`);
    }
  assert.equal(short, []);
});

test('the shortest lease that is enough; none for more than a week, or for a set of one lease', () => {
  assert.is(leaseFor('skype_addr4', 1), 300);
  assert.is(leaseFor('skype_addr4', 300_000 + SLACK), 300);
  assert.is(leaseFor('skype_addr4', 300_001 + SLACK), 1200);
  assert.is(leaseFor('skype_addr4', 604_801_000 + SLACK), null);
  assert.is(leaseFor('skype_addr4', undefined), null);
  assert.is(leaseFor('skype_portmap4', 5000), null);
});

test.run();
