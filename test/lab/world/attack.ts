// Shared by the adversary's cases: the device that plays, and one exchange over TCP or UDP, logged with its tag
// before its first packet.
import { type Client, exchange, insist, noteFlow, type Talker } from './client.ts';
import type { DnsAnswer } from './dns-message.ts';
import type { Caller } from './notices.ts';
import { BYSTANDERS, type Endpoint, peerAddress, type Tag } from './plan.ts';
import { VERB } from './speech.ts';

export interface Stage {
  readonly client: Client;
  readonly caller: Caller;
  readonly internet: string;
}
export type Attack = (stage: Stage) => Promise<void>;

export const who = ({ client }: Stage) => ({ device: client.index, session: client.number });

export async function contact(stage: Stage, address: string, step = 'contact'): Promise<void> {
  const speech = { ...who(stage), verb: VERB.ask, size: 200 };
  (await exchange(stage.client, step, { address, port: 443 }, 'tls', speech)).close();
}

export function only(answer: DnsAnswer, name: string): string {
  const address = answer.addresses[0];
  if (address === undefined) throw new Error(`DNS ${name}: no address, rcode ${answer.rcode}`);
  return address;
}

/** One UDP exchange of a talker, noted with its tag. */
export async function meet(stage: Stage, talker: Talker, to: Endpoint, tag: Tag): Promise<void> {
  noteFlow(stage.client, 'contact', 'udp', talker.socket.port, to, tag);
  await insist(talker, to, { ...who(stage), verb: VERB.rendezvous, size: 40 }, 30);
}

export async function openPeer(
  stage: Stage,
  role: string,
  tag: Tag,
  to: Endpoint,
): Promise<Endpoint> {
  await stage.caller.call(stage.internet, `open ${role} ${tag} ${to.address} ${to.port}`);
  return to;
}

export function freshPeer(stage: Stage): Endpoint {
  const { index, number } = stage.client;
  return { address: peerAddress(index, number, 'out'), port: 24_000 + number };
}

/** Bystanders are never shared between cases: `slot` picks one per case and device. */
export function bystander(stage: Stage, slot: number): Endpoint {
  return BYSTANDERS[(stage.client.index * 13 + slot) % BYSTANDERS.length]!;
}
