// cli/text: a list that its limit has cut says so, whichever list that is.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLedger, endFlow } from '../../../agent/src/account/ledger.ts';
import { endedRow, type LearnedAnswer } from '../../../agent/src/answers/flows.ts';
import { learnedText } from '../../../agent/src/cli/text.ts';
import { logText } from '../../../agent/src/cli/text-account.ts';
import { NAMELESS } from '../../fixtures/surroundings.ts';

const ENDS = {
  source: '192.168.1.10',
  sourcePort: 1,
  destination: '93.184.216.34',
  destinationPort: 2,
};

const none: LearnedAnswer = { endpoints: [], ports: [], peers: [], named: [], windows: [] };
const of = { app: 'skype', device: 'tv', address: '192.168.1.10', left_s: 60 };
const pair = { ...of, remote: '93.184.216.34' };
const port = { ...of, protocol: 'udp', port: 5000 };
const endpoint = { ...pair, name: 'a.skype.com', root: 'a.skype.com' };

test('each list of what is learned can be the one that is cut', () => {
  const lists = { endpoints: endpoint, ports: port, peers: pair, named: pair };
  for (const [list, one] of Object.entries(lists)) {
    const answer = { ...none, [list]: [one, one], more: true } as never;
    assert.match(learnedText(answer, 2), /\nat most 2 rows; for more: --limit N\n$/, list);
    assert.not.match(learnedText({ ...none, [list]: [one, one] } as never, 2), /at most/, list);
    assert.match(learnedText(answer, 500), /\nat most 500 rows\n$/);
  }
});

test('so says the log of connections', () => {
  const ledger = createLedger();
  const counts = { original: 1, reply: 1 };
  const original = { ...ENDS, protocol: 17 };
  const connection = { id: 1, original, mark: 1, bytes: counts, packets: counts };
  const facts = { app: 'skype', proxy: 'a', evidence: 'addr', detail: '' };
  const ended = endFlow(ledger, connection as never, () => facts, 1000)!;
  const row = endedRow(ended, NAMELESS);
  const whole = { rows: [row, row] };
  assert.match(logText({ ...whole, more: true }, 2), /\nat most 2 rows; for more: --limit N\n$/);
  assert.not.match(logText(whole, 2), /at most/);
});

test.run();
