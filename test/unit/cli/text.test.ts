// cli/text: a list that its limit has cut says so, whichever list that is.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LearnedAnswer } from '../../../agent/src/answers/flows.ts';
import { learnedText } from '../../../agent/src/cli/text.ts';
import { logText } from '../../../agent/src/cli/text-account.ts';

const none: LearnedAnswer = { endpoints: [], ports: [], peers: [], named: [], windows: [] };
const pair = { app: 'skype', device: '192.168.1.10', peer: '93.184.216.34', seconds: 60 };
const port = { app: 'skype', device: '192.168.1.10', protocol: 'udp', port: 5000, seconds: 60 };
const endpoint = { ...pair, address: pair.peer, name: 'a.skype.com', root: 'a.skype.com' };

test('each list of what is learned can be the one that is cut', () => {
  const lists = { endpoints: endpoint, ports: port, peers: pair, named: pair };
  for (const [list, one] of Object.entries(lists)) {
    const answer = { ...none, [list]: [one, one] } as never;
    assert.match(learnedText(answer, 2), /\nat most 2 rows; for more: --limit N\n$/, list);
    assert.not.match(learnedText(answer, 3), /at most/, list);
    assert.match(
      learnedText({ ...none, [list]: Array(500).fill(one) } as never, 500),
      /\nat most 500 rows\n$/,
    );
  }
});

test('so says the log of connections', () => {
  const row = {
    start: 0,
    end: 1000,
    flow: 'udp a:1 > b:2',
    up: 1,
    down: 1,
    proxy: 'a',
    evidence: 'addr',
  };
  assert.match(logText({ rows: [row, row] }, 2), /\nat most 2 rows; for more: --limit N\n$/);
  assert.not.match(logText({ rows: [row, row] }, 3), /at most/);
});

test.run();
