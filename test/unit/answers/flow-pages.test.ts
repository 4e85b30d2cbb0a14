// answers/flow-pages: pages of the open flows in each order, filtered and searched.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LiveFlow } from '../../../agent/src/account/ledger.ts';
import { type FlowsAsked, flowPage } from '../../../agent/src/answers/flow-pages.ts';
import { NAMELESS, surroundings } from '../../fixtures/surroundings.ts';

function flow(change: Partial<LiveFlow>, destination: string, source = '192.168.1.11'): LiveFlow {
  const original = { protocol: 17, source, sourcePort: 9, destination, destinationPort: 443 };
  const counts = { up: 0, down: 0, packets: 0, round: 0, mark: 0 };
  const facts = { app: 'skype', proxy: 'cloud', evidence: 'addr', detail: 'api.skype.com' };
  return { ...counts, ...facts, original, start: 1000, ...change };
}

const FLOWS = [
  flow({ up: 5, start: 3000 }, '203.0.113.1'),
  flow({ down: 50, start: 1000, evidence: 'port' }, '203.0.113.2', '192.168.1.12'),
  flow({ up: 20, start: 2000, app: 'meet' }, '203.0.113.3'),
];
const NAMES = {
  ...NAMELESS,
  nameOf: (address: string) => (address === '192.168.1.12' ? 'Zoe’s <b>phone' : null),
};

function page(asked: Partial<FlowsAsked>) {
  const whole = {
    app: '',
    device: '',
    search: '',
    sort: '',
    descending: true,
    offset: 0,
    limit: 9,
  };
  const found = flowPage(FLOWS, { ...whole, ...asked }, NAMES, surroundings());
  const rows = found.rows.map(({ destination }) => destination.slice(-1)).join('');
  return `${rows} of ${found.total}${found.more ? ', more' : ''}`;
}

test('orders: by default the flows with most bytes come first', () => {
  for (const [asked, wanted] of [
    [{}, '231'],
    [{ sort: 'toString' }, '231'],
    [{ sort: 'bytes', descending: false }, '132'],
    [{ sort: 'age' }, '231'],
    [{ sort: 'age', descending: false }, '132'],
    [{ sort: 'remote', descending: false }, '123'],
    [{ sort: 'device' }, '213'],
    [{ sort: 'app', descending: false }, '312'],
    [{ sort: 'evidence' }, '213'],
    [{ sort: 'proxy' }, '123'],
    [{ sort: 'port' }, '123'],
  ] as const)
    assert.is(page(asked), `${wanted} of 3`, JSON.stringify(asked));
});

test('a page has its part, and says whether there are more', () => {
  assert.is(page({ limit: 2 }), '23 of 3, more');
  assert.is(page({ limit: 2, offset: 2 }), '1 of 3');
  assert.is(page({ limit: 1, offset: 1, sort: 'remote', descending: false }), '2 of 3, more');
  assert.is(page({ offset: 7 }), ' of 3');
});

test('flows of an app, of a device, and those with a text in them', () => {
  assert.is(page({ app: 'meet' }), '3 of 1');
  assert.is(page({ device: '192.168.1.11' }), '31 of 2');
  assert.is(page({ search: 'ZOE’S <' }), '2 of 1');
  assert.is(page({ search: '203.0.113.1:443' }), '1 of 1');
  assert.is(page({ search: 'api.skype' }), '231 of 3');
  assert.is(page({ search: 'nobody' }), ' of 0');
});

test.run();
