// The bounds that SECURITY.md promises, against the constants of agent/src that make them.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PACE, type Rate } from '../../agent/src/bounds/token-bucket.ts';
import { SILENT_MILLISECONDS } from '../../agent/src/ruleset/compile/ended-flows.ts';
import { LEASES } from '../../agent/src/ruleset/elements.ts';

const page = readFileSync('SECURITY.md', 'utf8').replace(/\s+/g, ' ');

/** The value of `const NAME` in a file: a number, or a record of numbers and words. */
function constantOf(file: string, name: string): unknown {
  const text = readFileSync(`agent/src/${file}.ts`, 'utf8');
  const [, value] =
    new RegExp(`^(?:export )?const ${name}(?:: \\w+)? = ([^;]*);`, 'm').exec(text) ?? [];
  assert.ok(value !== undefined, `${file}: no constant ${name}`);
  return Function(`return (${value!.replace(/ as const/, '')})`)();
}

const number = (file: string, name: string): number => constantOf(file, name) as number;
const seconds = (file: string, name: string): string => `${number(file, name) / 1000}`;
/** "BURST at once and RATE a second" of a limit. */
const inWords = ({ perSecond, burst }: Rate): string =>
  `${burst} at once and ${perSecond} a second`;
const limit = (file: string, name: string): { rate: number; burst: number } =>
  constantOf(file, name) as { rate: number; burst: number };

const DNS = 'ruleset/compile/dns';
const queries = limit(DNS, 'QUERIES');
const home = limit(DNS, 'HOME_QUERIES');
const told = (constantOf(DNS, 'TOLD') as { held: { rate: number; burst: number } }).held;
const announced = limit('ruleset/compile/device-share', 'LOG_LIMIT');
const looks = constantOf('bounds/token-bucket', 'LOOKS') as Rate;
const pace = constantOf('bounds/token-bucket', 'HOME_PACE') as Rate;
const aliases = constantOf('learn/aliases', 'ALIAS_LIMITS') as { perDevice: number; total: number };
const streams = constantOf('wire/dns-stream', 'STREAM_LIMITS') as { flows: number; bytes: number };
const WORDS = new Map([
  [4, 'four'],
  [12, 'twelve'],
  [16, 'sixteen'],
  [20, 'twenty'],
  [40, 'forty'],
]);
const word = (file: string, name: string): string => WORDS.get(number(file, name)) ?? '?';
const claims = constantOf('policy/claims', 'CLAIM_WRITES') as Rate;
const changes = constantOf('policy/claims', 'CLAIM_CHANGES') as Rate;

/** "20 min", "4 h", "7 days" of seconds. */
function inTime(time: number): string {
  if (time < 3600) return `${time / 60} min`;
  return time > 86_400 ? `${time / 86_400} days` : `${time / 3600} h`;
}

const SENTENCES: readonly string[] = [
  // Evidence and names.
  `more than ${number('wire/dns', 'MAX_RECORDS').toLocaleString('en')} records or addresses`,
  `sends more than ${word('learn/suspects', 'MANY_REQUESTS')} requests in a minute`,
  `has ${number('learn/suspects', 'MANY_PEERS')} peers`,
  `behind the ${number('learn/chain', 'MOST_STEPS')}th name of a chain`,
  `One answer may lead to ${number('learn/observe-dns', 'MOST_TARGETS')} names`,
  `${aliases.perDevice} for each device, ${aliases.total.toLocaleString('en')} together`,
  `Of one name ${number('learn/endpoint-evictions', 'MOST_OF_A_NAME')} addresses are kept`,
  `The first ${word('policy/claims', 'MOST_CLAIMS')} MACs of a name are kept`,
  `at most ${WORDS.get(claims.burst + Math.round(claims.perSecond * 86_400))} times a day`,
  `its table ${WORDS.get(changes.burst)} times at once and then at most once a minute`,
  `rounded up to ${LEASES.slice(0, -1).map(inTime).join(', ')} or ${inTime(LEASES.at(-1)!)}`,
  // Probes.
  `A proxy is down after ${word('tunnel/health', 'LOST_IN_A_ROW')} lost probes in a row`,
  `or ${word('tunnel/health', 'LOST_WITH_DATA')} while the tunnel still receives`,
  `the last ${number('tunnel/health', 'LOSS_LEAST')} to ${number('tunnel/health', 'WINDOW')} probes`,
  // Ends of flows.
  `This lasts for five minutes after the last packet, an hour in all, for ${number('ruleset/compile/ended-flows', 'SILENT') / 2} such ends`,
  // DNS.
  `**Queries**: ${queries.burst} at once and ${queries.rate} a second for each device, ${home.burst} and ${home.rate} for the home`,
  `**Queries that the agent is told of**: ${told.burst} at once and ${told.rate} a second for each device`,
  `${number('kernel/answer-queues', 'CROWD_AT_MOST')} at a time, and are dropped beyond that`,
  `The first queue has room (${number('kernel/answer-queues', 'FIRST_AT_MOST')})`,
  `read for the window they open: ${inWords(PACE)} for each device`,
  `a burst of ${PACE.burst} and ${PACE.perSecond} a second for each device, ${pace.burst} and ${pace.perSecond} for the home`,
  `of others, ${looks.burst} at once and ${looks.perSecond} a second are`,
  `It waits (${number('learn/waiting', 'MOST')} answers, ${number('learn/waiting', 'MOST_BYTES') / 1024} KiB)`,
  `**Open questions**: ${number('learn/asked-questions', 'MOST_OPEN')} in all`,
  `**DNS over TCP**: ${streams.flows} flows with a message under way, ${streams.bytes / 1024} KB each`,
  `beyond ${limit(DNS, 'ANSWERS').rate} a second its flow goes to the second queue`,
  // The agent.
  `while the agent's \`nft\` loads one: ${number('learn/deferral', 'MOST_WAITING')} at most, and for ${seconds('runtime/effects', 'PATIENCE')} s at most`,
  `**Announcements** to the agent: ${announced.burst} at once and ${announced.rate} a second`,
];

for (const sentence of SENTENCES) {
  test(`SECURITY.md: ${sentence}`, () => {
    assert.ok(page.includes(sentence));
  });
}

test('the times of SECURITY.md that are written as words', () => {
  assert.is(SILENT_MILLISECONDS, 5 * 60_000);
  assert.is(number('learn/silence', 'LONGEST'), 3_600_000);
  assert.is(number('learn/suspects', 'PATIENCE'), 10 * 60_000);
  assert.is(number('bounds/log-once', 'PERIOD_MILLISECONDS'), 10 * 60_000);
  assert.is(number('ruleset/compile/wait', 'SESSION_MILLISECONDS'), 5 * 60_000);
  assert.is(number('ruleset/compile/wait', 'WAIT_MILLISECONDS'), 250);
  assert.is(number('learn/asked-questions', 'OPEN_MILLISECONDS'), 10_000);
  assert.is(number('reconcile/repair', 'GUARD_MILLISECONDS'), 5000);
  assert.is(number('tunnel/health', 'STEADY_INTERVAL'), 1000);
  assert.is(number('tunnel/health', 'DOUBT_INTERVAL'), 250);
});

test.run();
