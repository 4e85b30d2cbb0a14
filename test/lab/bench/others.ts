// What a user would pick in place of held answers, and the limit of what holding can cost: each answers the same
// queries in the same boot. A C program that accepts everything, an agent that follows by NFLOG, dnsmasq's nftset.
import { setTimeout as sleep } from 'node:timers/promises';
import { crowdQueue } from '../../../agent/src/ruleset/compile/dns.ts';
import { ELEMENT_MARK, elementPacket } from '../../../agent/src/ruleset/element-packet.ts';
import { LEASES } from '../../../agent/src/ruleset/elements.ts';
import { setName, TABLE } from '../../../agent/src/ruleset/names.ts';
import type { Machine } from '../machine/machine.ts';
import { configText } from '../mode.ts';
import {
  CONFIGURATION,
  crashAgent,
  PROGRAMS,
  QUEUE,
  type Start,
  startAgent,
  stopAgent,
} from './agent.ts';

/** A packet that adds 0.0.0.0; the program puts the addresses of an answer there. */
const ELEMENT = Buffer.from(
  elementPacket(setName('skype', 'addr', 4), new Uint8Array(4), LEASES[0])!,
).toString('hex');

/** Runs `phase` while a C program, in place of the agent, accepts all answers of the agent's table; `teaches`: and adds
 * the addresses of each. */
export async function acceptingAll(
  router: Machine,
  agent: Start,
  phases: { readonly plain: () => Promise<void>; readonly teaching: () => Promise<void> },
): Promise<void> {
  await crashAgent(router, agent);
  await sleep(500);
  await accepting(router, '', phases.plain);
  const taken = await accepting(
    router,
    `0x${ELEMENT_MARK.toString(16)} ${ELEMENT}`,
    phases.teaching,
  );
  if (taken === 0) throw new Error('accept: no address was taken');
  // The next start finds no table to take over, and loads its own.
  await router.must(`nft delete table inet ${TABLE}`);
}

/** How many addresses were taken into the set. */
async function accepting(
  router: Machine,
  words: string,
  phase: () => Promise<void>,
): Promise<number> {
  let said = '';
  const program = `exec ${PROGRAMS}/accept ${QUEUE} ${crowdQueue(QUEUE)} ${words}`;
  const accept = await router.spawn(program, (line) => {
    said += line;
  });
  await sleep(300);
  await phase();
  await accept.kill('TERM');
  await accept.done;
  const { accepted, taken } = JSON.parse(said) as { accepted: number; taken: number };
  if (accepted === 0) throw new Error('accept: no packet was held');
  return taken;
}

/** Runs `phase` with an agent that reads answers as they pass. */
export async function following(router: Machine, phase: () => Promise<void>): Promise<void> {
  await router.put(CONFIGURATION, configText(false), 0o600);
  const agent = await startAgent(router, 0);
  await phase();
  await stopAgent(router, agent);
  await router.put(CONFIGURATION, configText(true), 0o600);
}

const SET_UP = `set -e
  nft 'table inet pbr { set skype4 { type ipv4_addr; flags timeout; }; }'
  kill $(cat /run/dnsmasq.pid); sleep 1
  dnsmasq --conf-file=/etc/dnsmasq.conf --nftset=/skype.com/4#inet#pbr#skype4`;

const TAKE_DOWN = `set -e
  nft -j list set inet pbr skype4 | grep -o '"23\\.' | wc -l
  kill $(cat /run/dnsmasq.pid); sleep 1
  nft delete table inet pbr
  dnsmasq --conf-file=/etc/dnsmasq.conf`;

/** Runs `phase` without an agent: dnsmasq adds the addresses of an answer before it sends it. */
export async function fillingByDnsmasq(router: Machine, phase: () => Promise<void>): Promise<void> {
  await router.must(SET_UP);
  await sleep(500);
  await phase();
  const added = Number(await router.must(TAKE_DOWN));
  if (added === 0) throw new Error("dnsmasq's nftset added nothing");
  await sleep(500);
}
