// Every fault session must be able to fail: each runs on a fake lab where everything succeeds, then with one
// packet of one flow outside the tunnel, then with no packet in the tunnel.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Call, CallRecord, Fault, FaultLab } from '../lab/faults/fault.ts';
import { echoes, judged, told } from '../lab/faults/row.ts';
import { FAULTS } from '../lab/faults/sessions.ts';
import { remoteOf } from '../lab/verdict/nature.ts';
import type { Sighting } from '../lab/verdict/sighting.ts';
import {
  EVERY_DEVICE,
  freshAddress,
  HOME_ADDRESS,
  lonePeer,
  PROXY_ADDRESS,
  peerAddress,
  SUPERNODES,
  TAG,
  v6Bytes,
  v6Text,
} from '../lab/world/plan.ts';

/** Sessions whose verdict is about the app's flows. */
const NAMES = [
  'killed',
  'stopped',
  'hung',
  'flooded',
  'reboot',
  'reboot-wan-first',
  'restart',
  'stop-start',
  'sleep',
  'elsewhere',
  'two-families',
  'two-apps',
  'incoming',
  'forged',
  'flood-and-call',
  'flood-names',
  'flood-ports',
  'flood-peers',
];

interface Story {
  /** The number of the flow whose packet is outside the tunnel, in order of their start. */
  readonly leak?: number;
  /** No packet is in the tunnel. */
  readonly silent?: boolean;
}

function packet(remote: string, tunnelled: boolean): Sighting {
  const out = {
    source: HOME_ADDRESS,
    sourcePort: 40_000,
    destination: remote,
    destinationPort: 443,
  };
  const gre = {
    protocol: 47,
    source: HOME_ADDRESS,
    sourcePort: 0,
    destination: PROXY_ADDRESS,
    destinationPort: 0,
  };
  return {
    ...out,
    protocol: 17,
    time: 1,
    tos: TAG.application,
    length: 60,
    tunnelled,
    ...(tunnelled ? { outer: gre } : {}),
    tcpFlags: 0,
    tcpSequence: 0,
    quoted: undefined,
  };
}

/** The remotes of a program of the world, from the words of its usage. */
function remotesOf(program: string, words: readonly (string | number)[]): string[] {
  if (program === 'arrivals') {
    const [, , first, , , way] = words;
    const count = way === 'known' ? 1 : 3;
    return Array.from({ length: count }, (_, i) => freshAddress(Number(first) + i));
  }
  if (program === 'sleeper') {
    const index = EVERY_DEVICE.findIndex(({ name }) => name === words[0]);
    return [peerAddress(index, Number(words[3]) & 255, 'in'), lonePeer(Number(words[3]) * 16)];
  }
  if (program !== 'families') return [];
  return [lonePeer(Number(words[2]) * 16), v6Text(v6Bytes(String(words[4])))];
}

const SAID = {
  asked: 100,
  answered: 100,
  connected: 100,
  silence: 10,
  sent: 100,
  heard: 100,
  seconds: 1,
  refused: 0,
};

/** The router's answers to the commands whose output a session reads. */
function shell(command: string): string {
  if (command.includes('nft -j list')) return '{"nftables":[]}';
  if (command.includes('/tmp/memory.txt')) return '2000 20000';
  return command.includes('/proc/uptime') ? '10 10' : '1';
}

/** A lab in which every command succeeds at once. `groups`: the remotes of each flow that was started. */
function pretend(story: Story, fault: Fault): { lab: FaultLab; groups: string[][] } {
  const groups: string[][] = [];
  let [clock, names, peers] = [0, 0, 0];
  const leaks = (): Sighting[] =>
    story.leak === undefined
      ? []
      : (groups[story.leak] ?? []).slice(0, 1).map((one) => packet(one, false));
  const proxied = (): Sighting[] =>
    story.silent ? [] : groups.flat().map((remote) => packet(remote, true));
  const record = (): CallRecord => ({
    sent: [0, 20],
    heard: Array.from({ length: 1000 }, (_, i) => i * 100),
    lost: [],
    silence: 10,
    answeredAfter: () => 10,
  });
  const program = (onLine: (line: string) => void, said: object) => ({
    pid: 1,
    done: Promise.resolve({ status: 0, stderr: '' }),
    write: () => {},
    kill: async () => onLine(JSON.stringify(said)),
  });
  const machine = {
    run: async (command: string) => ({ status: 0, stdout: shell(command), stderr: '' }),
    must: async (command: string) => shell(command),
    put: async () => {},
    spawn: async (command: string, onLine: (line: string) => void) => {
      const count = Number(/flood\.js \w+ (\d+)/.exec(command)?.[1] ?? 0);
      onLine(JSON.stringify({ ...SAID, sent: count }));
      return program(onLine, SAID);
    },
  };
  const freshPeer = (): { address: string; port: number } => {
    peers += 1;
    return { address: peerAddress(0, peers, 'out'), port: 20_000 };
  };
  const lab = {
    router: machine,
    world: machine,
    say: () => {},
    sleep: async () => {},
    freshPeer,
    freshNames: (count: number) => {
      names += count;
      return names - count;
    },
    isp: {
      mark: () => 0,
      sightings: () => [...proxied(), ...leaks()],
      leaks,
      strays: () => [],
      frames: () => [],
    },
    agent: {
      start: async () => {},
      stop: async () => {},
      pid: async () => 1,
      starts: async () => 1,
      enforcingAgain: async () => {},
      log: async () => 'a table stands: taken over; 3 learned',
      status: async () => ({ counters: { lost: 0, full: 1 }, notes: [SUPERNODES[0]!.address] }),
      configure: async () => '',
    },
    call: async ({
      kind = 'peer',
      device = 'iphone',
      remote = freshPeer(),
    } = {}): Promise<Call> => {
      if (kind === 'peer' || kind === 'name') groups.push([remote.address]);
      return { device, remote, stop: async () => record() };
    },
    play: async (
      _: string,
      name: string,
      words: readonly (string | number)[],
      onLine: (line: string) => void,
    ) => {
      const remotes = remotesOf(name, words);
      if (remotes.length > 0) groups.push(remotes);
      for (const line of ['started', 'asleep', 'awake']) onLine(line);
      const counts = name === 'arrivals' ? { ...SAID, answered: Number(words[3]) } : SAID;
      return program(onLine, counts);
    },
    inject: async () => 0.1,
    inWorld: async () => '{"ok":true,"ms":1,"addresses":[]}',
    worldTime: async () => {
      clock += 3000;
      return clock;
    },
    learned: async () => ['skype_peer4 192.168.1.11 . 86.128.10.1'],
  };
  assert.ok(fault.name);
  return { lab: lab as unknown as FaultLab, groups };
}

async function played(fault: Fault, story: Story) {
  const { lab, groups } = pretend(story, fault);
  const finding = await fault.run(lab, 1);
  return { row: judged(fault, finding, lab.isp.leaks(0)), groups, finding };
}

for (const name of NAMES) {
  const fault = FAULTS.find((one) => one.name === name)!;

  test(`${name}: what is right passes`, async () => {
    const { row } = await played(fault, {});
    assert.is(row.ok, true, row.verdict);
  });

  test(`${name}: a packet of any of its flows beside the tunnel fails it, but those nothing is promised of`, async () => {
    const { groups } = await played(fault, {});
    assert.ok(groups.length > 0, 'no flow of the application');
    for (let leak = 0; leak < groups.length; leak += 1) {
      const { row, finding } = await played(fault, { leak });
      const remote = groups[leak]![0]!;
      const excused = finding.excused?.remotes.has(remote) === true;
      assert.is(row.ok, excused, `flow ${leak} to ${remote}: ${row.verdict}`);
    }
  });

  // During a flood of names all answers for the app's names may be refused.
  if (name === 'flood-names') continue;
  test(`${name}: with nothing in the tunnel it has shown nothing`, async () => {
    const { row } = await played(fault, { silent: true });
    assert.is(row.ok, false, row.verdict);
  });
}

test('every session that excuses packets names their remotes, and counts all others', () => {
  const fault: Fault = {
    name: 'x',
    injected: 'nothing',
    run: async () => {
      throw new Error('not run');
    },
  };
  const [mine, other] = [packet(freshAddress(1), false), packet(freshAddress(2), false)];
  const excused = { why: 'nobody promised', remotes: new Set([remoteOf(mine).address]) };
  const finding = { ok: true, verdict: '', seconds: null, excused };
  assert.is(judged(fault, finding, [mine]).ok, true);
  assert.is(judged(fault, finding, [mine, other]).ok, false);
  assert.is(judged(fault, finding, [mine, other]).leaks, 1);
});

test('what the far side of a direct flow may repeat later is that, and never what the home sends', () => {
  const out = packet('23.96.44.7', false);
  const { source, sourcePort, destination, destinationPort } = out;
  const back = {
    ...out,
    source: destination,
    sourcePort: destinationPort,
    destination: source,
    destinationPort: sourcePort,
  };
  assert.equal(echoes([out]), [told(back)]);
  assert.equal(echoes([back]), [told(back)]);
});

test.run();
