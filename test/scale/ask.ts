// Queries of devices and their answers, across the router: from lan0 to a resolver outside, and from wan0 back to the
// router's address, since the home's are masqueraded.
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { udp } from '../fixtures/packets.ts';
import { answerTo, labelOf, OTHER_DOMAIN, queryFor } from '../lab/bench/answer.ts';
import { HOST } from '../lib/bare.ts';
import { bundleForHost } from '../lib/host-bundle.ts';
import { deviceAddress, deviceMac, domainOf, type Size } from './home.ts';
import type { World } from './world.ts';

const RESOLVER = '9.9.9.9';
const WAN = '198.51.100.10';
const ROUTER_MAC = '020000000001';
/** Answers, and how many a second: those of an application below the home's rate (step/state, HOME_PACE). */
const STRANGERS = { count: 200, rate: 400 };
const OURS = { count: 20, rate: 20 };
const LOWEST_PORT = 30_000;

export interface Asking {
  readonly child: ChildProcess;
  readonly lan: number;
  readonly wan: number;
  /** Queries so far. */
  asked: number;
}

/** Starts the program that sends frames (test/netns/inject.ts). */
export function startAsking({ run, far }: World): Asking {
  const [head = '', ...rest] = [...far, ...HOST, bundleForHost('test/netns/inject.ts')];
  const child = spawn(head, rest, { stdio: ['pipe', 'ignore', 'inherit'] });
  const index = (device: string): number =>
    (JSON.parse(run(far, 'ip', '-j', 'link', 'show', device)) as { ifindex: number }[])[0]!.ifindex;
  return { child, lan: index('lan0'), wan: index('wan0'), asked: 0 };
}

/** Asks and answers; resolves to the number of answers when the agent has read them. */
export async function askAll(asking: Asking, size: Size, isOurs: boolean): Promise<number> {
  const { count, rate } = isOurs ? OURS : STRANGERS;
  for (let i = 0; i < count; i += 1) {
    ask(asking, size, isOurs ? `host.${domainOf(i % size.apps)}` : OTHER_DOMAIN);
    await sleep(1000 / rate);
  }
  await sleep(300);
  return count;
}

function ask(asking: Asking, { devices }: Size, domain: string): void {
  const { child, lan, wan } = asking;
  asking.asked += 1;
  const device = asking.asked % devices;
  const port = LOWEST_PORT + asking.asked;
  const query = queryFor(port & 0xffff, labelOf('s1', asking.asked % 100_000), domain);
  const from = { src: deviceAddress(device), dst: RESOLVER, sport: port, dport: 53 };
  const back = { src: RESOLVER, dst: WAN, sport: 53, dport: port };
  sendFrame(child, lan, deviceMac(device), udp(from, query));
  sendFrame(child, wan, '02:00:00:00:02:00', udp(back, answerTo(query, asking.asked)!));
}

/** Sends an IPv4 packet to the router by the device `index`, from the hardware address `from`. */
export function sendFrame(
  child: ChildProcess,
  index: number,
  from: string,
  packet: Uint8Array,
): void {
  const head = `${ROUTER_MAC}${from.replaceAll(':', '')}0800`;
  child.stdin!.write(`${index} ${head}${Buffer.from(packet).toString('hex')}\n`);
}
