// The adversary's cases. Names and addresses are in names.ts and plan.ts; sessions are numbered
// from 200, which gives every case peers that nobody has met before.

import {
  type Client,
  exchange,
  fetchPage,
  insist,
  lookUp,
  lookUpTcp,
  noteFlow,
  openTalker,
  sendMapping,
  type Talker,
} from './client.ts';
import { sleep } from './clock.ts';
import { type DnsAnswer, encodeQuery, TYPE } from './dns-message.ts';
import { fastAddress } from './names.ts';
import type { Caller } from './notices.ts';
import {
  BYSTANDERS,
  type Endpoint,
  peerAddress,
  RESOLVER_ADDRESS,
  ROUTER_ADDRESS,
  SHARED_PEER_ADDRESS,
  SUPERNODES,
  strangerAddress,
  type Tag,
  WEB_PREFIX,
} from './plan.ts';
import { askAndPounce, openDatagrams, sendIcmp } from './socket.ts';
import { VERB } from './speech.ts';
import { armStream } from './stream.ts';

export interface Stage {
  readonly client: Client;
  readonly caller: Caller;
  readonly internet: string;
}
export type Attack = (stage: Stage) => Promise<void>;

/** The P2P port that two devices share, and that the neighbour uses for something else. */
const COMMON_PORT = 23456;
const FAST_TRIES = 20;
/** No application DNS request for this long closes every 4 s window. */
const WINDOW_OVER = 5000;

const who = ({ client }: Stage) => ({ device: client.index, session: client.number });

async function contact(stage: Stage, address: string, step = 'contact'): Promise<void> {
  const speech = { ...who(stage), verb: VERB.ask, size: 200 };
  (await exchange(stage.client, step, { address, port: 443 }, 'tls', speech)).close();
}

function only(answer: DnsAnswer, name: string): string {
  const address = answer.addresses[0];
  if (address === undefined) throw new Error(`DNS ${name}: no address, rcode ${answer.rcode}`);
  return address;
}

/** One UDP exchange of a talker, noted with its tag. */
async function meet(stage: Stage, talker: Talker, to: Endpoint, tag: Tag): Promise<void> {
  noteFlow(stage.client, 'contact', 'udp', talker.socket.port, to, tag);
  await insist(talker, to, { ...who(stage), verb: VERB.rendezvous, size: 40 }, 30);
}

async function openPeer(stage: Stage, role: string, tag: Tag, to: Endpoint): Promise<Endpoint> {
  await stage.caller.call(stage.internet, `open ${role} ${tag} ${to.address} ${to.port}`);
  return to;
}

function freshPeer(stage: Stage): Endpoint {
  const { index, number } = stage.client;
  return { address: peerAddress(index, number, 'out'), port: 24_000 + number };
}

/** Bystanders are never shared between cases: `slot` picks one per case and device. */
function bystander(stage: Stage, slot: number): Endpoint {
  return BYSTANDERS[(stage.client.index * 13 + slot) % BYSTANDERS.length]!;
}

/** The SYN leaves in the same instant in which the answer is read, without parsing it. */
async function fast(stage: Stage): Promise<void> {
  const { client } = stage;
  for (let index = 0; index < FAST_TRIES; index += 1) {
    const to = { address: fastAddress(index), port: 443 };
    const { port, fire } = armStream(to, 'application');
    noteFlow(client, 'fast', 'tcp', port, to, 'application');
    const query = encodeQuery(4000 + index, `fast${index}.skype.com`, TYPE.A);
    let stream: ReturnType<typeof fire> | undefined;
    const asked = askAndPounce({ address: ROUTER_ADDRESS, port: 53 }, query, 3000, () => {
      stream = fire();
    });
    if (!stream) throw new Error(`DNS fast${index}.skype.com: no answer`);
    client.log.note({
      event: 'pounce',
      session: client.session,
      queryPort: asked.port,
      remote: to.address,
      port,
    });
    (await stream).close();
    await sleep(60);
  }
}

/** Asks once, connects long after the answer's TTL (2 s) without asking again. */
async function cache(stage: Stage): Promise<void> {
  const address = only(await lookUp(stage.client, 'cache.skype.com'), 'cache.skype.com');
  await contact(stage, address);
  await sleep(8000);
  await contact(stage, address);
}

async function overTcp(stage: Stage): Promise<void> {
  await contact(stage, only(await lookUpTcp(stage.client, 'overtcp.skype.com'), 'overtcp'));
}

/** A resolver of its own choice, past the home's. */
async function foreign(stage: Stage): Promise<void> {
  const options = { server: RESOLVER_ADDRESS };
  await contact(stage, only(await lookUp(stage.client, 'foreign.skype.com', options), 'foreign'));
  const answer = await lookUpTcp(stage.client, 'foreigntcp.skype.com', RESOLVER_ADDRESS);
  await contact(stage, only(answer, 'foreigntcp'));
}

async function shout(stage: Stage): Promise<void> {
  await contact(stage, only(await lookUp(stage.client, 'SHOUT.SkYpE.CoM'), 'SHOUT.SkYpE.CoM'));
}

/** 60 addresses in one answer: the first, one in the middle and the last are contacted. */
async function crowd(stage: Stage): Promise<void> {
  const name = 'crowd.skype.com';
  let answer = await lookUp(stage.client, name, { udpSize: 4096 });
  if (answer.truncated) answer = await lookUpTcp(stage.client, name);
  if (answer.addresses.length !== 60) throw new Error(`${answer.addresses.length} of 60 addresses`);
  for (const at of [0, 29, 59]) await contact(stage, answer.addresses[at]!);
}

async function truncated(stage: Stage): Promise<void> {
  const name = 'truncated.skype.com';
  let answer = await lookUp(stage.client, name);
  if (answer.truncated || answer.addresses.length === 0) {
    answer = await lookUpTcp(stage.client, name);
  }
  await contact(stage, only(answer, name));
}

/** Broken answers, queries and mapping requests; afterwards everything still has to work. */
async function malformed(stage: Stage): Promise<void> {
  const { client } = stage;
  for (const name of ['pointer-loop.skype.com', 'short.skype.com', 'counts.skype.com']) {
    for (const server of [RESOLVER_ADDRESS, ROUTER_ADDRESS]) {
      await lookUp(client, name, { server, tries: 1 }).catch(() => {});
    }
  }
  const socket = openDatagrams('neutral', undefined, () => {});
  const good = encodeQuery(77, 'api.skype.com', TYPE.A);
  for (const length of [1, 11, 13, 20, good.length - 1]) {
    socket.send({ address: ROUTER_ADDRESS, port: 53 }, good.slice(0, length));
    socket.send({ address: RESOLVER_ADDRESS, port: 53 }, good.slice(0, length));
  }
  const oversized = good.slice();
  oversized[12] = 0x3f;
  socket.send({ address: ROUTER_ADDRESS, port: 53 }, oversized);
  for (const bytes of [
    [0],
    [0, 1],
    [0, 1, 0, 0, 0x50],
    [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9],
    [2, 1],
  ]) {
    socket.send({ address: ROUTER_ADDRESS, port: 5351 }, Uint8Array.from(bytes));
  }
  await sleep(300);
  socket.close();
  await contact(stage, only(await lookUp(client, 'aftermath.skype.com'), 'aftermath.skype.com'));
  only(await lookUp(client, 'www.shop3.example'), 'www.shop3.example');
}

/** Somebody else's name whose CNAME is the application's. */
async function cname(stage: Stage): Promise<void> {
  const name = 'cdn.bystander.example';
  await contact(stage, only(await lookUp(stage.client, name), name));
}

/** An address that only the hint of an HTTPS record tells (RFC 9460). */
async function hint(stage: Stage): Promise<void> {
  const answer = await lookUp(stage.client, 'hint.skype.com', { type: TYPE.HTTPS });
  await contact(stage, only(answer, 'hint.skype.com'));
}

/** Loopback, router, multicast answers: nothing may be taught, nothing may break. */
async function sentinel(stage: Stage): Promise<void> {
  const { client } = stage;
  await lookUp(client, 'sentinel.skype.com', { tries: 1 }).catch(() => {});
  only(await lookUp(client, 'www.shop4.example'), 'www.shop4.example');
  await fetchPage(client, { address: `${WEB_PREFIX}.14`, port: 443 }, 9000);
}

/** Asks for an application name when no window is open, then maps a new port `ms` later. */
async function mapAfter(stage: Stage, ms: number): Promise<Talker> {
  await sleep(WINDOW_OVER);
  const talker = openTalker(stage.client, ms < 4000 ? 'application' : 'unrelated', 0);
  const asked = Date.now();
  await lookUp(stage.client, 'api.skype.com', { tries: 1 });
  await sleep(asked + ms - Date.now());
  sendMapping(talker.socket, talker.socket.port);
  await sleep(250);
  return talker;
}

/** A mapping 3.9 s after the request teaches the port: the peer it then calls is proxied. */
async function mapping39(stage: Stage): Promise<void> {
  const talker = await mapAfter(stage, 3900);
  const peer = await openPeer(stage, 'peer', 'application', freshPeer(stage));
  await meet(stage, talker, peer, 'application');
}

/** One 4.1 s after it does not. */
async function mapping41(stage: Stage): Promise<void> {
  await meet(stage, await mapAfter(stage, 4100), bystander(stage, 0), 'unrelated');
}

/** Inside the window, but no mapping: an ICMP error that quotes a request, a deletion, a request
 * for the external address, an answer. None of them teaches the port. */
async function mappingLike(stage: Stage): Promise<void> {
  const { client } = stage;
  const talkers = [0, 1, 2, 3].map(() => openTalker(client, 'unrelated', 0));
  await lookUp(client, 'api.skype.com');
  await sleep(200);
  sendIcmp(ROUTER_ADDRESS, quotedMapping(talkers[0]!.socket.port));
  sendMapping(talkers[1]!.socket, talkers[1]!.socket.port, 1, 0);
  const router = { address: ROUTER_ADDRESS, port: 5351 };
  talkers[2]!.socket.send(router, Uint8Array.from([0, 0]));
  const { port } = talkers[3]!.socket;
  const answer = [
    0,
    129,
    0,
    0,
    0,
    0,
    0,
    9,
    port >> 8,
    port & 255,
    port >> 8,
    port & 255,
    0,
    0,
    14,
    16,
  ];
  talkers[3]!.socket.send(router, Uint8Array.from(answer));
  await sleep(250);
  for (const [slot, talker] of talkers.entries()) {
    await meet(stage, talker, bystander(stage, 1 + slot), 'unrelated');
  }
}

/** Destination unreachable, port unreachable (RFC 792), quoting a NAT-PMP request for `port`. */
function quotedMapping(port: number): Uint8Array {
  const high = port >> 8;
  const low = port & 255;
  const ip = [0x45, 0, 0, 40, 0, 1, 0, 0, 64, 17, 0, 0, 192, 168, 1, 1, 192, 168, 1, 13];
  const udp = [high, low, 0x14, 0xe7, 0, 20, 0, 0];
  const request = [0, 1, 0, 0, high, low, high, low, 0, 0, 14, 16];
  const message = Uint8Array.from([3, 3, 0, 0, 0, 0, 0, 0, ...ip, ...udp, ...request]);
  let sum = 0;
  for (let i = 0; i < message.length; i += 2) sum += (message[i]! << 8) | message[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  message.set([(~sum >> 8) & 0xff, ~sum & 0xff], 2);
  return message;
}

/** A stranger's request while other programs open flows: those inside the 200 ms are proxied, by
 * the rule of the method, and counted; the one after it is not. */
async function openWindow(stage: Stage): Promise<void> {
  const { client } = stage;
  const talker = openTalker(client, 'application', 0);
  const supernode = SUPERNODES[7]!;
  const { index, number } = client;
  const stranger = { address: strangerAddress(index, number), port: 25_000 };
  await openPeer(stage, 'stranger', 'application', stranger);
  noteFlow(client, 'stranger', 'udp', talker.socket.port, supernode, 'application');
  const contacts = [0, 1, 2, 3].map(() => openTalker(client, 'unrelated', 0));
  const guest = openTalker(client, 'application', 0);
  const ask = { ...who(stage), verb: VERB.stranger, size: 306, ...stranger };
  await insist(talker, supernode, ask, 33, 4, 1500);
  const inside = contacts
    .slice(0, 3)
    .map((one, slot) => meet(stage, one, bystander(stage, 6 + slot), 'unrelated'));
  await Promise.all([meet(stage, guest, stranger, 'application'), ...inside]);
  await sleep(600);
  await meet(stage, contacts[3]!, bystander(stage, 9), 'unrelated');
}

/** Teaches the common P2P port on this device, and calls a peer that others meet differently. */
async function commonPort(stage: Stage): Promise<void> {
  const talker = openTalker(stage.client, 'application', COMMON_PORT);
  const supernode = SUPERNODES[20]!;
  noteFlow(stage.client, 'register', 'udp', COMMON_PORT, supernode, 'application');
  await insist(talker, supernode, { ...who(stage), verb: VERB.register, size: 24 }, 30);
  const shared = { address: SHARED_PEER_ADDRESS, port: 24_700 };
  await meet(stage, talker, await openPeer(stage, 'peer', 'application', shared), 'application');
  talker.socket.close();
}

/** The device without the application: same source port number, same peer address, direct. */
async function neighbour(stage: Stage): Promise<void> {
  const { client } = stage;
  const talker = openTalker(client, 'unrelated', COMMON_PORT, 0x64);
  await meet(stage, talker, bystander(stage, 0), 'unrelated');
  const shared = { address: SHARED_PEER_ADDRESS, port: 6881 };
  await openPeer(stage, 'torrent', 'unrelated', shared);
  await meet(stage, talker, shared, 'unrelated');
  const torrent = openTalker(client, 'unrelated', 51413, 0x64);
  await meet(stage, torrent, shared, 'unrelated');
  await fetchPage(client, shared, 20_000);
}

export const attacks: Readonly<Record<string, Attack>> = {
  fast,
  cache,
  'dns-over-tcp': overTcp,
  'foreign-resolver': foreign,
  'mixed-case': shout,
  crowd,
  truncated,
  malformed,
  cname,
  'https-hint': hint,
  sentinel,
  'mapping-3.9': mapping39,
  'mapping-4.1': mapping41,
  'mapping-like': mappingLike,
  'open-window': openWindow,
  'common-port': commonPort,
  neighbour,
};
