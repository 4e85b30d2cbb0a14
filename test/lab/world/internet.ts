// The Internet in one process: supernodes with their directory, login and web servers, peers,
// strangers, torrent peers, a game server. Runs in namespace `internet`, where every address of
// plan.ts is local. Servers do what the device's message says (speech.ts) and log who they saw:
// the directory's and the peers' view of the home. Peers are opened and closed by the devices'
// programs over a UNIX socket, so that hundreds of them cost nothing while nobody calls.
// Usage: internet LOGFILE CONTROL-SOCKET
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { lie } from './liar.ts';
import { openLogbook, say } from './logbook.ts';
import { openService } from './notices.ts';
import {
  APPLICATION6,
  BYSTANDERS,
  type Endpoint,
  GAME_SERVER,
  LIAR_ADDRESS,
  LOGIN_SERVERS,
  poolOf,
  SUPERNODES,
  type Tag,
  TORRENT_ALIVE,
  TORRENT_PEERS,
} from './plan.ts';
import { type Datagrams, openDatagrams } from './socket.ts';
import { ANSWER, decodeSpeech, encodeSpeech, type Heard, VERB } from './speech.ts';
import { listenStreams } from './stream.ts';
import { serveStream } from './stream-server.ts';

const [, logPath = '/tmp/internet.jsonl', controlPath = '/tmp/internet.sock'] = scriptArgs;
const log = openLogbook(logPath);

const seen = new Set<string>();

/** Logs a source address once per server role, session and protocol. */
function see(role: string, heard: Heard, proto: string, from: Endpoint, called: Endpoint): void {
  const key = `${role}|${heard.device}|${heard.session}|${proto}|${from.address}`;
  if (seen.has(key)) return;
  seen.add(key);
  log.note({
    event: 'seen',
    role,
    device: heard.device,
    session: heard.session,
    proto,
    from: from.address,
    fromPort: from.port,
    to: called.address,
    toPort: called.port,
  });
}

/** device/session -> where a supernode saw this user last. */
const directory = new Map<string, Endpoint>();
/** Open peers by "address:port", and those that ring until they are answered. */
const peers = new Map<string, { close(): void; socket: Datagrams }>();
const ringing = new Set<string>();

function later(ms: number, act: () => void): void {
  if (ms === 0) act();
  else os.setTimeout(act, ms);
}

function callIn(heard: Heard): void {
  const user = directory.get(`${heard.device}/${heard.session}`);
  const name = `${heard.address}:${heard.port}`;
  const peer = peers.get(name);
  if (!user || !peer) {
    log.note({ event: 'problem', what: `call in from ${name}: ${user ? 'no peer' : 'no user'}` });
    return;
  }
  ringing.add(name);
  const ring = (left: number): void => {
    if (left === 0 || !ringing.has(name)) return;
    const speech = { ...heard, verb: VERB.ring };
    peer.socket.send(user, encodeSpeech(speech, 40));
    os.setTimeout(() => ring(left - 1), 120);
  };
  ring(40);
}

function superNode(endpoint: Endpoint): void {
  const server = openDatagrams('application', endpoint, (bytes, from) => {
    const heard = decodeSpeech(bytes);
    if (!heard) return;
    see('supernode', heard, 'udp', from, endpoint);
    const user = `${heard.device}/${heard.session}`;
    if (heard.verb === VERB.register) {
      directory.set(user, from);
      log.note({
        event: 'directory',
        device: heard.device,
        session: heard.session,
        from: from.address,
        fromPort: from.port,
        supernode: endpoint.address,
      });
    }
    later(heard.delay, () => {
      server.send(from, encodeSpeech({ ...heard, verb: heard.verb | ANSWER }, heard.size));
      if (heard.verb === VERB.callIn) callIn(heard);
    });
  });
}

/** Any other UDP server: answers every message as it asks. */
function answering(role: string, tag: Tag, endpoint: Endpoint): Datagrams {
  const server = openDatagrams(tag, endpoint, (bytes, from) => {
    const heard = decodeSpeech(bytes);
    if (!heard) return;
    see(role, heard, 'udp', from, endpoint);
    if (heard.verb === (VERB.ring | ANSWER)) ringing.delete(`${endpoint.address}:${endpoint.port}`);
    if (heard.verb & ANSWER || heard.verb === VERB.punch) return;
    const answer = encodeSpeech(
      { ...heard, verb: heard.verb | ANSWER },
      heard.size,
      0x5b1e,
      bytes[2],
    );
    later(heard.delay, () => server.send(from, answer));
  });
  return server;
}

function serveTcp(role: string, endpoint: Endpoint, tagFor: (called: string) => Tag) {
  return listenStreams(endpoint, tagFor, (stream) => {
    serveStream(stream, (heard) => see(role, heard, 'tcp', stream.remote, stream.local)).catch(
      (error: unknown) => log.note({ event: 'stream', what: String(error) }),
    );
  });
}

/** `open ROLE TAG ADDRESS PORT` answers `ok`; `close ADDRESS PORT`. */
openService(controlPath, (text, reply) => {
  const [verb, ...words] = text.split(' ');
  if (verb === 'open') {
    const [role = '', tag = 'application', address = '', port = ''] = words;
    const endpoint = { address, port: Number(port) };
    const name = `${address}:${port}`;
    if (!peers.has(name)) {
      const socket = answering(role, tag as Tag, endpoint);
      const streams = serveTcp(role, endpoint, () => tag as Tag);
      const close = (): void => {
        socket.close();
        streams.close();
      };
      peers.set(name, { close, socket });
    }
  }
  if (verb === 'close') {
    const name = words.join(':');
    ringing.delete(name);
    peers.get(name)?.close();
    peers.delete(name);
  }
  reply(`ok ${text}`);
});

for (const supernode of SUPERNODES) superNode(supernode);
for (const peer of TORRENT_PEERS.slice(0, TORRENT_ALIVE)) answering('torrent', 'unrelated', peer);
for (const bystander of BYSTANDERS) answering('bystander', 'unrelated', bystander);
answering('game', 'unrelated', GAME_SERVER);
const liar = openDatagrams('neutral', { address: LIAR_ADDRESS, port: 53 }, (bytes, from) => {
  const answer = lie(bytes);
  if (answer) liar.send(from, answer);
});

// TCP is served on every address at once; the role is in the address that was called.
const tagOf = (called: string): Tag =>
  poolOf(called) === 'application' || called.startsWith(`${APPLICATION6}:`)
    ? 'application'
    : 'unrelated';
const ports = new Set([
  80,
  443,
  ...SUPERNODES.map((s) => s.port),
  ...LOGIN_SERVERS.map((s) => s.port),
]);
for (const port of ports) serveTcp('', { address: '0.0.0.0', port }, tagOf);
serveTcp('', { address: '::', port: 443 }, tagOf);

os.signal(os.SIGTERM, () => std.exit(0));
log.note({ event: 'ready' });
say('internet: ready');
