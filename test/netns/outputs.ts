// Everything that whp says about new flows of the app, asked at one moment: every command about it as text and as JSON,
// rpcd's methods and the report. Each output becomes a cell of the matrix, and facts that can be compared.
import type { DeviceAnswer } from '../../agent/src/answers/devices.ts';
import type { ErrorAnswer } from '../../agent/src/answers/error.ts';
import type { FlowAnswer } from '../../agent/src/answers/flows.ts';
import type { ProxyAnswer } from '../../agent/src/answers/proxies.ts';
import type { Rows } from '../../agent/src/answers/rows.ts';
import type { StatusAnswer } from '../../agent/src/answers/status.ts';
import type { TestLine } from '../../agent/src/answers/test.ts';
import type { WhyAnswer } from '../../agent/src/answers/why-parts.ts';
import type { Home } from '../fixtures/netns-home.ts';
import { answerOf, judged, linesOf } from '../lib/answers.ts';
import type { Crossed } from './wire.ts';

/** The answer, or the error. */
export type Told<T> = T & Partial<ErrorAnswer>;

export interface Outputs {
  readonly status: Told<StatusAnswer>;
  readonly statusText: string;
  readonly quiet: number;
  /** About the address, and about a flow that was not sent. */
  readonly why: readonly Told<WhyAnswer>[];
  readonly whyText: readonly string[];
  /** About a flow that is open. */
  readonly whyOpen: Told<WhyAnswer>;
  readonly flows: Told<Rows<FlowAnswer>>;
  readonly flowsText: string;
  readonly proxies: Told<Rows<ProxyAnswer>>;
  readonly proxiesText: string;
  readonly test: readonly TestLine[];
  readonly rpcd: {
    readonly status: Told<StatusAnswer>;
    readonly why: Told<WhyAnswer>;
    readonly flows: Told<Rows<FlowAnswer>>;
    readonly devices: Told<Rows<DeviceAnswer>>;
    /** Answers of the other methods that read. */
    readonly others: readonly Told<object>[];
  };
  readonly report: string;
  /** The agent's status in the report; null: it is not there. */
  readonly reported: StatusAnswer | null;
}

/** `next`: a flow that was not sent; `open`: one that goes on. */
export function askAll(home: Home, address: string, { next }: Crossed, open: string): Outputs {
  const text = (...words: string[]): string => {
    const { out, err } = home.tell(...words);
    return out + err;
  };
  const json = <T>(...words: string[]): Told<T> =>
    answerOf<Told<T>>(words, home.tell(...words, '--json').out);
  const rpc = <T>(method: string, input: object = {}): Told<T> =>
    JSON.parse(home.rpc(method, input)) as Told<T>;
  const queries = [[address], next.split(' ')];
  const { out: report } = home.tell('diag');
  return {
    status: json('status'),
    statusText: text('status'),
    quiet: home.tell('status', '--quiet').status,
    why: queries.map((words) => json<WhyAnswer>('why', ...words)),
    whyText: queries.map((words) => text('why', ...words)),
    whyOpen: json('why', ...open.split(' ')),
    flows: json('flows'),
    flowsText: text('flows'),
    proxies: json('proxy', 'list'),
    proxiesText: text('proxy', 'list'),
    test: linesOf<TestLine>(['test'], home.tell('test', '--json').out),
    rpcd: {
      status: rpc('status'),
      why: rpc('why', { query: address }),
      flows: rpc('flows'),
      devices: rpc('devices'),
      others: ['learned', 'counters', 'log'].map((method) => rpc(method)),
    },
    report,
    reported: reportedStatus(report),
  };
}

/** The part `whp status` of a report. */
function reportedStatus(report: string): StatusAnswer | null {
  const part = report.split('==== whp status\n')[1]?.split('\n==== ')[0] ?? '';
  return part.startsWith('{') ? judged<StatusAnswer>('whp status', JSON.parse(part)) : null;
}
