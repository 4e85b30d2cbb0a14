// cli/arguments, answers/why, cli/text: a command line gives a command or a refusal, and every question of
// "why" gets one printable answer.
import { evidenceAnswer, flowAnswers, learnedAnswer } from '../../../agent/src/answers/flows.ts';
import { whyAnswer } from '../../../agent/src/answers/why.ts';
import { readArguments } from '../../../agent/src/cli/arguments.ts';
import { evidenceText, flowsText, learnedText, whyText } from '../../../agent/src/cli/text.ts';
import { createState } from '../../../agent/src/step/state.ts';
import { step } from '../../../agent/src/step/step.ts';
import { invalid, ok } from '../../../agent/src/syntax/result.ts';
import { span } from '../../fixtures/bytes.ts';
import { askedEvents } from '../../fixtures/dns-events.ts';
import { DNS_SEEDS } from '../../fixtures/dns-seeds.ts';
import { DEVICE, ROUTER, udp4 } from '../../fixtures/plain-packets.ts';
import { policy } from '../../fixtures/policies.ts';
import { surroundings } from '../../fixtures/surroundings.ts';
import { bytesOf, must, type Target, textOf } from '../target.ts';

const state = createState(policy, () => false);
for (const seed of DNS_SEEDS) {
  const bytes = udp4(ROUTER, 53, DEVICE, 40000, seed);
  for (const event of askedEvents(bytes)) step(state, event, 1000);
  step(state, { kind: 'evidence', mac: null, prefix: 'whp:range:skype', ...span(bytes) }, 1000);
}

const AROUND = surroundings({
  up: new Set(policy.proxies.map(({ name }) => name)),
  hosts: [{ mac: '02:00:00:00:00:11', address: '192.168.1.11', name: 'tv' }],
  isHome: (address) => address.startsWith('192.168.1.'),
});

const flowsOf = (flows: ReturnType<typeof flowAnswers>): string =>
  flows.ok ? flowsText({ rows: flows.value }) : flows.what;

export const question: Target = {
  name: 'question',
  weight: 4,
  seeds: [
    'why 192.0.2.1',
    'why udp 192.168.1.11:13021 > 198.51.100.7:443',
    'why udp 192.168.1.11:13021 198.51.100.7:443',
    '--json status',
    'help',
    'why 2a01::7',
    'why api.skype.com',
    'why tv',
    'why icmp 192.168.1.11 198.51.100.7',
  ].map(bytesOf),
  words: [
    'why ',
    'udp ',
    'tcp ',
    ' > ',
    '203.0.113.7',
    '[2a01::7]:53',
    ':443',
    '--json ',
    '--config=',
    '--',
    ' ',
  ],
  run(input) {
    const text = textOf(input);
    const command = readArguments(text.split(' '));
    const kernel = {
      readSet: () => ok([{ key: input.slice(0, 20), expiration: input.length }]),
      countSet: () => input.length,
      connections: () => invalid('none'),
    };
    const why = whyAnswer(state, kernel, text, AROUND);
    if (!why.ok) must(why.what !== '', 'refused without a reason');
    else must(whyText(why.value).endsWith('\n') && why.value.verdict !== '', 'no answer to why');
    const reasons = why.ok ? why.value.reasons.length : -1;
    const learned = learnedText(learnedAnswer(state, kernel, AROUND.names, 2000));
    const printed =
      evidenceText({ rows: evidenceAnswer(state, AROUND.names, 2000) }) +
      flowsOf(flowAnswers(state, kernel, AROUND, AROUND.names));
    must(!/undefined|NaN|\[object/.test(learned + printed), 'a hole in what is printed');
    must(!/\u00a0/.test(learned + printed), 'a tied blank is printed');
    if (command.ok) return `${command.value.name} ${command.value.json} ${reasons}`;
    must(
      command.problems.length === 1 && command.problems[0]!.what !== '',
      'refused without a reason',
    );
    return `${command.problems[0]!.what.slice(0, 20)} ${reasons}`;
  },
};
