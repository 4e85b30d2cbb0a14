// Runs in the host program inside a fresh network namespace: answers that teach, by the agent's own step and
// effects, against the real table while its sets are full. One line a claim.
import type { Effect } from '../../agent/src/learn/effect.ts';
import { now } from '../../agent/src/os/clock.ts';
import { runProgram } from '../../agent/src/os/process.ts';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { EXPIRED } from '../../agent/src/ruleset/compile/sets.ts';
import { renderLoad } from '../../agent/src/ruleset/render.ts';
import { step } from '../../agent/src/step/step.ts';
import { answerTo } from '../fixtures/dns.ts';
import { askedEvents } from '../fixtures/dns-events.ts';
import { DEVICE as PHONE, ROUTER, udp4 } from '../fixtures/plain-packets.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { profile } from '../fixtures/profile.ts';
import { effectsOn, notingFeed, realKernel } from '../lib/kernel.ts';
import { claim, finish, holds, same } from './claims.ts';

const caps = { endpoints: 64, ports: 64, peers: 128, devices: 64 };
const suffixes = [{ value: 'skype.com', evidence: 'capture' as const }];
const policy = policyFrom({ profile: { caps, dns: { ...profile.dns, suffixes } } });

async function nft(text: string): Promise<string> {
  const { status, stdout, stderr } = await runProgram(['nft', '-f', '-'], { input: text });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

async function listed(set: string): Promise<string> {
  return (await runProgram(['nft', 'list', 'set', 'inet', 'whp', set])).stdout;
}

const verdicts: string[] = [];
const answers = notingFeed((verdict) => void verdicts.push(verdict));
const effects = effectsOn(realKernel(), policy, { answers });
const { state } = effects.inForce;

let asked = 0;
/** Resolves NAME to ADDRESS; returns the verdict on the answer. */
function resolve(name: string, address: readonly number[], outside: boolean): string {
  asked += 1;
  const message = answerTo(name, [{ name: '@12', type: 1, ttl: 600, rdata: address }]);
  const from = outside ? [10, 20, 0, 53] : ROUTER;
  const packet = udp4(from, 53, PHONE, 40000, message);
  const at = now();
  for (const event of askedEvents(packet, { id: asked, outside })) {
    // Only the effects of the answer are run: the window of the query is not tested here.
    const wanted = step(state, event, at).filter((one: Effect) => one.kind !== 'late');
    if (event.kind === 'answer') effects.run(wanted);
  }
  return verdicts.at(-1) ?? '';
}

const pause = (milliseconds: number): Promise<void> =>
  runProgram(['sleep', String(milliseconds / 1000)]).then(() => {});

async function fill(set: string, element: (i: number) => string, count: number): Promise<void> {
  const all = Array.from({ length: count }, (_, i) => `${element(i)} timeout 1h`);
  await nft(`add element inet whp ${set} { ${all.join(', ')} }\n`);
}

/** Claims that the answer to `asked` got this verdict. */
function verdictIs(name: string, wanted: string, got: string): void {
  claim(name, () => same(got.split(' ')[0], wanted));
}

async function has(name: string, set: string, text: string): Promise<void> {
  const list = await listed(set);
  claim(name, () => holds(list.includes(text), list));
}

const learn = (): string => resolve('ui.skype.com', [203, 0, 113, 7], false);
const learnPair = (): string => resolve('api.skype.com', [203, 0, 113, 8], true);

await nft(renderLoad(compile(policy)));
await fill('skype_addr4', (i) => `90.0.${i >> 8}.${i & 255}`, caps.endpoints + EXPIRED);
verdictIs('full-address an answer for which there is no room is refused', 'refuse', learn());
claim('full-address what was refused is not taken for learned', () => {
  same(state.learned.sets.get('skype 4')?.size, 0);
});
await pause(1000);
verdictIs('full-address room is made: asked again, it is released', 'release', learn());
await has('full-address and the kernel has it', 'skype_addr4', '203.0.113.7');
verdictIs('full-address one that teaches what stands is released', 'release', learn());

await fill(
  'skype_peer4',
  (i) => `192.168.1.${100 + (i & 15)} . 91.0.${i >> 8}.${i & 255}`,
  caps.peers + EXPIRED,
);
state.roomMade.clear();
verdictIs('full-pair an answer for which there is no room is refused', 'refuse', learnPair());
claim('full-pair what was refused is not taken for learned', () => {
  same([state.pairs.sets.get('skype 4')?.size, state.taught.get('skype_peer4')?.size ?? 0], [0, 0]);
});
await pause(1000);
verdictIs('full-pair room is made: asked again, it is released', 'release', learnPair());
await has('full-pair and the kernel has it', 'skype_peer4', '192.168.1.11 . 203.0.113.8');

await nft('delete table inet whp\n');
const without = resolve('x.skype.com', [203, 0, 113, 9], false);
verdictIs('full-none without a table no answer that teaches is released', 'refuse', without);
finish();
