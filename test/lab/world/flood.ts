// A device that takes all it can get: resolves names of the application by the hundred thousand,
// maps every port, opens peers without end. As fast as it is told, paced in steps of 10 ms.
// Usage: flood KIND COUNT PER-SECOND
//   KIND names  asks the router for x0.skype.com, x1.skype.com, ..., each with its own address
//        ports  maps the ports 1, 2, ... (RFC 6886), with an application name every second
//        peers  from a P2P port that a supernode has seen: one datagram to each of COUNT addresses
// Prints one line of JSON at the end: {sent, refused, answered, seconds}; refused is by the kernel.
import * as std from 'qjs:std';
import { sendMapping } from './client.ts';
import { sleep, waitFor } from './clock.ts';
import { encodeQuery, TYPE } from './dns-message.ts';
import { say } from './logbook.ts';
import { ROUTER_ADDRESS, SUPERNODES } from './plan.ts';
import { openDatagrams } from './socket.ts';
import { encodeSpeech, VERB } from './speech.ts';

const [, kind = '', count = '0', rate = '1000'] = scriptArgs;
const STEP_MILLISECONDS = 10;
const ROUTER = { address: ROUTER_ADDRESS, port: 53 };
const who = { device: 5, session: 0 };

let answered = 0;
const dns = openDatagrams('neutral', undefined, () => {
  answered += 1;
});
const talker = openDatagrams('application', undefined, () => {
  answered += 1;
});

function ask(number: number, name: string): number {
  return dns.send(ROUTER, encodeQuery(number & 0xffff, name, TYPE.A));
}

/** One packet of the flood; negative where the kernel did not take it. */
function one(number: number): number {
  if (kind === 'names') return ask(number, `x${number}.skype.com`);
  if (kind === 'ports') {
    sendMapping(talker, (number % 65535) + 1);
    return 0;
  }
  const address = `90.210.${(number >> 8) & 255}.${number & 255}`;
  const bytes = encodeSpeech({ ...who, verb: VERB.punch, size: 24 }, 30);
  return talker.send({ address, port: 40000 }, bytes);
}

/** The supernode's answer shows that the port is known. */
async function introduce(): Promise<void> {
  const node = SUPERNODES[0]!;
  for (let tries = 0; tries < 20 && answered === 0; tries += 1) {
    talker.send(node, encodeSpeech({ ...who, verb: VERB.ask, size: 24 }, 30));
    await waitFor(() => answered > 0, 500);
  }
  if (answered === 0) throw new Error('no supernode answers');
}

async function main(): Promise<void> {
  if (kind === 'peers') await introduce();
  const began = Date.now();
  let [sent, refused, asked] = [0, 0, 0];
  while (sent < Number(count)) {
    const elapsed = Date.now() - began;
    if (kind === 'ports' && elapsed >= asked * 1000) ask(asked++, 'ui.skype.com');
    // What a busy machine is late with is made up for in parts: its own watchdog looks on.
    const late = Math.ceil((elapsed * Number(rate)) / 1000);
    const due = Math.min(Number(count), late, sent + Math.ceil(Number(rate) / 10));
    for (; sent < due; sent += 1) if (one(sent) < 0) refused += 1;
    await sleep(STEP_MILLISECONDS);
  }
  const seconds = (Date.now() - began) / 1000;
  await sleep(1000);
  say(JSON.stringify({ sent, refused, answered, seconds }));
  std.exit(0);
}

main().catch((error: unknown) => {
  say(`flood ${kind}: ${error instanceof Error ? error.message : error}`);
  std.exit(1);
});
