// A device that speaks both families from one port: it asks for a name over IPv6, maps the port over IPv4,
// and calls from there over both. Its IPv6 address may change meanwhile: the port stays.
// Usage: families DEVICE DIRECTORY NUMBER SERVER REMOTE6
//   SERVER is the resolver (IPv6), REMOTE6 a peer nobody has met; the IPv4 peers are lonePeer(NUMBER * 16...).
// Prints "started" and after SIGTERM one line of JSON: {sent4, sent6}.
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { type Client, lookUp, sendMapping } from './client.ts';
import { sleep } from './clock.ts';
import { openLogbook, say } from './logbook.ts';
import { EVERY_DEVICE, lonePeer } from './plan.ts';
import { randomFrom, seedOf } from './random.ts';
import { openDatagrams } from './socket.ts';
import { encodeSpeech, VERB } from './speech.ts';

const [, device = '', directory = '/tmp', numberText = '0', server = '', remote6 = ''] = scriptArgs;
const number = Number(numberText);
const PACE = 100;
const LONE = 16;

const index = EVERY_DEVICE.findIndex((one) => one.name === device);
const client: Client = {
  log: openLogbook(`${directory}/families-${device}-${number}.jsonl`),
  random: randomFrom(seedOf(`${number}/${device}/families`)),
  device,
  index,
  session: `families-${number}`,
  number: number & 0xff,
};

async function main(): Promise<void> {
  const four = openDatagrams('application', undefined, () => {});
  const six = openDatagrams('application', { address: '::', port: four.port }, () => {});
  const counts = { sent4: 0, sent6: 0 };
  os.signal(os.SIGTERM, () => {
    say(JSON.stringify(counts));
    std.exit(0);
  });
  await lookUp(client, 'six-dns.skype.com', { server });
  await sleep(300);
  sendMapping(four, four.port);
  await sleep(300);
  say('started');
  const bytes = encodeSpeech({ device: index, session: number & 0xff, verb: VERB.punch }, 60);
  for (let turn = 0; ; turn += 1) {
    const address = lonePeer(number * LONE + (Math.floor(turn / 5) % LONE));
    counts.sent4 += four.send({ address, port: 22_000 }, bytes) > 0 ? 1 : 0;
    counts.sent6 += six.send({ address: remote6, port: 22_000 }, bytes) > 0 ? 1 : 0;
    await sleep(PACE);
  }
}

main().catch((error: unknown) => {
  say(`families ${device}: ${error instanceof Error ? error.message : error}`);
  std.exit(1);
});
