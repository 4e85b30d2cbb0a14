// Runs in the host in a fresh network namespace, with real queues and log groups: what the host program deals with
// alone, and what it leaves to the script. One line a claim.
import * as os from 'qjs:os';
import * as sys from 'whp:socket';
import { glance } from '../../agent/src/kernel/glance.ts';
import { endsOf } from '../../agent/src/learn/asked-questions.ts';
import { runProgram } from '../../agent/src/os/process.ts';
import { compile } from '../../agent/src/ruleset/compile/compile.ts';
import { EXPIRED } from '../../agent/src/ruleset/compile/sets.ts';
import { renderLoad } from '../../agent/src/ruleset/render.ts';
import { createState } from '../../agent/src/step/state.ts';
import { byteString } from '../../agent/src/wire/hex.ts';
import { decodePacket } from '../../agent/src/wire/packet.ts';
import { answerTo, queryFor } from '../fixtures/dns.ts';
import { policyFrom } from '../fixtures/policies.ts';
import { realKernel } from '../lib/kernel.ts';
import { claimLater, finish, holds, Skip, same } from './claims.ts';
import { inetAddress, openUdp, receiveUdp } from './udp.ts';

const loaded = await runProgram(['nft', '-f', '-'], {
  input: `table inet whpt { chain out { type filter hook output priority 0;
    udp dport { 5453, 5454 } log prefix "whp:query" group 5310
  }; }`,
});
if (loaded.status !== 0) throw new Error(loaded.stderr);
const queued = await runProgram([
  'nft',
  'add rule inet whpt out udp sport 5453 queue num 5310 bypass',
]);
const behind = await runProgram([
  'nft',
  'add rule inet whpt out udp sport 5454 queue num 5312 bypass',
]);
await runProgram(['ip', 'link', 'set', 'lo', 'up']);
const kernel = realKernel();
const state = createState(policyFrom({}), () => false, null, glance.asked);
glance.look(state, []);

const resolver = openUdp(5453);
const crowd = openUdp(5454);
const device = openUdp(40000);
let called: string[] = [];
/** The last byte of each answer that the script was called for: of its last address. */
let lasts: number[] = [];
const opened = kernel.feeds.answers(5310, (id, { bytes, end }) => {
  called.push(id === null ? 'taught' : 'answer');
  lasts.push(bytes[end - 1]!);
  if (id !== null) answers.release(id);
});
const listened = kernel.feeds.announced(
  5310,
  (prefix, _, __, ___, ____, isNoted) => called.push(isNoted ? `${prefix}, noted` : prefix),
  () => called.push('lost'),
  undefined,
  'queries',
);
if (!opened.ok || !listened.ok) throw new Error('no queue or no log group');
const answers = opened.value;
const announced = listened.value;

const A = { name: '@12', type: 1, rdata: [203, 0, 113, 7] };

function send(from: number, to: number, message: Uint8Array): void {
  const bytes = message.slice().buffer;
  sys.sendto(from, bytes, 0, bytes.byteLength, 0, inetAddress('127.0.0.1', to));
}

/** Sends and waits; returns how many datagrams arrived at the other end. */
async function passed(from: number, to: number, messages: readonly Uint8Array[]): Promise<number> {
  called = [];
  lasts = [];
  for (const message of messages) send(from, to, message);
  await new Promise<void>((done) => os.setTimeout(done, 150));
  let arrived = 0;
  while (receiveUdp(to === 5453 ? resolver : device, 5) !== null) arrived += 1;
  return arrived;
}

const asks = (...messages: Uint8Array[]) => passed(device, 5453, messages);
const needQueue = (): void => {
  if (queued.status !== 0) throw new Skip('this kernel has no nft queue');
};
const answered = (...messages: Uint8Array[]) => {
  needQueue();
  return passed(resolver, 40000, messages);
};
const answeredBehind = (...messages: Uint8Array[]) => {
  if (behind.status !== 0) throw new Skip('this kernel has no nft queue');
  return passed(crowd, 40000, messages);
};
const many = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

await claimLater(
  'strangers’ answers pass without a call of the script, and are counted',
  async () => {
    const messages = many(20, (i) => answerTo(`n${i}.example.org`, [A]));
    same([await answered(...messages), called, answers.takeGlanced()], [20, [], 20]);
    same(answers.takeGlanced(), 0);
  },
);

await claimLater('an application’s answer is the script’s, between strangers', async () => {
  const messages = many(9, (i) => answerTo(i === 4 ? 'ui.skype.com' : `n${i}.example.org`, [A]));
  same([await answered(...messages), called, answers.takeGlanced()], [9, ['answer'], 8]);
});

await claimLater('a whole queue of strangers at once: none is lost', async () => {
  const messages = many(128, (i) => answerTo(`n${i}.example.org`, [A]));
  const arrived = await answered(...messages);
  const [dealt, left] = [answers.takeGlanced(), called.filter((one) => one === 'answer').length];
  same([arrived, dealt + left, left], [128, 128, 0]);
  holds(!answers.isBehind(), 'behind, with an empty queue');
  same(answers.takeDropped(), 0);
});

await claimLater('answers that find no room in the queue are counted once', async () => {
  // The script holds those that nobody asked for, and has no turn while it sends.
  const messages = many(140, () => answerTo('ui.skype.com', [A]));
  const arrived = await answered(...messages);
  same([arrived, answers.takeGlanced(), called.length], [128, 0, 128]);
  same([answers.takeDropped(), answers.takeDropped()], [12, 0]);
});

await claimLater(
  'the crowd’s strangers pass without a call, an application’s answer with one',
  async () => {
    const messages = many(9, (i) => answerTo(i === 4 ? 'ui.skype.com' : `n${i}.example.org`, [A]));
    same([await answeredBehind(...messages), called, answers.takeGlanced()], [9, ['answer'], 8]);
  },
);

await claimLater(
  'strangers’ queries are noted without a call, and their answers found',
  async () => {
    const query = queryFor('www.example.org');
    same([await asks(query), called, announced.takeGlanced()], [1, [], 1]);
    const packet = answerPacket('www.example.org');
    const found = glance.asked.find(
      packet,
      endsOf(read(packet))!,
      packet,
      28,
      packet.length,
      sys.monotonic(),
    );
    holds(found !== null && sys.monotonic() - found.at < 1000, 'not noted, or long ago');
    const other = answerPacket('www.example.net');
    same(
      glance.asked.find(other, endsOf(read(other))!, other, 28, other.length, sys.monotonic()),
      null,
    );
  },
);

await claimLater('a query for an application is noted, and the script’s as well', async () => {
  same(
    [await asks(queryFor('ui.skype.com')), called, announced.takeGlanced()],
    [1, ['whp:query, noted'], 0],
  );
});

const policy = policyFrom({ globals: { queue: 5320, group: 5320 } });
const told = answerTo('ui.skype.com', [A]);
const nft = async (text: string): Promise<void> => {
  const { status, stderr } = await runProgram(['nft', '-f', '-'], { input: text });
  if (status !== 0) throw new Error(stderr);
};
/** What is called for an answer that was asked for. */
const calledFor = async (message: Uint8Array): Promise<string[]> => {
  await asks(queryFor('ui.skype.com'));
  same(await answered(message), 1);
  return called;
};
/** The script adds an element of its own, which proves that packets do. */
const teachOne = (last: number): void => {
  const elements = [{ key: Uint8Array.of(203, last >> 8, 113, last), timeout: 310_000 }];
  same(kernel.sets.teach([{ operation: 'renew', set: 'skype_addr4', elements }]), null);
};
const leaseOf = (last: number): number => {
  const found = kernel.sets.read('skype_addr4');
  const its = found.ok ? found.value.find(({ key }) => key[1] === 0 && key[3] === last) : undefined;
  return Math.ceil((its?.expiration ?? 0) / 1000);
};

await claimLater(
  'an application’s answer is in the set before it leaves, for the longest lease',
  async () => {
    await nft(renderLoad(compile(policy)));
    same(await calledFor(told), ['answer'], 'before the script has taught');
    teachOne(8);
    same([await calledFor(told), leaseOf(7) > 86400], [['taught'], true]);
  },
);

const tells = (last: number) => answerTo('ui.skype.com', [{ ...A, rdata: [203, 0, 113, last] }]);
/** No turn of the event loop: the thread works, and the script reads nothing. */
const wait = (): void => {
  const until = sys.monotonic() + 300;
  while (sys.monotonic() < until);
};

await claimLater('an answer of the crowd is taught too', async () => {
  needQueue();
  await passed(device, 5454, [queryFor('ui.skype.com')]);
  same([await answeredBehind(tells(20)), called, leaseOf(20) > 86400], [1, ['taught'], true]);
});

await claimLater('the script reads what was taught in the order of the elements', async () => {
  needQueue();
  await passed(device, 5454, [queryFor('ui.skype.com')]);
  await asks(queryFor('ui.skype.com'));
  for (const [from, last] of [
    [crowd, 21],
    [resolver, 22],
  ] as const) {
    send(from, 40000, tells(last));
    wait();
  }
  lasts = [];
  await new Promise<void>((done) => os.setTimeout(done, 100));
  same([receiveUdp(device, 5) !== null, receiveUdp(device, 5) !== null], [true, true]);
  same(lasts, [21, 22]);
});

await claimLater('one that nobody asked for is the script’s', async () => {
  const other = answerTo('ui.skype.com', [A]);
  other[0] = 0x77;
  same([await answered(other), called], [1, ['answer']]);
});

await claimLater('what was taught and not read is not deleted', async () => {
  needQueue();
  await asks(queryFor('ui.skype.com'));
  for (const message of [told]) send(resolver, 40000, message);
  wait();
  const key = Uint8Array.of(203, 0, 113, 7);
  const isUnread = (): boolean => kernel.sets.isUnread('skype_addr4', byteString(key));
  const others = Uint8Array.of(203, 0, 113, 6);
  same([isUnread(), kernel.sets.isUnread('skype_addr4', byteString(others))], [true, false]);
  const gone = [{ key }];
  const forget = [{ operation: 'delete', set: 'skype_addr4', elements: gone }] as const;
  same(kernel.sets.teach(forget), null);
  holds(leaseOf(7) > 86400, 'deleted');
  same(await passed(resolver, 40000, []), 1);
  holds(!isUnread(), 'read');
  same(kernel.sets.teach(forget), null);
  await new Promise<void>((done) => os.setTimeout(done, 50));
  same(leaseOf(7), 0);
});

await claimLater(
  'while a table is loaded, and after the change of another program, the script decides',
  async () => {
    needQueue();
    kernel.sets.teachAlone(true);
    teachOne(8);
    same(await calledFor(told), ['answer']);
    kernel.sets.teachAlone(false);
    teachOne(8);
    same(await calledFor(told), ['taught']);
    await nft('add table inet another');
    same(await calledFor(told), ['answer']);
    teachOne(8);
    same(await calledFor(told), ['taught']);
  },
);

await claimLater('a full set is the script’s', async () => {
  needQueue();
  const full = policyFrom({
    profile: { caps: { endpoints: 1, ports: 64, peers: 64, devices: 64 } },
  });
  await nft(`delete table inet whp\n${renderLoad(compile(full))}`);
  for (let i = 0; i <= EXPIRED; i++) teachOne(100 + i);
  same([await calledFor(told), leaseOf(7)], [['answer'], 0]);
});

await claimLater(
  'a closed feed is the script’s no longer, and another one can be opened',
  async () => {
    answers.close();
    announced.close();
    const again = kernel.feeds.answers(5310, () => {});
    holds(again.ok, `not opened again: ${JSON.stringify(again)}`);
    if (again.ok) again.value.close();
    same(await answered(answerTo('www.example.org', [A])), 1);
  },
);

function read(packet: Uint8Array) {
  const decoded = decodePacket(packet);
  if ('malformed' in decoded) throw new Error(decoded.malformed);
  return decoded;
}

/** The answer from 127.0.0.1:5453 to port 40000. */
function answerPacket(name: string): Uint8Array {
  const message = answerTo(name, [A]);
  const length = message.length + 28;
  const ends = [127, 0, 0, 1, 127, 0, 0, 1, 5453 >> 8, 5453 & 255, 40000 >> 8, 40000 & 255];
  const head = [0x45, 0, length >> 8, length & 255, 0, 0, 0, 0, 64, 17, 0, 0, ...ends];
  const udp = length - 20;
  return Uint8Array.from([...head, udp >> 8, udp & 255, 0, 0, ...message]);
}

finish();
