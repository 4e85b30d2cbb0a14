// Six hours of a home on a fake clock, in the host with the router's memory limit: sessions of five devices
// with DNS, flows and expiry. No endpoint is missing before its time, every answer has a verdict, and memory
// does not grow after the second hour.
import * as std from 'qjs:std';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findEndpoint, learnedEndpoints } from '../../agent/src/learn/endpoints.ts';
import { residentBytes } from '../../agent/src/os/memory.ts';
import { createState, type Event } from '../../agent/src/step/state.ts';
import { step } from '../../agent/src/step/step.ts';
import { span } from '../fixtures/bytes.ts';
import { answerTo } from '../fixtures/dns.ts';
import { askedEvents } from '../fixtures/dns-events.ts';
import { ROUTER, udp4 } from '../fixtures/plain-packets.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { profile } from '../fixtures/profile.ts';
import { randomOf } from '../fuzz/random.ts';

const HOUR = 3600000;
const TICK = 5000;
const HOURS = 6;
const DEVICES = 5;
/** Sessions of one device in an hour, and the packets of one session. */
const SESSIONS = 24;
const APPLICATION_ANSWERS = 8;
const OTHER_ANSWERS = 40;
const FLOWS = 30;
/** The shortest life of an endpoint in milliseconds (profile.endpoints.ttlMinimumSeconds). */
const KEPT = 300000;

const suffixes = [{ value: 'skype.com', evidence: 'capture' as const }];
const policy = policyFrom({ profile: { dns: { ...profile.dns, suffixes } } });

test('six hours of five devices', () => {
  const random = randomOf(6);
  const state = createState(policy, () => false);
  const recent: { address: string; at: number }[] = [];
  const resident: number[] = [];
  const held: number[] = [];
  let now = 0;
  let verdicts = 0;
  let asked = 0;
  let missed = 0;
  const give = (event: Event): void => {
    for (const { kind } of step(state, event, now)) if (kind === 'release') verdicts++;
  };
  const resolve = (device: number, name: string, address: readonly number[]): void => {
    const records = [{ name: '@12', type: 1, ttl: 60, rdata: address }];
    const to = [192, 168, 1, 10 + device];
    const bytes = udp4(ROUTER, 53, to, 40000 + random.below(9000), answerTo(name, records));
    for (const event of askedEvents(bytes, { id: ++asked })) give(event);
  };
  const flow = (device: number, prefix: string): void => {
    const peer = [93, random.below(256), random.below(256), random.below(256)];
    const from = [192, 168, 1, 10 + device];
    const bytes = udp4(from, 13021, peer, 1024 + random.below(60000), new Uint8Array(60));
    give({ kind: 'evidence', mac: null, prefix, ...span(bytes) });
  };
  const session = (device: number): void => {
    for (let i = 0; i < OTHER_ANSWERS; i++) {
      resolve(device, `www${random.below(5000)}.shop.example`, [203, 0, 113, random.below(256)]);
    }
    for (let i = 0; i < APPLICATION_ANSWERS; i++) {
      const address = [157, 55, random.below(4), random.below(256)];
      resolve(device, `edge${random.below(3000)}.skype.com`, address);
      recent.push({ address: address.join('.'), at: now });
    }
    for (let i = 0; i < FLOWS; i++)
      flow(device, random.once(4) ? 'whp:peer:skype' : 'whp:port:skype');
  };
  const gap = HOUR / (SESSIONS * DEVICES);
  for (let hour = 0; hour < HOURS; hour++) {
    for (let i = 0; i < SESSIONS * DEVICES; i++) {
      session(i % DEVICES);
      for (const end = now + gap; now < end; now += TICK) give({ kind: 'tick' });
      while (recent.length > 0 && now - recent[0]!.at >= KEPT) recent.shift();
      for (const { address } of recent) {
        if (findEndpoint(state.learned, 'skype', address) === null) missed++;
      }
    }
    std.gc();
    resident.push(residentBytes());
    held.push(learnedEndpoints(state.learned).length);
  }
  assert.is(verdicts, asked, 'every held answer has its verdict');
  assert.is(asked, HOURS * SESSIONS * DEVICES * (OTHER_ANSWERS + APPLICATION_ANSWERS));
  assert.is(missed, 0, 'endpoints gone before their time');
  assert.is(state.counters.malformed, 0);
  const growth = resident.at(-1)! - resident[1]!;
  assert.ok(growth < 262144, `resident by the hour: ${resident.join(' ')}`);
  assert.ok(Math.max(...held) <= 2 * Math.min(...held), `endpoints by the hour: ${held.join(' ')}`);
  const kilobytes = resident.map((bytes) => bytes >> 10).join(' ');
  std.out.puts(`resident KiB by the hour: ${kilobytes}; endpoints: ${held.join(' ')}\n`);
});

test.run();
