// What the agent costs in a home of one size. The steps are in one order: started, killed, its table filled and crossed
// by flows, taken over by the next agent, asked, loaded, repaired, moved to the other proxy, ended, started once more.
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, type Reading, reading } from '../lab/bench/figures.ts';
import { type Agent, enforcing, type Place, settle, startAgent, status, whp } from './agent.ts';
import { type Asking, askAll } from './ask.ts';
import { elementText, homeFiles, type Size } from './home.ts';
import type { World } from './world.ts';

/** A started agent has looked at everything once when it uses less than this part of a second, after so many
 * milliseconds at most. */
const CALM = 0.03;
const SECOND = 1000;
const MOST_SECONDS = 20;
/** A period of the tick. */
const IDLE = 5000;
const MEGABYTE = 1048576;
const TIMES = 3;
/** Milliseconds between two looks, and the longest wait. */
const LOOK = 20;
const LONGEST = 60_000;
/** It ends the last section, and the table gets rules of it. */
const CHANGE =
  "config rule 'more'\n	option action 'proxy'\n	option app 'app1'\n	list address '198.51.100.0/24'\n";

/** The flows: half of them to addresses of applications. */
function sendFlows({ run, far }: World, packets: string, { apps, devices, flows }: Size): void {
  const half = String(Math.floor(flows / 2));
  run(far, packets, 'lan0', '0', half, half, String(devices), '20.1.0.0', String(apps));
  run(far, packets, 'lan0', '0', half, half, String(devices), '93.184.0.0', '0');
}

export interface Tools {
  readonly world: World;
  readonly folder: string;
  /** The program packets.c. */
  readonly packets: string;
  readonly asking: Asking;
  /** The profile that those of the applications are made of. */
  readonly shipped: string;
}

/** An agent of no home leaves the bytecode for the others. */
export async function warmUp({ world, folder, shipped }: Tools): Promise<void> {
  const one = { apps: 1, devices: 1, elements: 0, flows: 0 };
  const agent = startAgent(settle(world, folder, homeFiles(one, shipped)));
  await enforcing(agent);
  await agent.end('SIGTERM');
}

export async function measureHome(tools: Tools, size: Size): Promise<Reading[]> {
  const { world, folder, shipped } = tools;
  world.run(world.router, 'sh', '-c', 'conntrack -F 2>/dev/null; nft delete table inet whp; :');
  const place = settle(world, folder, homeFiles(size, shipped));
  const first = startAgent(place);
  const start = await enforcing(first);
  await first.end('SIGKILL');
  writeFileSync(`${folder}/elements.nft`, elementText(size));
  world.run(world.router, 'nft', '-f', `${folder}/elements.nft`);
  sendFlows(world, tools.packets, size);
  const agent = startAgent(place);
  const takeover = await enforcing(agent);
  await calm(agent);
  const readings = [
    reading('start to enforcing, nothing learned', start, 'ms'),
    reading('takeover by the next agent, to enforcing', takeover, 'ms'),
    reading('its processor time until it is calm', agent.processorTime() * 1000, 'ms'),
    ...(await measureIdle(place, agent)),
    ...measureCommands(place),
    ...(await measureAnswers(tools, agent, size)),
    ...(await measureChanges(place, agent)),
    await measureMove(place, size),
    reading('`whp forget` of one app', whp(place, 'forget', 'app1').took, 'ms'),
    reading('end: sets read, file written, table deleted', await agent.end('SIGTERM'), 'ms'),
  ];
  const bytes = readFileSync(`${folder}/state/learned`).length;
  const last = startAgent(place);
  readings.push(
    reading('the file of what is learned', bytes / 1024, 'KiB'),
    reading('start to enforcing, with that file', await enforcing(last), 'ms'),
  );
  await last.end('SIGTERM');
  return readings;
}

async function calm(agent: Agent): Promise<void> {
  for (let seconds = 0; seconds < MOST_SECONDS; seconds += 1) {
    const before = agent.processorTime();
    await sleep(SECOND);
    if (agent.processorTime() - before < CALM) return;
  }
}

async function measureIdle(place: Place, agent: Agent): Promise<Reading[]> {
  const before = agent.processorTime();
  await sleep(IDLE);
  const used = (100_000 * (agent.processorTime() - before)) / IDLE;
  const { memory_bytes: memory } = status(place);
  return [
    reading('processor time when nothing happens', used, '%'),
    reading('resident memory', memory / MEGABYTE, 'MB'),
  ];
}

function measureCommands(place: Place): Reading[] {
  return ['status', 'flows', 'devices', 'learned'].map((command) => {
    const took = Array.from({ length: TIMES }, () => whp(place, command, '--json').took);
    return reading(`\`whp ${command}\``, median(took), 'ms');
  });
}

/** Processor time of a query and its answer, beside that of an idle agent. */
async function measureAnswers(tools: Tools, agent: Agent, size: Size): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (const [what, isOurs] of [
    ['a stranger', false],
    ['an application', true],
  ] as const) {
    const before = agent.processorTime();
    const count = await askAll(tools.asking, size, isOurs);
    const used = (1000 * (agent.processorTime() - before)) / count;
    readings.push(reading(`query and answer of ${what}`, used, 'ms'));
  }
  return readings;
}

async function measureChanges(place: Place, agent: Agent): Promise<Reading[]> {
  const file = `${place.folder}/whp`;
  writeFileSync(file, readFileSync(file, 'utf8') + CHANGE);
  const { took: reload } = whp(place, 'reload');
  const began = performance.now();
  place.world.run(place.world.router, 'nft', 'delete', 'table', 'inet', 'whp');
  const { at } = await agent.heard(/repaired: /, began);
  return [
    reading('reload with a changed table', reload, 'ms'),
    reading('repair of a deleted table', at - began, 'ms'),
  ];
}

/** From the command until the last app has its route through the other proxy: the flows of the one before are deleted
 * by then. */
async function measureMove({ world, ...place }: Place, { apps }: Size): Promise<Reading> {
  const began = performance.now();
  whp({ world, ...place }, 'proxy', 'use', 'b');
  const routes = (): string => world.run(world.router, 'ip', 'route', 'show', 'table', 'all');
  while (routes().split('default dev whp-b').length - 1 < apps) {
    if (performance.now() - began > LONGEST) throw new Error(`the apps did not move:\n${routes()}`);
    await sleep(LOOK);
  }
  const took = performance.now() - began;
  const left = world.run(
    world.router,
    'sh',
    '-c',
    'conntrack -L -p udp -q 10.200.0.1 2>/dev/null | wc -l',
  );
  if (Number(left) > 0) throw new Error(`${left.trim()} flows are bound to the proxy before`);
  return reading('move of all apps to another proxy', took, 'ms');
}
