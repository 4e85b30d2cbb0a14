// The adversary's cases about ports and windows: what is evidence of a port, what only resembles it, and other
// devices with the same port.
import { type Attack, bystander, freshPeer, meet, openPeer, type Stage, who } from './attack.ts';
import {
  fetchPage,
  insist,
  lookUp,
  noteFlow,
  openTalker,
  sendMapping,
  strangersRequest,
  type Talker,
} from './client.ts';
import { sleep } from './clock.ts';
import {
  BANK_ADDRESS,
  ROUTER_ADDRESS,
  SHARED_PEER_ADDRESS,
  SHOP_ADDRESS,
  SUPERNODES,
  strangerAddress,
} from './plan.ts';
import { sendIcmp } from './socket.ts';
import { VERB } from './speech.ts';

/** The P2P port that two devices share, and that the neighbour uses for something else. */
const COMMON_PORT = 23456;
/** No application DNS request for this long closes every 4 s window. */
const WINDOW_OVER = 5000;

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
  await strangersRequest(talker, supernode, ask);
  const invited = meet(stage, guest, stranger, 'application');
  const inside = contacts
    .slice(0, 3)
    .map((one, slot) => meet(stage, one, bystander(stage, 6 + slot), 'unrelated'));
  await Promise.all([invited, ...inside]);
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

/** The device without the application: same source port number, same peer address, and the servers that a
 * liar has named on another device (`unasked`): all direct. */
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
  for (const address of [BANK_ADDRESS, SHOP_ADDRESS]) {
    await fetchPage(client, { address, port: 443 }, 9000);
  }
}

export const portAttacks: Readonly<Record<string, Attack>> = {
  'mapping-3.9': mapping39,
  'mapping-4.1': mapping41,
  'mapping-like': mappingLike,
  'open-window': openWindow,
  'common-port': commonPort,
  neighbour,
};
