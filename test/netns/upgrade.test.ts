// An upgrade from version 0.1.0, and from what followed it up to commit 8a0fb95, which had other names in the kernel:
// the table of such an agent, with what it has learned, is changed into this one's, or replaced, in one transaction,
// and no old name is left. fixtures/handover-0.1.0.standing is the file that an agent of that commit left with the
// configuration below; its `whp ruleset` prints the same table.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadText } from '../../agent/src/ruleset/transaction.ts';
import type { Handover } from '../../agent/src/runtime/handover-file.ts';
import {
  config,
  type Home,
  MEDIA,
  OTHER,
  P2P,
  PEER,
  pause,
  startHome,
  until,
} from '../fixtures/netns-home.ts';

const NAME = `whp-upgrade-${process.pid}`;
const FOLDER = `out/netns/${NAME}`;
const DEVICE = '192.168.1.11';
const MAC = '02:00:00:00:00:aa';
const PORT = `0x${P2P.toString(16)}0000`;
const LEFT = JSON.parse(readFileSync('test/fixtures/handover-0.1.0.standing', 'utf8')) as Handover;

/** Names of sets and chains, each before and after. */
const RENAMED = [
  ['set never4', 'set bogon4'],
  ['set loud4', 'set log_limit4'],
  ['set loudmac', 'set log_limit_mac'],
  ['set fresh', 'set renewed'],
  ['set asking4', 'set query_limit4'],
  ['set answeredhome', 'set answer_limit_home'],
  ['set silent4', 'set cut4'],
  ['set using4', 'set client4'],
  ['set waiting4', 'set stun_delay4'],
  ['set skype_node4', 'set skype_supernode4'],
  ['set skype_window4', 'set skype_request4'],
  ['set skype_asked4', 'set skype_portmap4'],
  ['set skype_askedmac', 'set skype_portmapmac'],
  ['set skype_ports4', 'set skype_port_limit4'],
  ['chain loud', 'chain log_limit'],
  ['chain near4', 'chain to_bogon4'],
  ['chain reflect', 'chain icmp_error'],
] as const;

/** The MAC as two fields of a key. */
const MAC_PARTS = '0x2000000 . 0xaa';

/** What that agent has learned: elements that the new table has to hold, by the set's name now; `listed`: as nft
 * lists it there, if not as before. */
const LEARNED: readonly (readonly [
  before: string,
  after: string,
  element: string,
  listed?: string,
])[] = [
  ['skype_addr4', 'skype_addr4', OTHER],
  ['skype_udp4', 'skype_udp4', `${DEVICE} . ${PORT}`],
  ['skype_udpmac', 'skype_udpmac', `${MAC} . ${PORT}`],
  ['skype_tcp4', 'skype_tcp4', `${DEVICE} . ${PORT}`],
  ['skype_peer4', 'skype_peer4', `${DEVICE} . ${PEER}`],
  ['skype_peermac4', 'skype_peermac4', `${MAC} . ${PEER}`, `${MAC_PARTS} . ${PEER}`],
  ['skype_asked4', 'skype_portmap4', DEVICE],
  ['silent4', 'cut4', `${MEDIA} . 0x1bbc350`],
  ['using4', 'client4', DEVICE],
];

let home: Home;
let monitor: ChildProcess;
let events = '';
test.before(async () => {
  mkdirSync(FOLDER, { recursive: true });
  home = await startHome(NAME);
  const words = [`--net=/run/netns/${NAME}-router`, 'nft', 'monitor', 'tables'];
  monitor = spawn('nsenter', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  monitor.stdout!.on('data', (bytes: Buffer) => {
    events += bytes.toString();
  });
  await pause(200);
});
test.after(() => {
  monitor.kill('SIGKILL');
  home.stop();
});

const tables = (): string => home.run('router', 'nft', 'list', 'tables');

/** The fingerprint of the table that stands: the handles depend on the kernel, the numbers of references do not. */
function fingerprint(): string {
  const text = home.run('router', 'nft', '-a', 'list', 'table', 'inet', 'whp');
  const chains = text.matchAll(/chain (\w+) \{ # handle (\d+)/g);
  const handles = new Map(Array.from(chains, ([, name = '', handle = '']) => [name, handle]));
  return LEFT.fingerprint.replace(/(\w+) \d+ (\d+)/g, (_, name: string, uses: string) => {
    return `${name} ${handles.get(name)} ${uses}`;
  });
}

/** The tables as an agent of version 0.1.0 left them when it was killed, and its file. `isChanged`: another program
 * has changed the table since. */
function leave(isChanged: boolean): void {
  // A window of four seconds would be over before a busy machine has started the agent.
  const isLong = (set: string): boolean => set === 'skype_addr4' || set === 'skype_asked4';
  const learned = LEARNED.map(
    ([set, , element]) =>
      `add element inet whp ${set} { ${element}${isLong(set) ? ' timeout 1h' : ''} }\n`,
  );
  // That table had a flow table too, which not every kernel has.
  const apart = `table inet whp_apart {
  chain forward {
    type filter hook forward priority -199;
  }
}
`;
  writeFileSync(`${FOLDER}/left.nft`, loadText(LEFT.standing) + learned.join('') + apart);
  home.run('router', 'nft', '-f', `${FOLDER}/left.nft`);
  writeFileSync(`${FOLDER}/whp.standing`, JSON.stringify({ ...LEFT, fingerprint: fingerprint() }));
  if (isChanged) home.run('router', 'nft', 'add rule inet whp crowd accept');
}

for (const isChanged of [false, true]) {
  test(`the table of version 0.1.0 ${isChanged ? 'that others changed is replaced' : 'is taken over'}`, async () => {
    leave(isChanged);
    assert.match(tables(), 'whp_apart');
    // Refused until the agent has made routes.
    const talk = home.talk(P2P, OTHER);
    await until(talk, ({ word }) => word !== 'proxya');
    events = '';
    await home.startAgent(config({}));
    await pause(200);
    assert.match(home.log(), isChanged ? /replaced, what it had learned is kept/ : /taken over/);
    // It is changed in place, or deleted and added in one transaction: no packet of the app has left by the WAN.
    const own = events.match(/^.* table inet whp$/gm) ?? [];
    assert.equal(own, isChanged ? ['delete table inet whp', 'add table inet whp'] : []);
    await until(talk, ({ word }) => word === 'proxya');
    talk.stop();
    assert.not.ok(talk.heard.some(({ word }) => word === 'internet'));
    assert.not.match(tables(), 'whp_apart');
    const listing = home.run('router', 'nft', 'list', 'table', 'inet', 'whp');
    for (const [before, after] of RENAMED) {
      assert.match(listing, `\t${after} {\n`);
      assert.not.match(listing, `\t${before} {\n`);
    }
    for (const [, set, element, listed = element] of LEARNED) {
      const words = ['nft', 'list', 'set', 'inet', 'whp', set];
      const held = home.run('router', ...words).replace(/ timeout \S+/, '');
      assert.match(held, `${listed} expires`, `${set}: ${held}`);
    }
    await home.stopAgent();
    assert.not.match(tables(), /whp/);
  });
}

test.run();
