// Choices of the owner during flows, with a running daemon in namespaces: the way of packets after `whp pause`,
// `resume`, `pin` and `unpin`, and the fate of existing flows.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  config,
  type Heard,
  type Home,
  MEDIA,
  OTHER,
  P2P,
  pause,
  startHome,
  type Talk,
  until,
} from '../fixtures/netns-home.ts';

let home: Home;
test.before(async () => {
  home = await startHome(`whp-choices-${process.pid}`);
  await home.startAgent(config({}));
});
test.after(() => home.stop());

const is = (word: string) => (one: Heard) => one.word === word;
const first = async (talk: Talk): Promise<string> => (await until(talk, () => true)).word;

test('a pause: new flows direct, live ones kept; resumed, those of the pause are cut and go on', async () => {
  const call = home.talk(P2P);
  await until(call, is('proxya'));
  home.whp('pause');
  const inPause = home.talk(5001);
  assert.is(await first(inPause), 'internet');
  home.whp('resume');
  const later = home.talk(5002);
  assert.is(await first(later), 'proxya');
  await until(inPause, is('proxya'), 2000);
  await pause(200);
  assert.ok(call.heard.every(is('proxya')));
  assert.is(inPause.heard.at(-1)!.word, 'proxya');
  for (const talk of [call, inPause, later]) talk.stop();
});

test('a pin: a new flow is proxied, the one under way is cut and goes on so; no other is', async () => {
  const direct = home.talk(6001, OTHER);
  const beside = home.talk(6002, MEDIA);
  assert.is(await first(direct), 'internet');
  assert.is(await first(beside), 'internet');
  home.whp('pin', OTHER);
  const pinned = home.talk(6003, OTHER);
  assert.is(await first(pinned), 'proxya');
  await until(direct, is('proxya'), 2000);
  home.whp('unpin', OTHER);
  const unpinned = home.talk(6004, OTHER);
  assert.is(await first(unpinned), 'internet');
  await pause(200);
  assert.ok(beside.heard.every(is('internet')));
  for (const talk of [direct, beside, pinned, unpinned]) talk.stop();
});

test.run();
