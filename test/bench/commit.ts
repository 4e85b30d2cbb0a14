// The cost of a matching answer on the router with the agent's modules and the real table: step (decode, match,
// learn), the teaching until its acknowledgement, and both. For comparison one element, taught in a loop and cold
// (after 25 ms of sleep), by a transaction, and by an `nft` process. The agent must be idle. Prints one JSON object of
// milliseconds.
// Usage: commit [TIMES]
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { monotonic } from 'whp:socket';
import { loadPolicy } from '../../agent/src/config/load.ts';
import { errorText } from '../../agent/src/os/errno.ts';
import { addressKey } from '../../agent/src/ruleset/elements.ts';
import { setName, TABLE } from '../../agent/src/ruleset/names.ts';
import { step } from '../../agent/src/step/step.ts';
import { concat, fromHex, u16be } from '../fixtures/bytes.ts';
import { askedEvents } from '../fixtures/dns-events.ts';
import { answerTo, labelOf, OTHER_DOMAIN, OUR_DOMAIN, queryFor } from '../lab/bench/answer.ts';
import { effectsOn, realKernel } from '../lib/kernel.ts';

const TIMES = Number(scriptArgs[1] ?? 100);
const PROCESSES = 10;
/** Milliseconds of sleep after which caches are cold, as when an event comes. */
const COLD = 25;
const SET = setName('skype', 'addr', 4);

const loaded = loadPolicy(
  { config: '/etc/config/whp', profiles: '/usr/share/whp/profiles', state: '/etc/whp' },
  null,
);
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const effects = effectsOn(realKernel(), loaded.value);
const { state } = effects.inForce;

/** An answer as NFQUEUE delivers it: IPv4, UDP, DNS. */
function packetOf(label: string, domain: string, serial: number): Uint8Array {
  const answer = answerTo(queryFor(7, label, domain), serial)!;
  return concat(
    fromHex('4500'),
    u16be(28 + answer.length),
    fromHex('00000000 4011 0000 c6336435 c0a801'),
    // From many devices: the rate of one device is limited.
    [11 + (serial % 40)],
    fromHex('0035 c000'),
    u16be(8 + answer.length),
    [0, 0],
    answer,
  );
}

interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

function spread(values: number[]): Spread {
  const sorted = values.sort((a, b) => a - b);
  const at = (part: number): number => sorted[Math.ceil(sorted.length * part) - 1]!;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function answers(domain: string, from: number): { step: Spread; commit: Spread; all: Spread } {
  const [steps, commits, all]: number[][] = [[], [], []];
  for (let i = 0; i < TIMES; i++) {
    const bytes = packetOf(labelOf('z1', i), domain, from + i);
    const [query, answer] = askedEvents(bytes);
    step(state, query, monotonic());
    const t0 = monotonic();
    const wanted = step(state, answer, t0);
    const t1 = monotonic();
    effects.run(wanted);
    const t2 = monotonic();
    steps!.push(t1 - t0);
    commits!.push(t2 - t1);
    all!.push(t2 - t0);
  }
  return { step: spread(steps!), commit: spread(commits!), all: spread(all!) };
}

/** Milliseconds of one new element. */
function element(kind: 'teach' | 'change', net: number, i: number): number {
  const key = addressKey(`90.210.${net + (i >> 8)}.${i & 255}`)!;
  const t0 = monotonic();
  const error = effects.kernel.sets[kind]([
    { operation: 'renew', set: SET, elements: [{ key, timeout: 300000 }] },
  ]);
  if (error !== null) throw new Error(errorText(error));
  return monotonic() - t0;
}

async function elements(kind: 'teach' | 'change', net: number, sleep: number): Promise<Spread> {
  const times: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    if (sleep > 0) await pause(sleep);
    times.push(element(kind, net, i));
  }
  return spread(times);
}

/** One run of a program, from fork to exit. */
function process(command: (i: number) => string[]): Spread {
  return spread(
    Array.from({ length: PROCESSES }, (_, i) => {
      const t0 = monotonic();
      const status = os.exec(command(i), { block: true });
      if (status !== 0) throw new Error(`${command(i).join(' ')}: status ${status}`);
      return monotonic() - t0;
    }),
  );
}

/** Returns to the event loop (and its watchdog). */
const pause = (milliseconds = 0): Promise<void> =>
  new Promise((resolve) => void os.setTimeout(resolve, milliseconds));

const noMatch = answers(OTHER_DOMAIN, 500_000);
await pause();
const match = answers(OUR_DOMAIN, 500_000);
await pause();
const taught = await elements('teach', 0, 0);
const cold = await elements('teach', 8, COLD);
const byPacket = effects.kernel.sets.byPacket()[4];
const changed = await elements('change', 16, COLD);
const nft = process((i) => [
  'nft',
  `add element inet ${TABLE} ${SET} { 90.210.32.${i} timeout 5m }`,
]);
await pause();
const nothing = process(() => ['/bin/true']);
if (effects.failures.count > 0) throw new Error(effects.failures.last);
const all = { noMatch, match, taught, cold, byPacket, changed, nft, nothing };
std.out.puts(`${JSON.stringify(all)}\n`);
