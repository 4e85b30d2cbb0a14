// `whp check` and `whp status` on routers where nothing is proxied, in namespaces with the real kernel:
// devices, bridges, default routes, a loaded firewall, missing modules, the clock. Each is run with an agent
// and without one; both must report the same.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProblemAnswer } from '../../agent/src/answers/error.ts';
import type { StatusAnswer } from '../../agent/src/answers/status.ts';
import { homeWith } from '../fixtures/uci.ts';
import { alarmLines, JOINED, unbroken } from '../lib/alarms.ts';
import { answerOf, rpcAnswerOf } from '../lib/answers.ts';
import { BARE } from '../lib/bare.ts';

const FOLDER = resolve(`out/netns/preflight-${process.pid}`);
mkdirSync(`${FOLDER}/profiles`, { recursive: true });
test.after(() => rmSync(FOLDER, { recursive: true }));

// A profile of a service that still exists.
const profile = JSON.parse(readFileSync('agent/profiles/skype.json', 'utf8'));
const { retired: _, ...live } = profile;
writeFileSync(`${FOLDER}/profiles/skype.json`, JSON.stringify(live));
copyFileSync('agent/data/doh.json', `${FOLDER}/doh.json`);
// A stand-in for dnsmasq that answers on port 53.
const RESOLVER = "require('dgram').createSocket('udp4').bind(53)";

/** With ujail's environment; LD_PRELOAD if a test sets it. */
const HOST = `${BARE.join(' ')} \${LD_PRELOAD:+LD_PRELOAD=$LD_PRELOAD} ${resolve('out/host/x86_64/whp-host')}`;
const WHP = `${HOST} ${resolve('out/whp')}`;
const OPTIONS = `--config ${FOLDER}/whp --profiles ${FOLDER}/profiles --state ${FOLDER}/state --socket ${FOLDER}/sock`;

function config(lan: readonly string[] = ['br-lan'], more = ''): string {
  const lines = ["\toption hold '0'\n", ...lan.map((name) => `\tlist lan '${name}'\n`)];
  return homeWith(lines.join('')) + more;
}

/** A bridge with a port, the wire to the Internet, and a resolver. */
const HOME = `ip link set lo up
node -e "${RESOLVER}" >/dev/null 2>&1 & resolver=$!; trap 'kill $resolver' EXIT
until grep -q ':0035 ' /proc/net/udp; do sleep 0.05; done
ip link add br-lan type bridge; ip link set br-lan up
ip link add lan1 type veth peer name laptop; ip link set lan1 master br-lan up; ip link set laptop up
ip address add 192.168.1.1/24 dev br-lan
ip link add wan type veth peer name isp; ip link set wan up; ip link set isp up
ip address add 198.51.100.10/24 dev wan; ip route add default via 198.51.100.1`;

interface Asked {
  readonly status: number;
  readonly text: string;
  readonly json: {
    readonly ok: boolean;
    readonly problems: readonly ProblemAnswer[];
    readonly notes: readonly ProblemAnswer[];
    readonly looked: readonly { readonly subject: string; readonly seen: string }[];
  };
}

interface Played {
  readonly alone: Asked;
  readonly beside: Asked;
  readonly status: string;
  readonly answer: StatusAnswer;
  /** The answer to rpcd's plugin. */
  readonly rpcd: StatusAnswer;
}

const MARK = '==== ';

/** Prepares a router by `setup` in namespaces and runs the check without and with an agent. `awaited`: the status
 * is asked for when it has this text, at the latest 20 s after the agent's start. */
function play(text: string, setup: string, awaited = ''): Played {
  writeFileSync(`${FOLDER}/whp`, text);
  const asked = (name: string): string => `
echo '${MARK}${name} text'; whp check --explain; echo "exit $?"
echo '${MARK}${name} json'; whp check --json`;
  const script = `
cd ${FOLDER}; rm -rf log state; : >log
whp() { command=$1; shift; ${WHP} $command ${OPTIONS} "$@"; }
${setup}
${asked('alone')}
${WHP} daemon ${OPTIONS} >>log 2>&1 &
agent=$!
for i in $(seq 200); do grep -q '^whp: enforcing' log && break; sleep 0.1; done
${asked('beside')}
for i in $(seq 100); do whp status --json | grep -qF '${awaited}' && break; sleep 0.2; done
echo '${MARK}status text'; whp status
echo '${MARK}status json'; whp status --json
echo '${MARK}rpcd'; echo '{"method":"rpc","operand":"status","input":{}}' | ${HOST} --ask ${FOLDER}/sock
kill $agent; wait $agent`;
  const { stdout, stderr } = spawnSync('unshare', ['-n', '-m', 'sh', '-c', script], {
    encoding: 'utf8',
  });
  const parts = new Map(
    stdout.split(MARK).map((part) => {
      const [name = '', ...lines] = part.split('\n');
      return [name, lines.join('\n')] as const;
    }),
  );
  const part = (name: string): string => parts.get(name) ?? `no ${name}: ${stdout}${stderr}`;
  const read = (name: string): Asked => ({
    status: Number(/exit (\d+)/.exec(part(`${name} text`))?.[1]),
    text: unbroken(part(`${name} text`)),
    json: answerOf(['check'], part(`${name} json`)),
  });
  return {
    alone: read('alone'),
    beside: read('beside'),
    status: part('status text'),
    answer: answerOf(['status'], part('status json')),
    rpcd: rpcAnswerOf('status', {}, part('rpcd')),
  };
}

function lineOf({ place, text, fix }: ProblemAnswer): string {
  return `${place}: ${text}${fix === undefined ? '' : `; ${fix}`}`;
}

/** The reports about `about`, equal in both. This kernel has no GRE. */
function said(played: Played, kind: 'problems' | 'notes'): string[] {
  const lines = ({ json }: Asked): string[] =>
    json[kind]
      .filter(({ place }) => place?.startsWith('kmod-') !== true && place !== 'agent')
      .map(lineOf);
  const alone = lines(played.alone);
  assert.equal(lines(played.beside), alone);
  return alone;
}

function inStatus(played: Played, line: string): void {
  assert.ok(played.answer.problems.map(lineOf).includes(line), JSON.stringify(played.answer));
  assert.ok(played.rpcd.problems.map(lineOf).includes(line), JSON.stringify(played.rpcd));
  // Where the text has no command, status has one all the same.
  const said = [`! ${line}`, `! ${line}; whp check`];
  assert.ok(
    alarmLines(played.status).some((one) => said.includes(one)),
    played.status,
  );
}

function seen({ beside }: Played, subject: string): string {
  const found = beside.json.looked.find((one) => one.subject === subject)?.seen ?? '';
  // Text and JSON are two runs: a packet may have come between them.
  const uncounted = (text: string): string => text.replace(/\d+ packets?/g, 'packets');
  const line = `looked at: ${subject}: ${found}\n`;
  assert.ok(uncounted(beside.text).includes(uncounted(line)), beside.text);
  return found;
}

test('a home as it should be', () => {
  const played = play(config(), HOME);
  assert.equal([...said(played, 'problems'), ...said(played, 'notes')], []);
  assert.match(seen(played, 'lan devices'), 'br-lan (bridge, up, 1 port, 192.168.1.1/24)');
  assert.is(seen(played, 'way out'), 'IPv4 by wan; IPv6 none');
  assert.match(seen(played, 'packets from home'), /^br-lan \d+ packets?/);
  assert.match(seen(played, 'firewall'), 'table inet fw4 is not loaded');
  assert.ok(played.alone.text.includes('note: agent: no agent runs'), played.alone.text);
  assert.not.ok(played.beside.text.includes('no agent runs'), played.beside.text);
  // Each missing part of the kernel is named, and the exit status follows.
  const lacks = played.alone.json.problems.map(({ place }) => place);
  assert.is(played.alone.status, lacks.length === 0 ? 0 : 1);
  assert.equal(
    played.beside.json.problems.map(({ place }) => place),
    lacks,
  );
});

test('kernel modules: what this kernel has not is named with its package, and nothing else', () => {
  const able = (command: string): boolean =>
    spawnSync('unshare', ['-n', 'sh', '-c', command]).status === 0;
  const queue = `nft 'table inet x { chain c { queue flags bypass to 0; }; }'`;
  const parts = [
    ['kmod-gre', able('ip link add x type gre remote 192.0.2.1 ttl 64')],
    ['kmod-gre6', able('ip link add x type ip6gre remote 2001:db8::1 ttl 64')],
    ['kmod-nft-queue', able(queue)],
    ['kmod-nfnetlink-log', true],
    ['kmod-nf-conntrack-netlink', able('conntrack -L')],
  ] as const;
  const second = `config proxy 'six'
	option address '2001:db8::20'
	option local '10.214.0.1'
	option remote '10.214.0.2'
`;
  const held = config()
    .replace("	option hold '0'\n", '')
    .replace('config app', `${second}config app`);
  const played = play(`${held}	list proxy 'six'\n`, HOME);
  const missing = parts.filter(([, isThere]) => !isThere).map(([name]) => name);
  for (const asked of [played.alone, played.beside]) {
    assert.equal(
      asked.json.problems.map(({ place }) => place),
      missing,
    );
    for (const one of asked.json.problems) {
      assert.match(lineOf(one), `opkg install ${one.place}`);
    }
  }
  for (const [name, isThere] of parts)
    assert.ok(seen(played, 'kernel modules').includes(isThere ? name : `${name} MISSING`));
});

test('the commands for a missing module are those of the package program that is there', () => {
  const withApk = `${HOME}
mount -t tmpfs none /mnt; mkdir /mnt/upper /mnt/work
mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=/mnt/upper,workdir=/mnt/work /usr/sbin
touch /usr/sbin/apk`;
  const six = config().replace('203.0.113.20', '2001:db8::20');
  const played = play(six, withApk, 'apk add kmod-gre6');
  for (const { json } of [played.alone, played.beside]) {
    for (const { place, fix } of json.problems)
      assert.is(fix, `apk update; apk add ${place}; /etc/init.d/whp restart`);
  }
  const lacks = played.alone.json.problems.length > 0;
  if (lacks)
    assert.match(
      alarmLines(played.status).join('\n'),
      /^! .*; apk add kmod-gre6; \/etc\/init\.d\/whp restart/m,
    );
});

test('a lan device that is not there', () => {
  const played = play(config(['br-lna']), HOME, 'there is no device');
  const [line = '', ...more] = said(played, 'problems');
  assert.equal(more, []);
  assert.match(line, `whp.globals.lan (${FOLDER}/whp:3): there is no device "br-lna"`);
  assert.match(line, 'bridges here: br-lan; uci del_list whp.globals.lan=');
  assert.is(played.alone.status, 1);
  assert.is(played.beside.status, 1);
  assert.ok(played.alone.text.includes(`${line}\n`));
  inStatus(played, line);
});

test("an interface's name, of the file that netifd reads", () => {
  const network = `mount -t tmpfs none /etc/config
printf "config interface 'lan'\\n\\toption device 'br-lan'\\n" >/etc/config/network`;
  const hadFolder = existsSync('/etc/config');
  if (!hadFolder) mkdirSync('/etc/config');
  const [line = ''] = said(play(config(['lan']), `${HOME}\n${network}`), 'problems');
  if (!hadFolder) rmdirSync('/etc/config');
  assert.match(line, 'that is an interface of /etc/config/network, and its device is br-lan');
});

test('a port of a bridge, and a bridge whose addresses are on a device above it', () => {
  const [port = ''] = said(play(config(['lan1']), HOME), 'problems');
  assert.match(port, 'lan1 is a port of br-lan');
  // This kernel has no VLANs: a macvlan stands in for br-lan.1.
  const above = `${HOME}
ip address flush dev br-lan; ip link add link br-lan name br-lan.1 type macvlan
ip link set br-lan.1 up; ip address add 192.168.1.1/24 dev br-lan.1`;
  const played = play(config(), above, 'br-lan has no address');
  const [line = ''] = said(played, 'problems');
  assert.match(line, 'br-lan has no address, and those of the home are on br-lan.1');
  assert.match(line, "uci add_list whp.globals.lan='br-lan.1'");
  inStatus(played, line);
});

test('a bridge with devices in no list lan', () => {
  const guests = `${HOME}
ip link add br-guest type bridge; ip link set br-guest up; ip address add 192.168.3.1/24 dev br-guest
ip link add g0 type veth peer name phone; ip link set g0 master br-guest up`;
  const played = play(config(), guests, 'is in no list lan');
  assert.equal(said(played, 'problems'), []);
  const [note = ''] = said(played, 'notes');
  assert.match(note, /br-guest \(bridge, 1 port, 192\.168\.3\.1\/24\) is in no list lan/);
  // In a text a colon may stand before the command.
  assert.ok(played.alone.text.includes(`note: ${note.split('; ')[0]}`), played.alone.text);
  assert.equal(played.answer.notes.map(lineOf), [note]);
  assert.match(played.status, '1 note: whp check\n');
});

test('a default route by a lan device', () => {
  const arm = `${HOME}
ip route del default; ip route add default via 192.168.1.254`;
  const played = play(config(), arm, 'the default route leaves by br-lan');
  const [line = ''] = said(played, 'problems');
  assert.match(line, 'ip route: the default route leaves by br-lan, which is a lan device');
  inStatus(played, line);
});

/** As firewall4 loads it. */
function firewall(devices: string, lan: string): string {
  writeFileSync(
    `${FOLDER}/fw4.nft`,
    `table inet fw4 {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state vmap { established : accept, related : accept } comment "!fw4: Handle forwarded flows"
		iifname ${devices} jump forward_lan comment "!fw4: Handle lan IPv4/IPv6 forward traffic"
		jump handle_reject
	}
	chain forward_lan {
		jump accept_to_wan comment "!fw4: Accept lan to wan forwarding"
${lan}	}
	chain accept_to_wan { oifname "wan" counter accept; }
	chain accept_to_whp {
		meta nfproto ipv4 oifname "whp-*" ct state invalid counter drop comment "!fw4: Prevent NAT leakage"
		oifname "whp-*" counter accept comment "!fw4: accept whp IPv4/IPv6 traffic"
	}
	chain handle_reject {
		meta l4proto tcp reject with tcp reset comment "!fw4: Reject TCP traffic"
		reject comment "!fw4: Reject any other traffic"
	}
}
`,
  );
  return `${HOME}\nnft -f fw4.nft`;
}

test('the loaded firewall, with and without a way into the tunnels', () => {
  const good = play(config(), firewall('{ "br-lan", "br-x" }', '\t\tjump accept_to_whp\n'));
  assert.equal(said(good, 'problems'), []);
  assert.is(seen(good, 'firewall'), 'table inet fw4: passes from br-lan to whp-cloud');
  const played = play(config(), firewall('"br-lan"', ''), 'the firewall refuses');
  const [line = '', ...more] = said(played, 'problems');
  assert.equal(more, []);
  assert.match(line, 'the firewall refuses new connections (table inet fw4, chain handle_reject)');
  assert.match(line, '/usr/share/whp/firewall.sh install');
  inStatus(played, line);
});

test('a forwarding that is taken away while the agent runs, and a rule exchanged for another', () => {
  const setup = firewall('"br-lan"', '\t\tjump accept_to_whp\n');
  const change = `
${JOINED}
${WHP} daemon ${OPTIONS} >>log 2>&1 &
early=$!
for i in $(seq 200); do grep -q '^whp: enforcing' log && break; sleep 0.1; done
whp check | joined | grep -v kmod | sed 's/^/before: /'
nft flush chain inet fw4 forward_lan; nft add rule inet fw4 forward_lan jump accept_to_wan; sleep 1
whp check | joined | grep -v kmod | sed 's/^/gone: /'
nft add rule inet fw4 forward_lan jump accept_to_whp; sleep 1
whp check | joined | grep -v kmod | sed 's/^/back: /'
nft flush chain inet fw4 accept_to_whp; nft add rule inet fw4 accept_to_whp drop; nft add rule inet fw4 accept_to_whp drop
sleep 6; whp check | joined | grep -v kmod | sed 's/^/exchanged: /'
kill $early; wait $early; : >log`;
  const { alone } = play(config(), `${setup}\n(${change}\n) >changes 2>&1`);
  assert.ok(alone.text.length > 0);
  const changes = readFileSync(`${FOLDER}/changes`, 'utf8');
  assert.not.match(changes, /before: .*refuses/);
  assert.match(changes, /gone: firewall, br-lan to whp-cloud: the firewall refuses/);
  assert.not.match(changes, /back: .*refuses/);
  assert.match(changes, /exchanged: .*\(table inet fw4, chain accept_to_whp\)/);
});

test('addresses that are taken, and a file that proxies nothing', () => {
  const inner = config().replace('10.213.0.1', '192.168.1.1').replace('203.0.113.20', '10.0.0.5');
  const notes = said(play(inner, HOME), 'notes');
  assert.match(notes[0]!, 'whp.cloud.address');
  assert.match(notes[1]!, 'whp.cloud.local');
  assert.match(notes[1]!, '192.168.1.1 is in the network of br-lan');
  const off = play(config(['br-lan'], "\toption enabled '0'\n"), HOME);
  assert.is(off.alone.status, 0, off.alone.text);
  assert.is(off.beside.status, 0, off.beside.text);
  const verdict = `${FOLDER}/whp: valid, but nothing is proxied: app skype is disabled`;
  assert.ok(off.alone.text.includes(verdict), off.alone.text);
  assert.ok(off.beside.text.includes(verdict), off.beside.text);
});

test('a clock that is not set', () => {
  // For every program started after it, in this test only.
  writeFileSync(
    `${FOLDER}/past.c`,
    `#include <sys/time.h>
#include <time.h>
int gettimeofday(struct timeval *restrict now, void *restrict zone)
{ (void)zone; now->tv_sec = 100000; now->tv_usec = 0; return 0; }`,
  );
  const built = spawnSync('gcc', [
    '-shared',
    '-fPIC',
    '-o',
    `${FOLDER}/past.so`,
    `${FOLDER}/past.c`,
  ]);
  assert.is(built.status, 0, String(built.stderr));
  const played = play(config(), `${HOME}\nexport LD_PRELOAD=${FOLDER}/past.so`);
  const [note = ''] = said(played, 'notes');
  assert.match(note, 'clock: the clock is not set (it says 1970-01-02): schedules do not count');
});

test('a file alone is not held against this router', () => {
  writeFileSync(`${FOLDER}/other`, config(['br-nowhere']));
  const { stdout, status } = spawnSync(
    'unshare',
    ['-n', 'sh', '-c', `${WHP} check ${FOLDER}/other ${OPTIONS}`],
    { encoding: 'utf8' },
  );
  assert.is(status, 0, stdout);
  assert.is(
    unbroken(stdout),
    `${FOLDER}/other: good: skype by cloud (203.0.113.20), all devices, refused when it is down; the file alone: this router was not looked at, which whp check does\n`,
  );
});

test.run();
