// The steps of one session of the app, each one behaviour of the real client. A step resolves if it worked for
// the user (a call must work, not only not leak) and rejects with a reason. Every flow is logged with its tag
// before its first packet.
import * as os from 'qjs:os';
import {
  strangersRequest as awaitStranger,
  type Client,
  converse,
  exchange,
  insist,
  lookUp,
  mapPort,
  noteFlow,
  readExactly,
  type Talker,
} from './client.ts';
import { sleep, waitFor } from './clock.ts';
import { SESSION_NAMES } from './names.ts';
import type { Caller } from './notices.ts';
import { type Endpoint, LOGIN_SERVERS } from './plan.ts';
import { openDatagrams } from './socket.ts';
import {
  ANSWER,
  decodeSpeech,
  encodeOpening,
  encodeSpeech,
  quantityAddress,
  VERB,
} from './speech.ts';
import { armStream, connectStream } from './stream.ts';

export const FILE_BYTES = 3_000_000;
/** Share of media packets that must come back for a call to count as working. */
const AUDIBLE = 0.8;

export interface Scene {
  readonly client: Client;
  /** The P2P socket. */
  readonly talker: Talker;
  readonly caller: Caller;
  /** Sockets of the programs beside this one. */
  readonly internet: string;
  readonly noise: string | undefined;
  readonly supernodes: readonly Endpoint[];
  readonly callee: Endpoint;
  readonly calleeMedia: Endpoint;
  readonly callerPeer: Endpoint;
  readonly callerMedia: Endpoint;
  readonly stranger: Endpoint;
  /** When the last application name was asked for, milliseconds of Date.now(). */
  askedAt: number;
}

const who = (scene: Scene) => ({ device: scene.client.index, session: scene.client.number });

function noteP2p(scene: Scene, step: string, remote: Endpoint): void {
  noteFlow(scene.client, step, 'udp', scene.talker.socket.port, remote, 'application');
}

/** DNS burst; web services are contacted the moment their name resolves. */
export async function dnsBurst(scene: Scene, names: readonly string[]): Promise<void> {
  const { client } = scene;
  const contact = async (name: string, follow: boolean): Promise<void> => {
    scene.askedAt = Date.now();
    const answer = await lookUp(client, name);
    const address = answer.addresses[0];
    if (address === undefined) throw new Error(`DNS ${name}: no address, rcode ${answer.rcode}`);
    if (!follow) return;
    const size = client.random.between(60, 1200);
    const speech = { ...who(scene), verb: VERB.ask, size };
    (await exchange(client, 'dns', { address, port: 443 }, 'tls', speech)).close();
  };
  await Promise.all(names.map((name, i) => contact(name, i < 3)));
}

/** Names of this start: services (the first three are contacted) and two supernode names. */
export function startNames(scene: Scene, withSupernodes: boolean): string[] {
  const { random } = scene.client;
  const services = random.sample(SESSION_NAMES, 6);
  const dsn = [0, 0].map(() => `dsn${random.between(0, 17)}.d.skype.net`);
  return withSupernodes ? [...services, ...dsn] : services;
}

/** TCP to a supernode out of the cache, in the same moment as the first DNS request. */
export async function cachedSupernode(scene: Scene): Promise<void> {
  const { client, supernodes } = scene;
  const speech = { ...who(scene), verb: VERB.ask, size: client.random.between(40, 250) };
  (await exchange(client, 'cached', supernodes[0]!, 'plain', speech)).close();
}

/** UDP probes of 18-37 bytes, byte 2 = 02, from the P2P port to some twenty supernodes. */
export async function probes(scene: Scene): Promise<void> {
  const { client, talker, supernodes } = scene;
  const answers: Promise<boolean>[] = [];
  for (const supernode of supernodes) {
    noteP2p(scene, 'probes', supernode);
    const size = client.random.between(18, 60);
    const speech = { ...who(scene), verb: VERB.ask, size, delay: client.random.between(0, 30) };
    const length = client.random.between(18, 37);
    answers.push(talker.ask(supernode, speech, length, 3000).then((heard) => heard !== undefined));
    await sleep(30);
  }
  const count = (await Promise.all(answers)).filter(Boolean).length;
  if (count < supernodes.length * AUDIBLE) {
    throw new Error(`${count} of ${supernodes.length} supernodes answered`);
  }
}

/** Tells a supernode, and so the directory, where this user is. */
export async function register(scene: Scene): Promise<void> {
  const supernode = scene.supernodes[1]!;
  noteP2p(scene, 'register', supernode);
  const speech = { ...who(scene), verb: VERB.register, size: 24 };
  await insist(scene.talker, supernode, speech, 30);
}

/** SSDP for a gateway, then the P2P port's mapping (RFC 6886). */
export async function mapping(scene: Scene): Promise<void> {
  const { talker } = scene;
  const search =
    'M-SEARCH * HTTP/1.1\r\nST: urn:schemas-upnp-org:service:WANIPConnection:1\r\n\r\n';
  const socket = openDatagrams('unrelated', undefined, () => {});
  socket.send(
    { address: '239.255.255.250', port: 1900 },
    Uint8Array.from(search, (c) => c.charCodeAt(0)),
  );
  socket.close();
  await mapPort(talker);
}

export async function login(scene: Scene): Promise<void> {
  const { client } = scene;
  const speech = { ...who(scene), verb: VERB.ask, size: client.random.between(30, 200), delay: 20 };
  (await exchange(client, 'login', client.random.pick(LOGIN_SERVERS), 'login', speech)).close();
}

export async function hello443(scene: Scene): Promise<void> {
  const to = { address: scene.supernodes[2]!.address, port: 443 };
  const speech = { ...who(scene), verb: VERB.ask, size: 79 };
  (await exchange(scene.client, 'hello443', to, 'hello443', speech)).close();
}

/** Voice both ways, 50 packets a second, from a random port to `to`. */
async function media(scene: Scene, step: string, to: Endpoint): Promise<void> {
  const { client } = scene;
  let heardBack = 0;
  const socket = openDatagrams('application', undefined, (bytes) => {
    if (decodeSpeech(bytes)?.verb === (VERB.media | ANSWER)) heardBack += 1;
  });
  noteFlow(client, step, 'udp', socket.port, to, 'application');
  const count = client.random.between(50, 90);
  const length = client.random.between(60, 170);
  const started = Date.now();
  try {
    for (let serial = 0; serial < count; serial += 1) {
      const speech = { ...who(scene), verb: VERB.media, size: length, serial };
      socket.send(to, encodeSpeech(speech, length, serial, 0x0d));
      await sleep(started + serial * 20 - Date.now());
    }
    await waitFor(() => heardBack === count, 1500);
  } finally {
    socket.close();
  }
  if (heardBack < count * AUDIBLE) throw new Error(`${heardBack} of ${count} media packets back`);
}

/** Rendezvous from the P2P port, then voice. */
export async function callOut(scene: Scene): Promise<void> {
  const { callee, calleeMedia, talker } = scene;
  noteP2p(scene, 'call-out', callee);
  await insist(talker, callee, { ...who(scene), verb: VERB.rendezvous, size: 34 }, 28);
  await media(scene, 'call-out', calleeMedia);
}

export async function chat(scene: Scene): Promise<void> {
  const { client, callee } = scene;
  const size = client.random.between(30, 300);
  const speech = { ...who(scene), verb: VERB.chat, size };
  const stream = await exchange(client, 'chat', callee, 'plain', speech);
  try {
    await stream.write(encodeOpening('plain', speech));
    await readExactly(stream, size);
  } finally {
    stream.close();
  }
}

/** 3 MB to the peer over TCP, done when the peer says that it has all of it. */
export async function file(scene: Scene): Promise<void> {
  const { client, callee } = scene;
  const stream = await connectStream(callee, 'application', (port) =>
    noteFlow(client, 'file', 'tcp', port, callee, 'application'),
  );
  try {
    const address = quantityAddress(FILE_BYTES);
    await stream.write(
      encodeOpening('plain', { ...who(scene), verb: VERB.file, size: 24, address }),
    );
    const block = new Uint8Array(32768).fill(0x33);
    for (let left = FILE_BYTES; left > 0; left -= block.length) {
      await stream.write(block.subarray(0, Math.min(left, block.length)), 20_000);
    }
    await readExactly(stream, 24, 30_000);
  } finally {
    stream.close();
  }
}

/** A supernode announces the call; both ends send from their P2P ports until they hear the other
 * (the peer to the address the directory knows), then voice. */
export async function callIn(scene: Scene): Promise<void> {
  const { callerPeer, callerMedia, client, talker } = scene;
  const supernode = client.random.pick(scene.supernodes);
  noteP2p(scene, 'call-in', supernode);
  let rung = false;
  talker.onOther = (heard, from) => {
    if (heard.verb === VERB.ring && from.address === callerPeer.address) rung = true;
  };
  await insist(
    talker,
    supernode,
    { ...who(scene), verb: VERB.callIn, size: 70, ...callerPeer },
    40,
  );
  noteP2p(scene, 'call-in', callerPeer);
  for (let tries = 0; tries < 30 && !rung; tries += 1) {
    talker.socket.send(callerPeer, encodeSpeech({ ...who(scene), verb: VERB.punch }, 30));
    await waitFor(() => rung, 120);
  }
  talker.onOther = () => {};
  if (!rung) throw new Error(`${callerPeer.address}: its ring never came through`);
  talker.socket.send(callerPeer, encodeSpeech({ ...who(scene), verb: VERB.ring | ANSWER }, 30));
  await media(scene, 'call-in', callerMedia);
}

async function hush(scene: Scene, request: 'quiet' | 'resume'): Promise<void> {
  if (scene.noise !== undefined) await scene.caller.call(scene.noise, request, 15_000);
}

/** A stranger's request (IP length 329-339 from a supernode) and the contact that follows it, from
 * a random port, at once. New unrelated flows pause: by the rule they would be proxied too. */
export async function strangersRequest(scene: Scene): Promise<void> {
  const { client, stranger, talker } = scene;
  const supernode = client.random.pick(scene.supernodes);
  noteP2p(scene, 'stranger', supernode);
  await hush(scene, 'quiet');
  const contact = client.random.fraction() < 0.5 ? armChat(scene) : armMeeting(scene);
  try {
    const size = client.random.between(301, 311);
    const speech = { ...who(scene), verb: VERB.stranger, size, ...stranger };
    await awaitStranger(talker, supernode, speech);
    await contact();
    await sleep(450);
  } finally {
    await hush(scene, 'resume');
  }
}

/** Prepares a TCP contact; the SYN leaves when the result is called. */
function armChat(scene: Scene): () => Promise<void> {
  const { client, stranger } = scene;
  const { port, fire } = armStream(stranger, 'application');
  noteFlow(client, 'stranger', 'tcp', port, stranger, 'application');
  const speech = { ...who(scene), verb: VERB.chat, size: 40 };
  return async () => (await converse(fire(), 'plain', speech)).close();
}

/** Prepares a UDP contact; its first packet leaves when the result is called. */
function armMeeting(scene: Scene): () => Promise<void> {
  const { client, stranger } = scene;
  let answered = false;
  const socket = openDatagrams('application', undefined, () => {
    answered = true;
  });
  noteFlow(client, 'stranger', 'udp', socket.port, stranger, 'application');
  const bytes = encodeSpeech({ ...who(scene), verb: VERB.ask, size: 40 }, 30);
  return async () => {
    for (let tries = 0; tries < 4 && !answered; tries += 1) {
      socket.send(stranger, bytes);
      await waitFor(() => answered, 700);
    }
    os.setTimeout(() => socket.close(), 200);
    if (!answered) throw new Error(`stranger ${stranger.address}: no answer`);
  };
}
