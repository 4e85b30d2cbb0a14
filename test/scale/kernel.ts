// What the table costs the kernel: new flows a second to addresses of no application, which meet every rule, and packets
// a second of established flows; without a table, with those of one and of all apps, and with everything learned. By
// turns, and no agent runs.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { udp } from '../fixtures/packets.ts';
import { beside, median, type Reading, reading } from '../lab/bench/figures.ts';
import { settle, whp } from './agent.ts';
import { sendFrame, startAsking } from './ask.ts';
import { elementText, homeFiles, type Size } from './home.ts';
import { layWorld, type World } from './world.ts';

export const KERNEL_CASES = ['no table', 'one app', 'all apps', 'all apps, all learned'] as const;
type Case = (typeof KERNEL_CASES)[number];

const NEW_FLOWS = 25_000;
const FLOWS = 250;
const PACKETS = 200_000;
/** Of so many rounds the best counts: what else runs only takes away. */
const ROUNDS = 5;
/** Of nobody; packets.c counts from it. */
const TO = '93.184.0.0';
const WAN = '198.51.100.10';
/** What may be lost on the way, of all packets. */
const LOST = 0.01;

interface Rates {
  readonly fresh: number[];
  readonly established: number[];
}

/** One run: each case twice, there and back. */
export async function measureKernel(
  folder: string,
  packets: string,
  full: Size,
  shipped: string,
): Promise<Reading[]> {
  const world = layWorld(`whp-scale-${process.pid}`);
  const asking = startAsking(world);
  try {
    const tables = tableFiles(world, folder, full, shipped);
    const rates = new Map(
      KERNEL_CASES.map((one) => [one, { fresh: [], established: [] } as Rates]),
    );
    for (const one of [...KERNEL_CASES, ...[...KERNEL_CASES].reverse()]) {
      load(world, tables.get(one) ?? null);
      const { fresh, established } = rates.get(one)!;
      fresh.push(await best(world, packets, NEW_FLOWS, NEW_FLOWS));
      world.run(world.router, 'conntrack', '-F');
      await establish(world, packets, (packet) =>
        sendFrame(asking.child, asking.wan, '02:00:00:00:02:00', packet),
      );
      established.push(await best(world, packets, FLOWS, PACKETS));
    }
    return readingsOf(rates);
  } finally {
    asking.child.kill();
    world.stop();
  }
}

/** Files for nft, by case. */
function tableFiles(world: World, folder: string, full: Size, shipped: string): Map<Case, string> {
  const files = new Map<Case, string>();
  const write = (one: Case, text: string): void => {
    const file = `${folder}-${one.replace(/\W+/g, '-')}.nft`;
    writeFileSync(file, text);
    files.set(one, file);
  };
  const ruleset = (apps: number): string => {
    const place = settle(world, folder, homeFiles({ ...full, apps }, shipped));
    return whp(place, 'ruleset').out;
  };
  const all = ruleset(full.apps);
  write('one app', ruleset(1));
  write('all apps', all);
  write('all apps, all learned', `${all}\n${elementText(full)}`);
  return files;
}

function load({ run, router }: World, file: string | null): void {
  run(router, 'sh', '-c', 'nft delete table inet whp 2>/dev/null; conntrack -F 2>/dev/null; :');
  if (file !== null) run(router, 'nft', '-f', file);
}

/** Each flow gets its answer. */
async function establish(
  { run, far, router }: World,
  packets: string,
  answer: (packet: Uint8Array) => void,
): Promise<void> {
  run(far, packets, 'lan0', '0', String(FLOWS), String(FLOWS), String(FLOWS), TO, '0');
  for (let flow = 0; flow < FLOWS; flow += 1) {
    answer(udp({ src: `93.184.0.${flow}`, dst: WAN, sport: 9, dport: 2000 }));
  }
  await sleep(200);
  const answered = run(router, 'sh', '-c', 'conntrack -L -p udp 2>/dev/null | grep -vc UNREPLIED');
  if (Number(answered) !== FLOWS)
    throw new Error(`${answered.trim()} of ${FLOWS} flows established`);
}

/** The best of ROUNDS rates. Where each packet is of a flow of its own, all flows are new in each round. */
async function best(world: World, packets: string, flows: number, count: number): Promise<number> {
  let most = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    if (flows === count) world.run(world.router, 'conntrack', '-F');
    most = Math.max(most, await rate(world, packets, flows, count));
  }
  return most;
}

/** Packets a second that reached the other end. */
async function rate(world: World, packets: string, flows: number, count: number): Promise<number> {
  const { run, far } = world;
  const before = arrived(world);
  const words = ['lan0', '0', flows, count, FLOWS, TO, 0].map(String);
  const seconds = Number(run(far, 'taskset', '-c', '1', packets, ...words));
  await sleep(50);
  const got = arrived(world) - before;
  if (got < count * (1 - LOST)) throw new Error(`${got} of ${count} packets arrived`);
  return got / seconds;
}

function arrived({ run, far }: World): number {
  const [link] = JSON.parse(run(far, 'ip', '-s', '-j', 'link', 'show', 'wan0')) as [
    { stats64: { rx: { packets: number } } },
  ];
  return link.stats64.rx.packets;
}

function readingsOf(rates: ReadonlyMap<Case, Rates>): Reading[] {
  return (['fresh', 'established'] as const).flatMap((kind) => {
    const without = median(rates.get('no table')![kind]);
    const [what, unit] =
      kind === 'fresh' ? ['new flows', 'flows/s'] : ['established flows', 'packets/s'];
    return KERNEL_CASES.map((one) => {
      const value = median(rates.get(one)![kind]);
      // What a packet takes longer than without a table.
      const longer = 1e6 / value - 1e6 / without;
      const others =
        one === 'no table'
          ? []
          : [beside('of no table', (100 * value) / without, '%'), beside('longer', longer, 'us')];
      return reading(`${what}: ${one}`, value, unit, { beside: others });
    });
  });
}
