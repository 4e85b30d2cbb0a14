// What a script asks: the exit status of `whp status --quiet` in each state of the proxy and of the owner's choices.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { config, type Home, pause, startHome } from '../fixtures/netns-home.ts';

let home: Home;
test.before(async () => {
  home = await startHome(`whp-quiet-${process.pid}`);
});
test.after(() => home.stop());

const only = (fallback: string, more = ''): string => config({ fallback, proxies: ['a'] }) + more;
const DEAD = 'add table ip x; add chain ip x i { type filter hook input priority 0; policy drop; }';
const kill = (): string => home.run('proxya', 'nft', DEAD);
const revive = (): string => home.run('proxya', 'nft', 'delete table ip x');

/** Asks until the status is `wanted`, for ten seconds; nothing is printed. */
async function quiet(wanted: number, why: string): Promise<void> {
  let end = home.tell('status', '--quiet');
  for (let waited = 0; end.status !== wanted && waited < 10_000; waited += 100) {
    await pause(100);
    end = home.tell('status', '--quiet');
  }
  assert.is(end.status, wanted, `${why}: ${home.tell('status').out}`);
  if (wanted !== 3) assert.equal([end.out, end.err], ['', '']);
}

test('0 while the app is proxied, or direct by its schedule', async () => {
  await home.startAgent(only('block'));
  await quiet(0, 'up');
  const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
  const elsewhen = `  list schedule '${days[(new Date().getUTCDay() + 2) % 7]!} 10:00-11:00'\n`;
  home.reload(only('block', elsewhen));
  await quiet(0, 'schedule');
  home.reload(only('block'));
});

test('5 while the app is paused, refused, direct by its fallback, or there is none', async () => {
  home.whp('pause', '1');
  await quiet(5, 'paused');
  home.whp('resume');
  await quiet(0, 'resumed');
  kill();
  await quiet(5, 'refused');
  home.reload(only('direct'));
  await quiet(5, 'fallback direct');
  revive();
  await quiet(0, 'up again');
  home.reload(config({ enabled: false }));
  await quiet(5, 'no app');
});

test('5 while DNS answers are not held though they should be', async () => {
  home.reload(only('block').replace("hold '0'", "hold '1'"));
  const holds = /queue/.test(home.run('router', 'nft', 'list', 'table', 'inet', 'whp'));
  await quiet(holds ? 0 : 5, 'hold');
});

test('3 without an agent', async () => {
  await home.stopAgent();
  await quiet(3, 'no agent');
});

test.run();
