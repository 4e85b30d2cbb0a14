// The adversary's cases about names and addresses: every way in which an answer contains one. The names and
// addresses are in names.ts, chains.ts and plan.ts.
import { type Attack, contact, only, type Stage } from './attack.ts';
import { fetchPage, lookUp, lookUpTcp, noteFlow } from './client.ts';
import { sleep } from './clock.ts';
import { encodeQuery, TYPE } from './dns-message.ts';
import { fastAddress } from './names.ts';
import { RESOLVER_ADDRESS, ROUTER_ADDRESS, WEB_PREFIX } from './plan.ts';
import { askAndPounce, openDatagrams } from './socket.ts';
import { armStream } from './stream.ts';

const FAST_TRIES = 20;

/** The SYN leaves in the same instant in which the answer is read, without parsing it. */
async function fast(stage: Stage): Promise<void> {
  const { client } = stage;
  for (let index = 0; index < FAST_TRIES; index += 1) {
    const to = { address: fastAddress(index), port: 443 };
    const { port, fire } = armStream(to, 'application');
    noteFlow(client, 'fast', 'tcp', port, to, 'application');
    const query = encodeQuery(4000 + index, `fast${index}.skype.com`, TYPE.A);
    let stream: ReturnType<typeof fire> | undefined;
    let queryPort = 0;
    // A lost query is asked again, as any client would.
    for (let tries = 0; tries < 3 && !stream; tries += 1) {
      queryPort = askAndPounce({ address: ROUTER_ADDRESS, port: 53 }, query, 2000, () => {
        stream = fire();
      });
    }
    if (!stream) throw new Error(`DNS fast${index}.skype.com: no answer`);
    client.log.note({
      event: 'pounce',
      session: client.session,
      queryPort,
      remote: to.address,
      port,
    });
    (await stream).close();
    await sleep(60);
  }
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

/** 700 addresses in one answer, over TCP alone: the first, one in the middle and the last. */
async function directory(stage: Stage): Promise<void> {
  const answer = await lookUpTcp(stage.client, 'directory.skype.com');
  if (answer.addresses.length !== 700)
    throw new Error(`${answer.addresses.length} of 700 addresses`);
  for (const at of [0, 349, 699]) await contact(stage, answer.addresses[at]!);
}

export const nameAttacks: Readonly<Record<string, Attack>> = {
  fast,
  'dns-over-tcp': overTcp,
  'foreign-resolver': foreign,
  'mixed-case': shout,
  crowd,
  directory,
  truncated,
  malformed,
  cname,
  'https-hint': hint,
  sentinel,
};
