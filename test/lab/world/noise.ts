// What else runs on the same device: a browser, a torrent client that maps a port and talks UDP,
// a game. All unrelated to the application and tagged so; none of it may enter the tunnel.
// Opens no new flow between `quiet` and `resume` (a stranger's request proxies every new flow of
// the device for 200 ms, by rule), and maps its port only when told `map`, outside the 4 s after
// the application's DNS requests.
// Usage: noise NAME SEED DIRECTORY [PACE] (PACE 1 = a page a second; 0.5 = half of everything)
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { type Client, fetchPage, lookUp, noteFlow, openTalker, sendMapping } from './client.ts';
import { sleep, waitFor } from './clock.ts';
import { openLogbook, say } from './logbook.ts';
import { WEB_NAMES } from './names.ts';
import { openService } from './notices.ts';
import { type Endpoint, EVERY_DEVICE, GAME_SERVER, TORRENT_ALIVE, TORRENT_PEERS } from './plan.ts';
import { randomFrom, seedOf } from './random.ts';
import { VERB } from './speech.ts';

const [, name = '', seed = '1', directory = '/tmp', paceText = '1'] = scriptArgs;
const pace = Number(paceText);
const TORRENT_PORT = 51413;
const GAME_PORT = 3074;

const index = EVERY_DEVICE.findIndex((device) => device.name === name);
const client: Client = {
  log: openLogbook(`${directory}/noise-${name}.jsonl`),
  random: randomFrom(seedOf(`${seed}/${name}/noise`)),
  device: name,
  index,
  session: `${name}-noise`,
  number: 0,
};
const { random } = client;

let quiet = false;
/** New flows that have had no answer yet: each of their packets is a new flow to a firewall. */
let opening = 0;
let pages = 0;
let failures = 0;

/** CounterValues `work` as an opening flow until it settles. */
async function newFlow<T>(work: Promise<T>): Promise<T> {
  opening += 1;
  try {
    return await work;
  } finally {
    opening -= 1;
  }
}

async function browse(): Promise<void> {
  for (;;) {
    await sleep(random.between(400, 1600) / pace);
    if (quiet) continue;
    try {
      // The lookup may end inside a quiet time; the connection must not begin there.
      const answer = await lookUp(client, random.pick(WEB_NAMES));
      const address = answer.addresses[0];
      if (address === undefined || quiet) continue;
      await newFlow(fetchPage(client, { address, port: 443 }, random.between(8_000, 60_000)));
      pages += 1;
    } catch (error) {
      failures += 1;
      client.log.note({ event: 'problem', what: String(error) });
    }
  }
}

const torrent = openTalker(client, 'unrelated', TORRENT_PORT, 0x64);
const known = new Set<string>();

function chatter(peer: Endpoint, alive: boolean): void {
  if (!known.has(peer.address)) noteFlow(client, 'torrent', 'udp', TORRENT_PORT, peer, 'unrelated');
  known.add(peer.address);
  const length = random.between(20, 400);
  const speech = { verb: VERB.ask, device: index, session: 0, size: random.between(20, 600) };
  const asked = torrent.ask(peer, speech, length, 1500);
  if (alive) newFlow(asked).catch(() => {});
}

async function swarm(): Promise<void> {
  for (;;) {
    await sleep(random.between(300, 900) / pace);
    if (quiet) continue;
    for (const peer of random.sample(TORRENT_PEERS, 4)) {
      chatter(peer, TORRENT_PEERS.indexOf(peer) < TORRENT_ALIVE);
    }
  }
}

async function play(): Promise<void> {
  const game = openTalker(client, 'unrelated', GAME_PORT, 0x47);
  noteFlow(client, 'game', 'udp', GAME_PORT, GAME_SERVER, 'unrelated');
  const speech = { verb: VERB.ask, device: index, session: 0, size: 90 };
  await game.ask(GAME_SERVER, speech, 60, 2000);
  for (;;) {
    await sleep(100 / pace);
    await game.ask(GAME_SERVER, speech, 60, 1000);
  }
}

openService(`${directory}/noise-${name}.sock`, (request, reply) => {
  if (request === 'map') {
    // What a torrent client asks for: TCP and UDP (its own captures show 51413/tcp).
    sendMapping(torrent.socket, TORRENT_PORT, 2);
    sendMapping(torrent.socket, TORRENT_PORT, 1);
  }
  quiet = request === 'quiet' || (quiet && request === 'map');
  if (request !== 'quiet') return reply('ok');
  waitFor(() => opening === 0, 12_000, 10).then(
    (calm) => reply(calm ? 'ok' : 'busy'),
    () => {},
  );
});

os.signal(os.SIGTERM, () => {
  client.log.note({ event: 'summary', pages, failures });
  std.exit(0);
});
const run = (part: Promise<void>): void => {
  part.catch((error: unknown) => {
    say(`noise ${name}: ${error}`);
    std.exit(1);
  });
};
run(browse());
run(swarm());
run(play());
