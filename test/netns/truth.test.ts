// What status, why and flows say against the way of a real packet, beyond the states of the matrix (netns/matrix): two
// states at once, lists of devices, open flows, ports that were learned, repairs, and words that are nothing. Each test
// sends a new flow to a server of the app and compares the outputs with the answer.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { FlowAnswer } from '../../agent/src/answers/flows.ts';
import { byText } from '../../agent/src/answers/now.ts';
import type { Rows } from '../../agent/src/answers/rows.ts';
import type { StatusAnswer } from '../../agent/src/answers/status.ts';
import type { WhyAnswer } from '../../agent/src/answers/why-parts.ts';
import {
  config,
  type Home,
  MEDIA,
  NODE,
  NODE_PORT,
  OTHER,
  pause,
  startHome,
  type Talk,
  until,
} from '../fixtures/netns-home.ts';
import { flat } from '../lib/alarms.ts';

const DEVICE = '192.168.1.11';
let home: Home;
test.before(async () => {
  home = await startHome(`whp-truth-${process.pid}`);
});
test.after(() => home.stop());

const only = (fallback: string, more = ''): string => config({ fallback, proxies: ['a'] }) + more;
const DEAD = 'add table ip x; add chain ip x i { type filter hook input priority 0; policy drop; }';
const kill = (): string => home.run('proxya', 'nft', DEAD);
const revive = (): string => home.run('proxya', 'nft', 'delete table ip x');

/** A schedule that begins in two days. */
function elsewhen(): string {
  const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
  return `  list schedule '${days[(new Date().getUTCDay() + 2) % 7]!} 10:00-11:00'\n`;
}

type State = 'proxied' | 'refused' | 'direct';

interface Seen {
  readonly state: State;
  /** A flow that was sent, and one that was not. */
  readonly flow: string;
  readonly next: string;
}

let port = 20000;

/** Sends a new flow until there is an answer; returns its way. */
async function send(to = NODE, given?: number): Promise<Seen> {
  port += 2;
  const from = given ?? port;
  const talk: Talk = home.talk(from, to);
  for (let waited = 0; talk.heard.length === 0 && waited < 5000; waited += 10) await pause(10);
  await pause(50);
  talk.stop();
  const words = new Set(talk.heard.map(({ word }) => word));
  assert.is(words.size, 1, `one answer to ${from}: ${[...words].join(' ')}`);
  const [word = ''] = words;
  const state = word.startsWith('proxy') ? 'proxied' : word === 'internet' ? 'direct' : 'refused';
  const flow = (source: number): string => `udp ${DEVICE}:${source} ${to}:${NODE_PORT}`;
  return { state, flow: flow(from), next: flow(from + 1) };
}

const json = <T>(...words: string[]): T => JSON.parse(home.whp(...words, '--json')) as T;

/** Place and text of each problem, a line each. */
function textsOf(problems: StatusAnswer['problems']): string {
  return problems.map(({ place, text }) => `${place} ${text}`).join('\n');
}

const VERDICT = { proxied: /proxied/, refused: /REFUSED/, direct: /DIRECT/ } as const;

/** Every output about new flows of the app, compared with the way of one. */
function compare({ state, flow, next }: Seen, isOurs = true): void {
  const status = home.status();
  const whole = isOurs ? state : status.apps[0]!.new_connections.state;
  assert.is(status.apps[0]!.new_connections.state, whole, 'status --json');
  const line = home
    .whp('status')
    .split('\n')
    .find((one) => one.startsWith('skype '))!;
  assert.match(line, VERDICT[whole], 'status');
  if (whole !== 'proxied') assert.not.match(line, /proxied/);
  const asked = isOurs ? [NODE, next] : [next];
  for (const query of asked) {
    const words = query.split(' ');
    const why = json<WhyAnswer>('why', ...words);
    assert.is(why.state, state, `why ${query}: ${why.verdict}`);
    const text = home.whp('why', ...words).split('\n')[0]!;
    if (isOurs) assert.match(text, VERDICT[state]);
    else assert.match(text, / direct: /);
    const told = JSON.parse(home.rpc('why', { query })) as WhyAnswer;
    assert.is(told.state, state, `rpcd why ${query}`);
  }
  const rows = json<Rows<FlowAnswer>>('flows').rows.filter((one) => one.flow === flow);
  const wanted = { proxied: ['a'], refused: [], direct: ['DIRECT'] }[state];
  // A flow that the owner keeps direct, or of no app, has no mark and no row.
  const { cause } = status.apps[0]!.new_connections;
  const marked = state === 'direct' && cause !== 'fallback' ? [] : wanted;
  assert.equal(rows.map(byText), marked, 'flows --json');
  const shown = home
    .whp('flows')
    .split('\n')
    .find((one) => one.startsWith(`${flow} `));
  if (marked.length === 0) assert.is(shown, undefined);
  else assert.match(shown!, ` ${marked[0]} `);
}

/** Waits until the proxy answers, or until it is given up. */
async function untilPath(wanted: 'up' | 'refused' | 'direct'): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 100) {
    const { apps, proxies } = home.status();
    const { state, cause } = apps[0]!.new_connections;
    const isUp = state !== 'refused' && cause !== 'fallback' && proxies[0]!.state === 'up';
    if (wanted === 'up' ? isUp : state === wanted && cause === 'fallback') return;
    await pause(100);
  }
  throw new Error(`not ${wanted}: ${home.log()}`);
}

/** A flow of no app is direct in every row. */
async function unrelated(): Promise<void> {
  const { state, flow } = await send(OTHER);
  assert.is(state, 'direct');
  const why = json<WhyAnswer>('why', ...flow.split(' '));
  assert.equal([why.state, /^direct: no profile/.test(why.verdict)], ['direct', true]);
}

test('the proxy is up', async () => {
  await home.startAgent(only('block'));
  await untilPath('up');
  const seen = await send();
  assert.is(seen.state, 'proxied');
  compare(seen);
  await unrelated();
  assert.is(home.status().dns_answers, 'watched');
  // The port that the flow showed is the app's, for any destination; no other port is.
  const from = Number(/:(\d+) /.exec(seen.flow)![1]);
  const beside = await send(MEDIA, from);
  assert.is(beside.state, 'proxied');
  assert.is(json<WhyAnswer>('why', ...beside.flow.split(' ')).state, 'proxied');
  assert.is(
    json<WhyAnswer>('why', ...`udp ${DEVICE}:${from} ${NODE}:9`.split(' ')).state,
    'proxied',
  );
  assert.is(json<WhyAnswer>('why', ...`udp ${DEVICE}:999 ${NODE}:9`.split(' ')).state, 'direct');
  // An IPv6 address of the profile without IPv6 at the proxy; the proxy's address; a private one.
  home.whp('pin', '2a01::7', 'skype');
  assert.match(flat(home.whp('why', '2a01::7')), /REFUSED now: .*offers no IPv6/);
  home.whp('unpin', '2a01::7');
  assert.match(home.tell('pin', '203.0.113.20', 'skype').err, /the router's own or a proxy's/);
  assert.match(flat(home.whp('why', '203.0.113.20')), /direct: the address of proxy a itself/);
  assert.match(flat(home.whp('why', '10.1.2.3')), /direct: no address of the public Internet/);
});

test('held is what the table does, not what the configuration wants', async () => {
  for (const wanted of [true, false]) {
    home.reload(only('block').replace("hold '0'", `hold '${wanted ? 1 : 0}'`));
    // A kernel without nft's queue loads the table without it.
    const holds = /queue/.test(home.run('router', 'nft', 'list', 'table', 'inet', 'whp'));
    const status = home.status();
    assert.equal([status.dns_answers === 'held', status.hold_wanted], [holds, wanted]);
    const word = holds ? /DNS answers are held/ : /DNS answers are watched only/;
    assert.match(home.whp('status'), word);
    assert.is(/cannot be held/.test(textsOf(status.problems)), wanted && !holds);
  }
});

test('paused: a live flow stays, a new one is direct', async () => {
  const live = home.talk(19_999);
  await until(live, ({ word }) => word === 'proxya');
  home.whp('pause', 'skype', '5');
  const seen = await send();
  assert.is(seen.state, 'direct');
  compare(seen);
  const why = json<WhyAnswer>('why', 'udp', `${DEVICE}:19999`, `${NODE}:${NODE_PORT}`);
  assert.is(live.heard.at(-1)?.word, 'proxya');
  assert.match(why.verdict, /^proxied: a flow of skype that is open now, by proxy a/);
  assert.match(
    flat(home.whp('why', NODE)),
    /DIRECT now: it is skype's.*; paused by you for \d+ (s|min) more; \d+ older connections? stays? in the tunnel/,
  );
  live.stop();
  assert.match(home.whp('resume'), /^skype: proxied again, by proxy a$/m);
});

for (const fallback of ['block', 'direct'] as const) {
  test(`the proxy is dead, fallback ${fallback}`, async () => {
    home.reload(only(fallback));
    await untilPath('up');
    kill();
    await untilPath(fallback === 'block' ? 'refused' : 'direct');
    const seen = await send();
    assert.is(seen.state, fallback === 'block' ? 'refused' : 'direct');
    compare(seen);
    await unrelated();
    // Paused too: the pause's gate comes first.
    home.whp('pause', 'skype');
    const paused = await send();
    assert.is(paused.state, 'direct');
    const { apps, problems } = home.status();
    assert.is(apps[0]!.new_connections.state, 'direct');
    assert.match(textsOf(problems), /app skype open flows are .*; new ones go direct \(paused\)/);
    assert.is(json<WhyAnswer>('why', NODE).state, 'direct');
    const word = fallback === 'block' ? 'REFUSED' : 'DIRECT';
    assert.match(
      flat(home.whp('resume')),
      new RegExp(`the pause is over, but new flows are ${word}: `),
    );
    revive();
    await untilPath('up');
  });
}

test('outside its hours', async () => {
  home.reload(only('block', elsewhen()));
  const seen = await send();
  assert.is(seen.state, 'direct');
  compare(seen);
  assert.match(flat(home.whp('why', NODE)), /outside the hours of its schedule/);
  assert.match(flat(home.whp('resume')), /new flows are DIRECT: outside the hours of its schedule/);
});

test('a device that is not in the list of the app, by address and by MAC', async () => {
  const [, mac = ''] = /link\/ether (\S+)/.exec(home.run('device', 'ip', 'link', 'show', 'eth0'))!;
  for (const [list, isIts] of [
    ['192.168.1.99', false],
    [DEVICE, true],
    ['02:00:00:00:99:99', false],
    [mac, true],
  ] as const) {
    home.reload(only('block', `  list device '${list}'\n`));
    await untilPath('up');
    const seen = await send();
    assert.is(seen.state, isIts ? 'proxied' : 'direct', list);
    compare(seen, isIts);
    const why = flat(home.whp('why', DEVICE));
    assert.match(why, isIts ? /skype applies to it \(by proxy a\)/ : /skype does not apply to it/);
    assert.match(flat(home.whp('why', NODE)), /for its devices alone/);
  }
});

test('an app whose devices nobody knows yet', async () => {
  const names = "  list device 'box'\nconfig device 'box'\n  list name 'no-such-box'\n";
  home.reload(only('block', names));
  await untilPath('up');
  const seen = await send();
  assert.is(seen.state, 'direct');
  compare(seen, false);
  const { apps, problems } = home.status();
  assert.is(apps[0]!.new_connections.state, 'direct');
  assert.match(textsOf(problems), /app skype is DIRECT: none of its devices is known to DHCP yet/);
  assert.match(flat(home.whp('why', NODE)), /^.*: DIRECT now: .*none of its devices is known/);
});

test('what was never made is no repair, is said once, and what stood is repaired', async () => {
  home.reload(only('block'));
  await untilPath('up');
  const before = home.status().repairs.count;
  const said = (): number => home.log().split('error: add link whp-a').length;
  const times = said();
  // Each of these wakes the agent. The devices of this home are no GRE devices: the agent cannot make its own.
  for (let i = 0; i < 5; i++) {
    home.run('router', 'ip', 'link', 'add', 'other', 'type', 'veth', 'peer', 'other2');
    home.run('router', 'ip', 'link', 'del', 'other');
    await pause(300);
  }
  assert.is(home.status().repairs.count, before);
  assert.is(said(), times, home.log());
  home.run('router', 'ip', 'rule', 'del', 'pref', '15001');
  await pause(300);
  const { count, last } = home.status().repairs;
  assert.is(count, before + 1);
  assert.match(
    last!,
    /^somebody removed or changed a piece of ours, put right: rule v4 pref 15001/,
  );
  assert.not.match(last!, /link/);
});

test('after a reload no problem of the configuration before is left', () => {
  const lost = 'there is no device "br-lna"';
  home.reload(only('block').replace("hold '0'", "hold '0'\n  list lan 'br-lna'"));
  assert.match(flat(home.whp('status')), lost);
  home.reload(only('block'));
  assert.not.match(flat(home.whp('status')), lost);
});

test('words that are nothing end with status 2, and names are answered', async () => {
  for (const words of [['nonsense'], ['8.8.8.8', 'x'], ['::1'], ['127.0.0.1'], ['1.2.3.4/24']]) {
    const { status, err } = home.tell('why', ...words);
    assert.is(status, 2, `${words.join(' ')}: ${err}`);
    assert.is(home.tell('why', ...words, '--json').status, 2);
    assert.match(home.rpc('why', { query: words.join(' ') }), /"error"/);
  }
  assert.match(home.tell('why', 'https://meet.example.com/x').err, /name only: meet\.example\.com/);
  assert.match(flat(home.whp('why', 'api.skype.com')), /proxied: a name of skype, by proxy a/);
  assert.match(
    flat(home.whp('why', 'example.com')),
    /direct: no profile and no rule has this name/,
  );
  assert.match(flat(home.whp('why', '192.168.1.1')), /the router's own address/);
});

test('no app is enabled: there is nothing to pause', async () => {
  home.reload(config({ enabled: false }));
  for (const word of ['pause', 'resume']) {
    const { status, err } = home.tell(word);
    assert.is(status, 1, word);
    assert.match(err, /no app is enabled/);
  }
  assert.match(home.whp('status'), /^idle: no app is enabled\n {2}whp check\n/);
  await home.stopAgent();
});

test.run();
