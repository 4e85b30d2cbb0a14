// learn/kept-text, kept-sets: the file of learned elements, mutated. What is accepted is written again as the
// same text, within its bounds, and only public addresses enter a set.
import { restoreSets } from '../../../agent/src/learn/kept-sets.ts';
import { keptSets, keptText, MOST_BYTES } from '../../../agent/src/learn/kept-text.ts';
import { heldElements } from '../../../agent/src/learn/snapshot.ts';
import { addressOf, pairOf } from '../../../agent/src/ruleset/elements.ts';
import { createState } from '../../../agent/src/step/state.ts';
import { isRoutableText } from '../../../agent/src/wire/address.ts';
import { bytesIn } from '../../../agent/src/wire/hex.ts';
import { policyFrom } from '../../fixtures/policies.ts';
import { bytesOf, kindOf, must, type Target, textOf } from '../target.ts';

const POLICY = policyFrom({});
const LINES = [
  'set skype_udp4',
  'c0a8010b32dd0000 5000',
  'set skype_peer4',
  'c0a8010b5db8d822 60',
  'set skype_peer6',
  `fd000000000000000000000000000011${'2a00'.padEnd(32, '1')} 60`,
  'set skype_addr4',
  '5db8d828 86000 192.168.1.11 api.skype.com',
  '0a000001 900',
];
const fileOf = (lines: readonly string[]): string =>
  ['whp learned 1', ...lines, `end ${lines.length + 1}`, ''].join('\n');

export const kept: Target = {
  name: 'kept',
  weight: 1,
  seeds: [bytesOf(fileOf(LINES)), bytesOf(fileOf([]))],
  words: ['\n', ' ', 'set ', 'end ', 'skype_tcp6', 'skype_hello4', '0', '7f000001', '31536000'],
  mend(bytes, length, random) {
    // Corrects the count at the end, which most mutations break: without that no other layer is reached.
    if (random.once(6)) return length;
    const body = textOf(bytes.subarray(0, length)).split('\n');
    const lines = body.filter((line) => !/^(?:end|whp)/.test(line) && line !== '');
    const text = fileOf(lines);
    if (text.length > 0xffff) return length;
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    return text.length;
  },
  run(input) {
    const read = keptSets(textOf(input));
    if (!read.ok) return kindOf(read.what);
    const sets = read.value;
    const text = keptText(sets);
    must(text.length <= MOST_BYTES, 'larger than it may be');
    const again = keptSets(text);
    must(again.ok && keptText(again.value) === text, 'not the same when read again');
    const state = createState(POLICY, () => false);
    const { taken, left } = restoreSets(state, POLICY.apps, sets, () => false, 0);
    must(taken >= 0 && left >= 0, 'a count below nothing');
    for (const [set, elements] of heldElements(state, 0)) {
      for (const { key, left: life } of elements) {
        must(life > 0 && life <= 86_400_000, 'a lease beyond the profile');
        if (/_(?:udp|tcp)/.test(set)) continue;
        const remote = set.includes('_addr') ? addressOf(bytesIn(key)) : pairOf(bytesIn(key))?.peer;
        // A key of another width is left out when the set is written.
        if (remote) must(isRoutableText(remote), `${remote} in ${set}`);
      }
    }
    return `kept ${sets.size} ${Math.min(9, taken)} ${Math.min(9, left)}`;
  },
};
