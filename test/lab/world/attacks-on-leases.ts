// The adversary's cases about time: use of an address after its answer has expired. The lab's shortest TTL (2 s) and
// conntrack's timeout of a closed connection (lab/router/root/etc/sysctl.conf) are short, so that a case ends within a
// session. The set's element lives for 310 s at least (ruleset/elements, LEASES), so these cases do not show what the
// table knows without it: unit/ruleset/trace does.
import { type Attack, contact, only, type Stage, who } from './attack.ts';
import { exchange, lookUp } from './client.ts';
import { sleep } from './clock.ts';
import { encodeOpening, VERB } from './speech.ts';

/** Milliseconds after which an answer of two seconds has been over for long. */
const LIFE = 17_000;
/** Milliseconds between two things said on a live connection. */
const PAUSE = 700;

async function addressOf(stage: Stage, name: string): Promise<string> {
  return only(await lookUp(stage.client, name), name);
}

/** Asks once, connects long after the answer's life without asking again, and without a word between. */
async function cache(stage: Stage): Promise<void> {
  const address = await addressOf(stage, 'cache.skype.com');
  await contact(stage, address);
  await sleep(LIFE);
  await contact(stage, address);
}

/** A connection that goes on beyond the answer's life, and a new one beside it, again and again. */
async function long(stage: Stage): Promise<void> {
  const address = await addressOf(stage, 'long.skype.com');
  const speech = { ...who(stage), verb: VERB.chat, size: 60 };
  const to = { address, port: 443 };
  const stream = await exchange(stage.client, 'live', to, 'plain', speech);
  try {
    const over = Date.now() + LIFE;
    while (Date.now() < over) {
      await stream.write(encodeOpening('plain', speech));
      await stream.read();
      await sleep(PAUSE);
    }
    for (let times = 0; times < 3; times += 1) {
      await contact(stage, address, 'beside');
      await stream.write(encodeOpening('plain', speech));
      await stream.read();
    }
  } finally {
    stream.close();
  }
}

/** The server closes, the client says goodbye when the router has forgotten both the connection and the
 * address: what it sends, and its FIN, belong to no flow that anybody knows. */
async function halfClosed(stage: Stage): Promise<void> {
  const address = await addressOf(stage, 'half.skype.com');
  const speech = { ...who(stage), verb: VERB.leave, size: 60 };
  const stream = await exchange(stage.client, 'half', { address, port: 443 }, 'plain', speech);
  try {
    const end = await stream.read();
    if (end.length > 0) throw new Error(`${end.length} bytes after the server's last`);
    await sleep(LIFE);
    await stream.write(encodeOpening('plain', speech)).catch(() => {});
    await sleep(300);
  } finally {
    stream.close();
  }
  await sleep(300);
}

export const leaseAttacks: Readonly<Record<string, Attack>> = {
  cache,
  long,
  'half-closed': halfClosed,
};
