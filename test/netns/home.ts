// The daemon itself in a namespace, with two proxies that are veth pairs in the place of GRE devices
// (this kernel may have no GRE; the lab has the real ones):
//
//     device 192.168.1.11 -- br-lan  router  wan 198.51.100.10 -- internet
//                                      |-- whp-a 10.200.0.1 -- proxya 10.200.0.2
//                                      |-- whp-b 10.200.1.1 -- proxyb 10.200.1.2
//
// Every far end answers every address itself, and says who it is: so an answer tells which way its
// request went.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { StatusAnswer } from '../../agent/src/answers/status.ts';
import { answerOf, linesOf, rpcAnswerOf } from '../lib/answers.ts';
import { WHP } from '../lib/bare.ts';
import { installPlugin } from '../lib/plugin.ts';

export const NODE = '111.221.74.20';
export const NODE_PORT = 33033;
export const P2P = 13021;
export const PEER = '93.184.216.34';
export const MEDIA = '93.184.216.35';
/** An address of no app. */
export const OTHER = '93.184.216.99';
const FAR = ['internet', 'proxya', 'proxyb'] as const;
export type Far = (typeof FAR)[number];

/** Answers UDP and TCP on every port with its name; TCP line by line. */
const SERVER = `
const [, , name, ...addresses] = process.argv;
for (const address of addresses) {
  const udp = require('dgram').createSocket({ type: 'udp4', reuseAddr: true });
  udp.on('message', (_, from) => udp.send(name, from.port, from.address, () => {}));
  udp.bind(33033, address);
}
require('net').createServer((one) => {
  one.on('data', (bytes) => {
    one.write(name + '\\n');
    if (bytes.toString() === 'later') setTimeout(() => one.write(name + '\\n'), 3000);
  });
  one.on('error', () => {});
}).listen(33033);
console.log('ready');`;

/** Sends a datagram every 10 ms from one port; prints each reply: "TIME NAME|errno". */
const TALKER = `
const [, , port, to, toPort] = process.argv;
const say = (word) => console.log(Date.now() + ' ' + word);
const udp = require('dgram').createSocket({ type: 'udp4', reuseAddr: true });
udp.on('message', (bytes) => say(bytes.toString()));
udp.on('error', (error) => say(error.code));
udp.bind(Number(port), () => udp.connect(Number(toPort), to, () => {
  setInterval(() => udp.send('x', (error) => error && say(error.code)), 10);
}));`;

/** One TCP connection: "TIME connected", a line every 20 ms (`once`: one alone), "TIME NAME", "TIME errno" at its end. */
const CALLER = `
const [, , to, toPort, once] = process.argv;
const say = (word) => console.log(Date.now() + ' ' + word);
const tcp = require('net').connect(Number(toPort), to, () => {
  say('connected');
  tcp.write(once ?? 'x');
  if (!once) setInterval(() => tcp.write('x'), 20);
});
let rest = '';
tcp.on('data', (bytes) => {
  rest += bytes;
  const lines = rest.split('\\n');
  rest = lines.pop();
  for (const line of lines) say(line);
});
tcp.on('error', (error) => { say(error.code); process.exit(); });
tcp.on('end', () => { say('end'); process.exit(); });`;

export interface Heard {
  readonly at: number;
  readonly word: string;
}

export interface Talk {
  readonly heard: Heard[];
  stop(): void;
}

export interface Home {
  /** The state directory, which the next agent reads. */
  readonly learned: string;
  run(space: string, ...words: string[]): string;
  /** A UDP flow of the device from `port`. */
  talk(port: number, to?: string): Talk;
  /** A TCP connection of the device. `once`: its only line; the server answers "later" again after three
   * seconds. */
  connect(to?: string, once?: string): Talk;
  startAgent(config: string): Promise<void>;
  /** Rewrites the configuration and reloads. */
  reload(config: string): void;
  /** Runs `whp` with these words; returns what it prints. */
  whp(...words: string[]): string;
  /** The same with the exit status, whatever it is. */
  tell(...words: string[]): { readonly status: number; readonly out: string; readonly err: string };
  /** Calls rpcd's plugin as rpcd does; returns the answer's line. */
  rpc(method: string, input?: object): string;
  status(): StatusAnswer;
  log(): string;
  /** `signal`: SIGTERM, or SIGKILL, after which table and rules remain. */
  stopAgent(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  stop(): void;
}

export function config(options: {
  fallback?: string;
  proxies?: readonly string[];
  enabled?: boolean;
  devices?: readonly string[];
}): string {
  const { fallback = 'block', proxies = ['a', 'b'], enabled = true, devices = [] } = options;
  const proxy = (name: string, at: number): string => `
config proxy '${name}'
  option address '203.0.113.2${at}'
  option key '7'
  option local '10.200.${at}.1'
  option remote '10.200.${at}.2'
  option mtu '1400'
`;
  return `config globals 'globals'
  option hold '0'
${proxy('a', 0)}${proxy('b', 1)}
config app 'skype'
  option enabled '${enabled ? 1 : 0}'
  option profile 'skype'
  option fallback '${fallback}'
${proxies.map((name) => `  list proxy '${name}'`).join('\n')}
${devices.map((one) => `  list device '${one}'`).join('\n')}
`;
}

function command(words: readonly string[]): string {
  const result = spawnSync(words[0]!, words.slice(1), { encoding: 'utf8' });
  if (result.status === 0) return result.stdout;
  throw new Error(`${words.join(' ')}: ${result.stderr || result.error}${result.stdout}`);
}

export async function startHome(name: string, before: readonly string[] = []): Promise<Home> {
  const folder = `out/netns/${name}`;
  mkdirSync(folder, { recursive: true });
  const children: ChildProcess[] = [];
  const space = (one: string): string => `${name}-${one}`;
  const into = (one: string): string[] => ['nsenter', `--net=/run/netns/${space(one)}`];
  const run = (one: string, ...words: string[]): string => command([...into(one), ...words]);
  const spaces = ['router', 'device', ...FAR];
  for (const one of spaces) {
    command(['ip', 'netns', 'add', space(one)]);
    run(one, 'ip', 'link', 'set', 'lo', 'up');
  }
  wireHome(run, space);
  const start = (one: string, source: string, ...words: string[]): ChildProcess => {
    const file = `${folder}/${one}-${children.length}.cjs`;
    writeFileSync(file, source);
    const [head = '', ...rest] = [...into(one), 'node', file, ...words];
    const child = spawn(head, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  };
  for (const one of FAR) {
    const server = start(one, SERVER, one, NODE, PEER, MEDIA, OTHER);
    await new Promise((resolve) => server.stdout!.once('data', resolve));
  }
  const listen = (child: ChildProcess): Talk => {
    const heard: Heard[] = [];
    let rest = '';
    child.stdout!.on('data', (bytes: Buffer) => {
      rest += bytes.toString();
      const lines = rest.split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const [at = '', word = ''] = line.split(' ');
        heard.push({ at: Number(at), word });
      }
    });
    return { heard, stop: () => void child.kill('SIGKILL') };
  };
  const uci = `${folder}/whp`;
  const socket = `${folder}/whp.sock`;
  const logFile = `${folder}/log`;
  const options = [
    '--config',
    uci,
    '--profiles',
    'agent/profiles',
    '--socket',
    socket,
    '--state',
    `${folder}/state`,
  ];
  const plugin = installPlugin(folder, socket, options.join(' '));
  let agent: ChildProcess | null = null;
  return {
    learned: `${folder}/state/learned`,
    run,
    talk: (port, to = NODE) => listen(start('device', TALKER, String(port), to, String(NODE_PORT))),
    connect: (to = NODE, once) =>
      listen(start('device', CALLER, to, String(NODE_PORT), ...(once === undefined ? [] : [once]))),
    startAgent: async (text) => {
      writeFileSync(uci, text);
      writeFileSync(logFile, '');
      const [head = '', ...rest] = [
        ...into('router'),
        'sh',
        '-c',
        `exec ${[...before, ...WHP, 'daemon', ...options].join(' ')} >>${logFile} 2>&1`,
      ];
      agent = spawn(head, rest, { stdio: 'ignore' });
      children.push(agent);
      for (let tries = 0; !readFileSync(logFile, 'utf8').includes('enforcing'); tries++) {
        if (tries > 200) throw new Error(readFileSync(logFile, 'utf8'));
        await pause(20);
      }
    },
    reload: (text) => {
      writeFileSync(uci, text);
      run('router', ...WHP, 'reload', ...options);
    },
    whp: (...words) => asDocumented(words, run('router', ...WHP, ...words, ...options)),
    tell: (...words) => {
      const [head = '', ...rest] = [...into('router'), ...WHP, ...words, ...options];
      const { status, stdout, stderr } = spawnSync(head, rest, { encoding: 'utf8' });
      return { status: status ?? -1, out: asDocumented(words, stdout), err: stderr };
    },
    rpc: (method, asked = {}) => {
      const [head = '', ...rest] = [...into('router'), ...plugin, 'call', method];
      const input = JSON.stringify(asked);
      const { stdout } = spawnSync(head, rest, { encoding: 'utf8', input });
      rpcAnswerOf(method, asked, stdout);
      return stdout;
    },
    status: () => answerOf(['status'], run('router', ...WHP, 'status', '--json', ...options)),
    log: () => readFileSync(logFile, 'utf8'),
    stopAgent: async (signal = 'SIGTERM') => {
      const ended = new Promise((resolve) => agent!.once('exit', resolve));
      agent!.kill(signal);
      await ended;
    },
    stop: () => {
      for (const child of children) child.kill('SIGKILL');
      for (const one of spaces) spawnSync('ip', ['netns', 'del', space(one)]);
    },
  };
}

/** Returns what was printed; an answer of --json is compared with docs/json.md. */
function asDocumented(words: readonly string[], printed: string): string {
  if (words.includes('--json')) linesOf(words, printed);
  return printed;
}

function wireHome(run: Home['run'], space: (one: string) => string): void {
  const wire = (near: string, address: string, far: string, farAddress: string): void => {
    command([
      'ip',
      'link',
      'add',
      near,
      'netns',
      space('router'),
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      space(far),
    ]);
    run('router', 'ip', 'link', 'set', near, 'up');
    run(far, 'ip', 'link', 'set', 'eth0', 'up');
    if (address !== '') run('router', 'ip', 'address', 'add', address, 'dev', near);
    run(far, 'ip', 'address', 'add', farAddress, 'dev', 'eth0');
  };
  wire('br-lan', '192.168.1.1/24', 'device', '192.168.1.11/24');
  wire('wan', '198.51.100.10/24', 'internet', '198.51.100.1/24');
  // The agent sets the addresses of these devices as of GRE devices; like GRE they have no ARP.
  wire('whp-a', '', 'proxya', '10.200.0.2/24');
  wire('whp-b', '', 'proxyb', '10.200.1.2/24');
  run(
    'router',
    'sh',
    '-ec',
    `
    sysctl -qw net.ipv4.ip_forward=1
    ip route add default via 198.51.100.1
    ip link set whp-a address 02:00:00:00:00:0a arp off
    ip link set whp-b address 02:00:00:00:00:0a arp off
    nft 'table inet fw { chain post { type nat hook postrouting priority 100; oifname "wan" masquerade; }; }'`,
  );
  run('device', 'ip', 'route', 'add', 'default', 'via', '192.168.1.1');
  for (const far of FAR) {
    const [own, neighbour] =
      far === 'internet'
        ? ['198.51.100.1', '']
        : far === 'proxya'
          ? ['10.200.0.2', '10.200.0.1']
          : ['10.200.1.2', '10.200.1.1'];
    run(
      far,
      'sh',
      '-ec',
      `
      ip address add ${NODE}/32 dev lo
      ip address add ${PEER}/32 dev lo
      ip address add ${MEDIA}/32 dev lo
      ip address add ${OTHER}/32 dev lo
      sysctl -qw net.ipv4.conf.all.rp_filter=0
      ${neighbour === '' ? '' : `ip link set eth0 address 02:00:00:00:00:0a arp off`}
      : ${own}`,
    );
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits for a line for which `wanted` holds; returns it. */
export async function until(
  talk: Talk,
  wanted: (one: Heard) => boolean,
  limit = 8000,
): Promise<Heard> {
  for (let waited = 0; waited < limit; waited += 10) {
    const found = talk.heard.find(wanted);
    if (found !== undefined) return found;
    await pause(10);
  }
  throw new Error(`not heard: ${JSON.stringify(talk.heard.slice(-5))}`);
}
