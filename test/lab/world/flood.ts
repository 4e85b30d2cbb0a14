// A device that takes all it can get: resolves names of the application by the hundred thousand,
// maps every port, opens peers without end. As fast as it is told, paced in steps of 10 ms.
// Usage: flood KIND COUNT PER-SECOND
//   KIND names  asks the router for x0.skype.com, x1.skype.com, ..., each with its own address
//        ports  maps the ports 1, 2, ... (RFC 6886), with an application name every second
//        peers  from a P2P port that a supernode has seen: one datagram to each of COUNT addresses
//        strangers  asks the router for names that are nobody's, half of which do not exist
//        askers  names of the application, asked from 40 addresses in turn (forged sources)
//        requests  from ten such ports in turn: has the supernode send a stranger's request for each
//        forged  one datagram to a supernode from each of COUNT sources and ports (forged)
// Prints one line of JSON at the end: {sent, refused, answered, seconds}; refused is by the kernel.
import * as std from 'qjs:std';
import { sendMapping } from './client.ts';
import { sleep, waitFor } from './clock.ts';
import { encodeQuery, TYPE } from './dns-message.ts';
import { forgedAddress, forgedDatagram } from './forged.ts';
import { say } from './logbook.ts';
import { ROUTER_ADDRESS, SUPERNODES } from './plan.ts';
import { openDatagrams, openForge } from './socket.ts';
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

/** The agent hears of one request a second of a flow. */
const callers = Array.from({ length: kind === 'requests' ? 10 : 0 }, () =>
  openDatagrams('application', undefined, () => {}),
);
let forge: ReturnType<typeof openForge> | undefined;
/** From an address that is none of this device's. */
function lie(
  source: number,
  port: number,
  to: { address: string; port: number },
  bytes: Uint8Array,
) {
  forge ??= openForge();
  return forge.send(forgedDatagram({ address: forgedAddress(source), port }, to, bytes));
}

/** One packet of the flood; negative where the kernel did not take it. */
function one(number: number): number {
  if (kind === 'names') return ask(number, `x${number}.skype.com`);
  if (kind === 'ports') {
    sendMapping(talker, (number % 65535) + 1);
    return 0;
  }
  if (kind === 'requests') {
    const stranger = { address: '90.210.250.1', port: 25_000 };
    return callers[number % callers.length]!.send(
      SUPERNODES[0]!,
      encodeSpeech({ ...who, verb: VERB.stranger, size: 306, ...stranger }, 33),
    );
  }
  if (kind === 'strangers') {
    const name = number % 2 === 0 ? `www.shop${number % 40}.example` : `n${number}.example`;
    return ask(number, name);
  }
  if (kind === 'askers') {
    const query = encodeQuery(number & 0xffff, `x${number}.skype.com`, TYPE.A);
    return lie(number % 40, 20_000 + (number % 20_000), ROUTER, query);
  }
  if (kind === 'forged') {
    const bytes = encodeSpeech({ ...who, verb: VERB.punch, size: 24 }, 30);
    return lie(number, 10_000 + number, SUPERNODES[number % SUPERNODES.length]!, bytes);
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
