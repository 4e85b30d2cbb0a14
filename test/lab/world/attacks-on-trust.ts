// The adversary's cases about trust: answers without a question, other resolvers, names that are aliases, and a
// device with both families.
import {
  type Attack,
  contact,
  freshPeer,
  meet,
  only,
  openPeer,
  type Stage,
  who,
} from './attack.ts';
import { chainAddress } from './chains.ts';
import { fetchPage, lookUp, lookUpTcp, openTalker, sendMapping } from './client.ts';
import { sleep, waitFor } from './clock.ts';
import { decodeAnswer, encodeQuery, TYPE } from './dns-message.ts';
import {
  BANK_ADDRESS,
  LIAR_ADDRESS,
  LOCAL6,
  PRIVATE_RESOLVER,
  RESOLVER_ADDRESS,
  ROUTER_ADDRESS,
} from './plan.ts';
import { openDatagrams } from './socket.ts';
import { encodeSpeech, VERB } from './speech.ts';

const LIAR = { address: LIAR_ADDRESS, port: 53 };
/** Answers of sixty addresses: more than any set of the profile holds. */
const LIES = 75;
const PAUSE = 40;

/** Sends no question and gets DNS answers. What they say is nobody's business: the bank is reached
 * directly, the application's own server still by the tunnel. A question to the liar is played, too: its
 * answer may count for this device, and never for another (neighbour). */
async function unasked(stage: Stage): Promise<void> {
  const { client } = stage;
  const own = only(await lookUp(client, 'unasked.skype.com'), 'unasked.skype.com');
  await contact(stage, own);
  let heard = 0;
  const socket = openDatagrams('neutral', undefined, () => {
    heard += 1;
  });
  try {
    for (let serial = 0; serial < LIES; serial += 1) {
      socket.send(LIAR, encodeSpeech({ ...who(stage), verb: VERB.ask, serial }, 28));
      await sleep(PAUSE);
    }
    // An agent that reads them all may take its time.
    await sleep(1500);
  } finally {
    socket.close();
  }
  client.log.note({ event: 'lies', session: client.session, heard });
  await fetchPage(client, { address: BANK_ADDRESS, port: 443 }, 9000);
  await contact(stage, own);
  await lookUp(client, 'chosen.skype.com', { server: LIAR_ADDRESS, tries: 1 }).catch(() => {});
}

/** Resolvers that are not the router: in a private network behind the WAN, over both protocols, and one
 * outside that is asked from one port for everything, whatever was asked before. */
async function elsewhere(stage: Stage): Promise<void> {
  const { client } = stage;
  const options = { server: PRIVATE_RESOLVER };
  await contact(stage, only(await lookUp(client, 'private.skype.com', options), 'private'));
  await contact(
    stage,
    only(await lookUpTcp(client, 'privatetcp.skype.com', PRIVATE_RESOLVER), 'tcp'),
  );
  const found: string[] = [];
  const socket = openDatagrams('neutral', { address: '0.0.0.0', port: 5533 }, (bytes) => {
    found.push(...(decodeAnswer(bytes)?.addresses ?? []));
  });
  try {
    for (const [id, name] of ['www.shop5.example', 'fixedport.skype.com'].entries()) {
      const before = found.length;
      for (let tries = 0; tries < 3 && found.length === before; tries += 1) {
        socket.send({ address: RESOLVER_ADDRESS, port: 53 }, encodeQuery(id + 1, name, TYPE.A));
        await waitFor(() => found.length > before, 1500, 2);
      }
      if (found.length === before) throw new Error(`DNS ${name}: no answer at a fixed port`);
    }
  } finally {
    socket.close();
  }
  await contact(stage, found.at(-1)!);
}

/** Asks `names` one after the other and speaks to the server at the end, if the last answer has its
 * address (it is compared with the one that is expected). */
async function follow(
  stage: Stage,
  server: string,
  end: string,
  ...questions: readonly (readonly [name: string, type: number])[]
): Promise<void> {
  let addresses: readonly string[] = [];
  for (const [name, type] of questions) {
    ({ addresses } = await lookUp(stage.client, name, { type, server, udpSize: 1232 }));
  }
  const expected = chainAddress(end);
  if (!addresses.includes(expected)) throw new Error(`${questions[0]![0]}: ended at ${addresses}`);
  await contact(stage, expected);
}

/** Answers that hold no address and say where to ask next (RFC 1034 section 3.6.2, RFC 2782, RFC 3403,
 * RFC 6672, RFC 9460). */
async function chain(stage: Stage): Promise<void> {
  const { A, HTTPS, NAPTR, SRV } = TYPE;
  const missed: string[] = [];
  // dnsmasq takes the target of a CNAME without an address for a name without one: these are asked for by
  // resolvers of their own, as a device's system does.
  const out = RESOLVER_ADDRESS;
  const home = ROUTER_ADDRESS;
  const played = [
    [out, 'edge.chain.example', ['alias.skype.com', A], ['edge.chain.example', A]],
    [
      out,
      'far.chain.example',
      ['twice.skype.com', A],
      ['near.chain.example', A],
      ['far.chain.example', A],
    ],
    [out, 'www.dname.chain.example', ['www.dname.skype.com', A], ['www.dname.chain.example', A]],
    [home, 'sip.chain.example', ['_sip._tcp.skype.com', SRV], ['sip.chain.example', A]],
    [home, 'turn.chain.example', ['_turn._udp.skype.com', SRV]],
    [home, 'svc.chain.example', ['svc.skype.com', HTTPS], ['svc.chain.example', A]],
    [home, 'apex.chain.example', ['apex.skype.com', HTTPS], ['apex.chain.example', A]],
    [
      home,
      'naptr.chain.example',
      ['naptr.skype.com', NAPTR],
      ['_sips._tcp.chain.example', SRV],
      ['naptr.chain.example', A],
    ],
  ] as const;
  for (const [server, end, ...questions] of played) {
    await follow(stage, server, end, ...questions).catch((error: unknown) =>
      missed.push(String(error)),
    );
  }
  if (missed.length > 0) throw new Error(missed.join('; '));
}

/** Asks over IPv6, as a home's devices do since the router announces itself there, and maps a new port
 * over IPv4: the peer that it then calls is the application's. */
async function twoFamilies(stage: Stage): Promise<void> {
  const { client } = stage;
  const talker = openTalker(client, 'application', 0);
  const name = 'six-dns.skype.com';
  only(await lookUp(client, name, { server: `${LOCAL6}::1` }), name);
  await sleep(400);
  sendMapping(talker.socket, talker.socket.port);
  await sleep(250);
  await meet(
    stage,
    talker,
    await openPeer(stage, 'peer', 'application', freshPeer(stage)),
    'application',
  );
  talker.socket.close();
}

export const trustAttacks: Readonly<Record<string, Attack>> = {
  unasked,
  elsewhere,
  chain,
  'two-families': twoFamilies,
};
