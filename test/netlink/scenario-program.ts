// Runs in the host program inside a fresh network namespace: plays one scenario on the namespace's kernel and on
// the fake kernel, and compares the states at the end as nft, ip and conntrack print them.
// Usage: scenario-program NAME|--list
import * as os from 'qjs:os';
import * as std from 'qjs:std';
import { runProgram } from '../../agent/src/os/process.ts';
import { removeHandover } from '../../agent/src/runtime/handover-file.ts';
import { tableText } from '../fake/nft.ts';
import { realKernel } from '../lib/kernel.ts';
import { endProcess, SCENARIOS } from '../scenario/scenarios.ts';
import {
  agentOn,
  DEVICES,
  type FakeStage,
  fakeStage,
  policyOf,
  type Stage,
} from '../scenario/stage.ts';
import { claimLater, finish, same } from './claims.ts';

const FILE = `/tmp/whp-scenario-${os.getpid()}.standing`;

async function run(input: string, ...command: string[]): Promise<string> {
  const { status, stdout, stderr } = await runProgram(command, { input });
  if (status !== 0) throw new Error(`${command.join(' ')}: ${status} ${stderr}`);
  return stdout;
}

async function realStage(): Promise<Stage> {
  for (const name of DEVICES.filter((one) => one !== 'lo')) {
    await run('', 'ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `far-${name}`);
    await run('', 'ip', 'link', 'set', name, 'up');
    await run('', 'ip', 'link', 'set', `far-${name}`, 'up');
  }
  await run('', 'ip', 'link', 'set', 'lo', 'up');
  const kernel = realKernel();
  return {
    kernel,
    file: FILE,
    agent: agentOn({ kernel, file: FILE }, policyOf()),
    wanted: policyOf(),
    hasBegun: () => {},
    hasFailed: () => false,
    flush: async () => void (await run('', 'nft', 'flush', 'ruleset')),
    deleteRule: async (preference, mark, table) => {
      const rule = ['pref', String(preference), 'fwmark', mark, 'lookup', String(table)];
      await run('', 'ip', '-4', 'rule', 'del', ...rule);
    },
    addFlow: async ({ from, port, to, toPort, mark, inner = from }) => {
      const original = ['-s', from, '-d', to, '--sport', String(port), '--dport', String(toPort)];
      const reply = ['--reply-src', to, '--reply-dst', inner];
      const ports = ['--reply-port-src', String(toPort), '--reply-port-dst', String(port)];
      const life = ['-t', '120', '-m', String(mark)];
      await run('', 'conntrack', '-I', '-p', 'udp', ...original, ...reply, ...ports, ...life);
    },
    notice: () => {},
    dump: realDump,
  };
}

async function realDump(): Promise<string> {
  const tables = await run('', 'nft', 'list', 'tables');
  const named = tables.split('\n').filter((line) => line !== '');
  // The fake takes its changes without a proof.
  for (const set of ['element_proof4', 'element_proof6']) {
    if (named.includes('table inet whp'))
      await run(`flush set inet whp ${set}\n`, 'nft', '-f', '-');
  }
  const lists = named.includes('table inet whp') ? await listing() : '';
  const flows = (await run('', 'conntrack', '-L')).split('\n').filter((line) => line !== '');
  return [...named.sort(), lists, ...(await routes()), ...flows.map(flowLine).sort()].join('\n');
}

/** The table in nft's list, without counters and lifetimes, its parts sorted by name. */
async function listing(): Promise<string> {
  const text = await run('', 'nft', '-s', 'list', 'table', 'inet', 'whp');
  return text
    .slice(text.indexOf('\n') + 1, text.lastIndexOf('}'))
    .split(/\n(?=\t(?:set|chain|counter) )/)
    .map((part) => part.trim())
    .sort()
    .join('\n');
}

async function routes(): Promise<string[]> {
  const lines: string[] = [];
  for (const [family, option] of [
    [4, '-4'],
    [6, '-6'],
  ] as const) {
    const show = ['route', 'show', 'table', 'all', 'proto', '119'];
    const list = await run('', 'ip', option, ...show).catch(() => '');
    for (const line of list.split('\n').filter((one) => one !== '')) {
      const way = line.replace(/ dev lo| pref medium| scope link| error -\d+/g, '').trim();
      lines.push(`route v${family} ${way}`);
    }
    for (const line of (await run('', 'ip', option, 'rule')).split('\n')) {
      if (!line.endsWith('proto 119')) continue;
      lines.push(`rule v${family} ${line.replace(':\t', ': ').replace(' proto 119', '')}`);
    }
  }
  for (const line of (await run('', 'ip', '-o', 'address')).split('\n')) {
    const [, device, address, peer] =
      /^\d+: (whp-\w+) .* inet6? (\S+) peer (\S+)\/\d+ /.exec(line) ?? [];
    if (device !== undefined) lines.push(`address ${address} peer ${peer} dev ${device}`);
  }
  for (const name of ['whp-a', 'whp-b']) {
    const link = await run('', 'ip', '-o', 'link', 'show', name).catch(() => '');
    if (link !== '') lines.push(`link ${name} mtu ${/mtu (\d+)/.exec(link)?.[1]}`);
  }
  return lines.sort();
}

/** In the form of test/fake/conntrack. */
function flowLine(line: string): string {
  const of = (key: string): string[] =>
    Array.from(line.matchAll(new RegExp(`${key}=(\\S+)`, 'g')), ([, value]) => value!);
  const [from] = of('src');
  const [to, inner] = of('dst');
  const mark = Number(of('mark')[0] ?? 0).toString(16);
  return `flow ${from}:${of('sport')[0]} > ${to}:${of('dport')[0]} as ${inner} mark 0x${mark}`;
}

/** The fake's dump, with its table loaded by nft and listed. */
async function fakeDump({ fake, dump }: FakeStage): Promise<string> {
  const text = await dump();
  const table = fake.nft.tables.get('whp');
  await run('', 'nft', 'flush', 'ruleset');
  if (table !== undefined) await run(tableText(table), 'nft', '-f', '-');
  const named = Array.from(fake.nft.tables.keys(), (one) => `table inet ${one}`).sort();
  const rest = text.split('\n').filter((line) => /^(?:route|rule|address|link|flow) /.test(line));
  return [...named, table === undefined ? '' : await listing(), ...rest].join('\n');
}

const name = scriptArgs[1] ?? '';
if (name === '--list') {
  std.out.puts(`${SCENARIOS.map((one) => one.name).join('\n')}\n`);
  std.exit(0);
}
const scenario = SCENARIOS.find((one) => one.name === name);
await claimLater(name, async () => {
  if (scenario === undefined) throw new Error('no such scenario');
  const stage = await realStage();
  await scenario.play(stage);
  const real = await stage.dump();
  endProcess(stage.agent);
  const wrong = Array.from(stage.agent.problems.values());
  removeHandover(FILE);
  const fake = fakeStage(FILE);
  await scenario.play(fake);
  removeHandover(FILE);
  const told = await fakeDump(fake);
  const [a, b] = [real.split('\n'), told.split('\n')];
  same(
    a.filter((line) => !b.includes(line)),
    [],
    `only the kernel has (${wrong.join('; ')})`,
  );
  same(
    b.filter((line) => !a.includes(line)),
    [],
    'only the fake has',
  );
  same(a.length, b.length, 'lines');
});
finish();
