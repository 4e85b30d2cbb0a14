// screens/home: the home that the screenshots show: a running agent in namespaces, four devices, and their traffic. All
// addresses are of documentation or of the home.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { type Home, pause, startHome } from '../../test/fixtures/netns-home.ts';

export interface Shown {
  readonly home: Home;
  /** The agent's configuration. */
  readonly file: string;
  stop(): void;
}

/** The last number of address and MAC by name. */
const DEVICES = { phone: 21, tablet: 22, tv: 23, laptop: 24 };
type Device = keyof typeof DEVICES;
const NAMED = Object.entries(DEVICES) as [Device, number][];
const macOf = (at: number): string => `02:00:00:00:01:${at}`;
const CALLS = ['192.0.2.40', '192.0.2.41', '192.0.2.42'];
const GAME = ['203.0.113.130', '203.0.113.141'];
const TV = ['192.0.2.130', '203.0.113.80'];
const DIRECT = '192.0.2.200';
const NAMES = { 'calls.example.com': CALLS[0], 'sound.calls.example.com': CALLS[1] };

const CONFIG = `config globals 'globals'
	option hold '0'
${Object.entries({ cloud: 0, spare: 1 })
  .map(
    ([name, at]) => `config proxy '${name}'
	option address '203.0.113.2${at}'
	option key '${5300 + at}'
	option local '10.200.${at}.1'
	option remote '10.200.${at}.2'
	option mtu '1472'
`,
  )
  .join('')}
${NAMED.map(([name, at]) => `config device '${name}'\n\tlist mac '${macOf(at)}'\n`).join('')}
config group 'family'
	list device 'phone'
	list device 'tablet'
config app 'calls'
	list proxy 'cloud'
	list proxy 'spare'
	list device 'family'
config app 'game'
	list proxy 'cloud'
	option fallback 'direct'
config app 'films'
	list proxy 'spare'
	list device 'tv'
config app 'homework'
	option enabled '0'
	list proxy 'cloud'
	list device 'tablet'
	list schedule 'mon-fri 14:00-18:00'
	list schedule 'sat,sun 09:00-11:00'
config rule
	option action 'proxy'
	option app 'calls'
	list name 'calls.example.com'
	list address '192.0.2.42'
config rule
	option action 'proxy'
	option app 'game'
	list address '203.0.113.128/27'
config rule
	option action 'proxy'
	option app 'films'
	list address '192.0.2.128/26'
	list address '203.0.113.80'
config rule
	option action 'proxy'
	option app 'homework'
	list name 'school.example.org'
`;

/** Answers each datagram with one of the same size; a resolver where it is given names. */
const FAR = `
const [, , names, ...places] = process.argv;
const known = JSON.parse(names);
const answerTo = (query) => {
  const labels = [];
  for (let at = 12; query[at] > 0; at += query[at] + 1)
    labels.push(query.subarray(at + 1, at + 1 + query[at]).toString());
  const address = known[labels.join('.')].split('.').map(Number);
  const answer = Buffer.concat([query, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, ...address])]);
  answer[2] = 0x81; answer[3] = 0x80; answer[7] = 1;
  return answer;
};
for (const place of places) {
  const [address, port] = place.split(' ');
  const udp = require('dgram').createSocket({ type: 'udp4', reuseAddr: true });
  udp.on('message', (bytes, from) => udp.send(port === '53' ? answerTo(bytes) : bytes, from.port, from.address));
  udp.bind(Number(port), address);
}
console.log('ready');`;

/** Looks names up ("ask NAME"), and sends datagrams all the time ("PORT TO PORT BYTES EVERY_MS"). */
const DEVICE = `
const dgram = require('dgram');
const asked = process.argv.slice(2).filter((one) => one.startsWith('ask '));
for (const one of asked) {
  const [, name] = one.split(' ');
  const labels = name.split('.').flatMap((part) => [part.length, ...Buffer.from(part)]);
  const udp = dgram.createSocket('udp4');
  udp.on('message', () => udp.close());
  udp.bind(0, () => udp.send(Buffer.from([1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]), 53, '192.168.1.1'));
}
let turn = 0;
setInterval(() => { turn += 1; }, 100);
setTimeout(() => {
  for (const one of process.argv.slice(2).filter((word) => !word.startsWith('ask '))) {
    const [port, to, toPort, bytes, every] = one.split(' ');
    const udp = dgram.createSocket('udp4');
    const part = Buffer.alloc(Number(bytes));
    udp.on('error', () => {});
    // The rate goes up and down as that of an application does.
    udp.bind(Number(port), () => setInterval(() => {
      const many = 1 + Math.round(3 * Math.abs(Math.sin(turn / (170 + Number(port) % 90))));
      for (let i = 0; i < many; i += 1) udp.send(part, Number(toPort), to, () => {});
    }, Number(every)));
  }
}, 1500);`;

/** Sockets and timers of the home run until `stop`. */
export async function showHome(name: string): Promise<Shown> {
  const home = await startHome(name);
  const folder = `out/netns/${name}`;
  const children: ChildProcess[] = [];
  const run = (space: string, source: string, ...words: string[]): void => {
    const file = `${folder}/screens-${children.length}.cjs`;
    writeFileSync(file, source);
    const into = [`--net=/run/netns/${name}-${space}`, 'node', file, ...words];
    children.push(spawn('nsenter', into, { stdio: 'ignore' }));
  };
  const stop = (): void => {
    for (const child of children) child.kill('SIGKILL');
    home.stop();
    for (const [device] of NAMED) spawnSync('ip', ['netns', 'del', `${name}-${device}`]);
  };
  try {
    for (const [before, after] of [
      ['whp-a', 'whp-cloud'],
      ['whp-b', 'whp-spare'],
    ] as const)
      home.run('router', 'sh', '-ec', `ip link set ${before} name ${after}`);
    wireDevices(home, name);
    const proxied = [...CALLS, ...GAME, ...TV];
    for (const [space, addresses, ports] of [
      ['proxya', proxied, [443, 3478, 5060, 27015]],
      ['proxyb', proxied, [443, 3478]],
      ['internet', [DIRECT], [443]],
    ] as const) {
      for (const one of addresses)
        home.run(space, 'ip', 'address', 'add', `${one}/32`, 'dev', 'lo');
      run(space, FAR, '{}', ...addresses.flatMap((one) => ports.map((port) => `${one} ${port}`)));
    }
    run('router', FAR, JSON.stringify(NAMES), '192.168.1.1 53');
    await home.startAgent(CONFIG);
    for (let tries = 0; home.status().proxies.some(({ state }) => state !== 'up'); tries++) {
      if (tries > 100) throw new Error('no proxy is up');
      await pause(100);
    }
    for (const [device] of NAMED) run(device, DEVICE, ...TALKS[device]);
  } catch (error) {
    stop();
    throw error;
  }
  return { home, file: `${folder}/whp`, stop };
}

/** The namespace of the fixture's device becomes a switch, with a namespace of each device behind it. */
function wireDevices(home: Home, name: string): void {
  home.run(
    'device',
    'sh',
    '-ec',
    'ip address flush dev eth0; ip link add home type bridge; ip link set eth0 master home; ip link set home up',
  );
  for (const [device, at] of NAMED) {
    spawnSync('ip', ['netns', 'add', `${name}-${device}`]);
    home.run(
      'device',
      'sh',
      '-ec',
      `ip link add ${device} type veth peer name eth0 address ${macOf(at)} netns ${name}-${device}
       ip link set ${device} master home up`,
    );
    home.run(
      device,
      'sh',
      '-ec',
      `ip address add 192.168.1.${at}/24 dev eth0; ip link set eth0 up
       ip route add default via 192.168.1.1`,
    );
  }
}

/** What each device does: the parameters of DEVICE. */
const TALKS: { readonly [device in Device]: readonly string[] } = {
  phone: [
    'ask calls.example.com',
    'ask sound.calls.example.com',
    `40112 ${CALLS[0]} 5060 120 400`,
    `40114 ${CALLS[1]} 3478 180 20`,
    `40116 ${CALLS[2]} 3478 900 12`,
  ],
  tablet: [
    'ask calls.example.com',
    `51820 ${CALLS[0]} 5060 120 600`,
    `27005 ${GAME[0]} 27015 90 60`,
  ],
  tv: [`44321 ${TV[0]} 443 1200 14`, `44323 ${TV[1]} 443 300 150`],
  laptop: [`27007 ${GAME[1]} 27015 100 80`, `53110 ${DIRECT} 443 1000 12`],
};
