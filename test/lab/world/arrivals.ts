// A device on which the application goes on opening connections: a name is asked for, and the moment its
// answer is there a TCP connection and a datagram leave for the address, over and over, each beginning at
// its time whatever became of those before. Fault sessions start it to see what happens to a name that is
// resolved meanwhile, or (`known`) to one that was resolved before.
// Usage: arrivals DEVICE DIRECTORY FIRST COUNT MILLISECONDS WAY SERVER [WARM]
//   Names are freshFIRST.skype.com and those after it, each at an address of its own (plan.ts), one every
//   MILLISECONDS, COUNT at most; asked from SERVER.
//   WAY udp    a socket a question
//       fixed  one socket with a fixed port for all of them
//       tcp    one TCP connection for all of them, until it is ended
//       known  only the first name is asked for, once; every arrival goes to its address
//   WARM milliseconds of questions for other people's names come first, over the same socket or connection.
// Prints "started" with the first question for a name of the application, "warm" with the first other one,
// and at its end (COUNT, or SIGTERM) one line of JSON: {asked, answered, connected, silence}; silence is the
// longest time between an arrival's beginning and its answer, milliseconds.
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { type Client, converse, noteFlow } from './client.ts';
import { sleep, waitFor } from './clock.ts';
import { decodeAnswer, encodeQuery, TYPE } from './dns-message.ts';
import { openLogbook, say } from './logbook.ts';
import { EVERY_DEVICE } from './plan.ts';
import { randomFrom, seedOf } from './random.ts';
import { anyLike, type Datagrams, openDatagrams } from './socket.ts';
import { encodeSpeech, VERB } from './speech.ts';
import { armStream, connectStream } from './stream.ts';

const [
  ,
  device = '',
  directory = '/tmp',
  firstText = '0',
  countText = '1',
  paceText = '500',
  way = 'udp',
  server = '192.168.1.1',
  warmText = '0',
] = scriptArgs;
const [first, count, pace, warm] = [firstText, countText, paceText, warmText].map(Number) as [
  number,
  number,
  number,
  number,
];
const RESOLVER = { address: server, port: 53 };
/** Milliseconds after which a name whose answer does not come is asked for again, as Windows does. */
const AGAIN: readonly number[] = [1000, 1000, 2000, 4000, 4000];
/** Milliseconds that the last ones may take when it is ended, and when COUNT is: as long as they ask again. */
const GRACE = 3000;
const PATIENCE = AGAIN.reduce((sum, pause) => sum + pause, GRACE);
const WARM_PACE = 100;

const index = EVERY_DEVICE.findIndex((one) => one.name === device);
const client: Client = {
  log: openLogbook(`${directory}/arrivals-${device}-${first}.jsonl`),
  random: randomFrom(seedOf(`${first}/${device}/arrivals`)),
  device,
  index,
  session: `arrivals-${first}`,
  number: first & 0xff,
};
const done = { asked: 0, answered: 0, connected: 0, silence: 0 };
let stopped = false;
let pending = 0;

interface Way {
  ask(id: number, name: string): void;
  /** Nothing more is asked under this number. */
  forget(id: number): void;
}
const waiting = new Map<number, (address: string | undefined) => void>();

function onAnswer(bytes: Uint8Array): void {
  const answer = decodeAnswer(bytes);
  if (answer !== undefined) waiting.get(answer.id)?.(answer.addresses[0]);
}

/** A socket a name, as a resolver's client has: the answer to any of its questions will do. */
function separateSockets(): Way {
  const sockets = new Map<number, Datagrams>();
  return {
    ask(id, name) {
      let socket = sockets.get(id);
      if (socket === undefined) {
        socket = openDatagrams('neutral', anyLike(server), onAnswer);
        sockets.set(id, socket);
      }
      socket.send(RESOLVER, encodeQuery(id, name, TYPE.A));
    },
    forget(id) {
      sockets.get(id)?.close();
      sockets.delete(id);
    },
  };
}

/** How questions leave, by WAY. */
async function openWay(): Promise<Way> {
  if (way === 'udp' || way === 'known') return separateSockets();
  const forget = (): void => {};
  if (way === 'fixed') {
    const socket = openDatagrams('neutral', { address: '0.0.0.0', port: 5533 }, onAnswer);
    return { ask: (id, name) => socket.send(RESOLVER, encodeQuery(id, name, TYPE.A)), forget };
  }
  return { ask: oneStream(), forget };
}

type Stream = Awaited<ReturnType<typeof connectStream>>;

/** One connection, and another when that one was ended. */
function oneStream(): Way['ask'] {
  let open: Promise<Stream> | null = null;
  const gone = (): void => {
    open = null;
  };
  const connect = async (): Promise<Stream> => {
    const stream = await connectStream(RESOLVER, 'neutral', () => {});
    receive(stream).then(gone, gone);
    return stream;
  };
  return (id, name) => {
    const query = encodeQuery(id, name, TYPE.A);
    const message = Uint8Array.from([query.length >> 8, query.length & 255, ...query]);
    open ??= connect();
    open.then((stream) => stream.write(message)).catch(gone);
  };
}

async function receive(stream: Stream): Promise<void> {
  let bytes = new Uint8Array(0) as Uint8Array;
  for (;;) {
    const more = await stream.read(600_000);
    if (more.length === 0) return;
    bytes = Uint8Array.from([...bytes, ...more]);
    for (;;) {
      const length = bytes.length < 2 ? 65_535 : (bytes[0]! << 8) | bytes[1]!;
      if (bytes.length < length + 2) break;
      onAnswer(bytes.slice(2, length + 2));
      bytes = bytes.slice(length + 2);
    }
  }
}

/** The address of `name`, asked for until there is one. */
function resolve({ ask, forget }: Way, id: number, name: string): Promise<string | undefined> {
  return new Promise((settle) => {
    let tries = 0;
    let timer: ReturnType<typeof os.setTimeout> | undefined;
    const done = (address: string | undefined): void => {
      if (timer !== undefined) os.clearTimeout(timer);
      waiting.delete(id);
      forget(id);
      settle(address);
    };
    const again = (): void => {
      const pause = AGAIN[tries];
      if (pause === undefined) {
        done(undefined);
        return;
      }
      tries += 1;
      timer = os.setTimeout(again, pause);
      ask(id, name);
    };
    waiting.set(id, (address) => {
      if (address !== undefined) done(address);
    });
    again();
  });
}

/** A SYN and a datagram in the moment in which the address is known. */
async function speak(address: string): Promise<void> {
  const to = { address, port: 443 };
  const { port, fire } = armStream(to, 'application');
  noteFlow(client, 'arrival', 'tcp', port, to, 'application');
  const who = { device: index, session: first & 0xff };
  const connecting = fire();
  const socket = openDatagrams('application', undefined, () => {});
  socket.send({ address, port: 3478 }, encodeSpeech({ ...who, verb: VERB.punch }, 60));
  try {
    const stream = await converse(connecting, 'tls', { ...who, verb: VERB.ask, size: 200 });
    done.connected += 1;
    stream.close();
  } finally {
    socket.close();
  }
}

async function arrive(names: Way, number: number, known: string | undefined): Promise<void> {
  const began = Date.now();
  done.asked += 1;
  const address = known ?? (await resolve(names, number & 0xffff, `fresh${number}.skype.com`));
  done.silence = Math.max(done.silence, Date.now() - began);
  if (address === undefined) return;
  done.answered += 1;
  await speak(address);
}

function finish(grace: number): void {
  stopped = true;
  void waitFor(() => pending === 0, grace).then(() => {
    say(JSON.stringify(done));
    std.exit(0);
  });
}

async function main(): Promise<void> {
  const names = await openWay();
  const over = Date.now() + warm;
  for (let id = 60_000; Date.now() < over; id += 1) {
    names.ask(id, `www.shop${id % 40}.example`);
    if (id === 60_000) say('warm');
    await sleep(WARM_PACE);
    names.forget(id);
  }
  const known = way === 'known' ? await resolve(names, 1, `fresh${first}.skype.com`) : undefined;
  if (way === 'known' && known === undefined) throw new Error('no answer');
  say('started');
  const from = Date.now();
  for (let number = 0; number < count && !stopped; number += 1) {
    pending += 1;
    void arrive(names, first + number, known)
      .catch((error: unknown) => client.log.note({ event: 'problem', what: String(error) }))
      .then(() => {
        pending -= 1;
      });
    await sleep(from + (number + 1) * pace - Date.now());
  }
  if (!stopped) finish(PATIENCE);
}

os.signal(os.SIGTERM, () => finish(GRACE));
main().catch((error: unknown) => {
  say(`arrivals ${device}: ${error instanceof Error ? error.message : error}`);
  std.exit(1);
});
