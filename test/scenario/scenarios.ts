// Scenarios of the runtime: what an agent does to a kernel, step by step. Each is played on the fake kernel
// (test/runtime) and on the kernel of a namespace (test/netns/scenarios), and leaves the same behind on both.
import { after, now } from '../../agent/src/os/clock.ts';
import { errorText } from '../../agent/src/os/errno.ts';
import { log } from '../../agent/src/os/log.ts';
import { markOf } from '../../agent/src/policy/marks.ts';
import type { Policy } from '../../agent/src/policy/policy.ts';
import { addressKey, pairKey } from '../../agent/src/ruleset/elements.ts';
import { setName } from '../../agent/src/ruleset/names.ts';
import type { Agent } from '../../agent/src/runtime/agent.ts';
import { enforce } from '../../agent/src/runtime/enforce.ts';
import { makeRoom } from '../../agent/src/runtime/evict.ts';
import { settle } from '../../agent/src/runtime/failover.ts';
import { closeFeeds } from '../../agent/src/runtime/feeds.ts';
import { applyGuard, guardPieces } from '../../agent/src/runtime/guard.ts';
import { adopt, leftBehind } from '../../agent/src/runtime/handover.ts';
import { run, startKeeping } from '../../agent/src/runtime/repair.ts';
import { noteGone } from '../../agent/src/runtime/table-state.ts';
import { withdraw } from '../../agent/src/runtime/withdraw.ts';
import { step } from '../../agent/src/step/step.ts';
import type { Way } from '../../agent/src/tunnel/select.ts';
import { answerTo } from '../fixtures/dns.ts';
import { askedEvents } from '../fixtures/dns-events.ts';
import { DEVICE as PHONE, ROUTER, udp4 } from '../fixtures/plain-packets.ts';
import { profile } from '../fixtures/profile.ts';
import { agentOn, DEVICE, PROXIES, policyOf, type Stage, until } from './stage.ts';

export interface Scenario {
  readonly name: string;
  play(stage: Stage): Promise<void>;
  /** Patterns that the dump at the end must match, and must not. */
  readonly has: readonly RegExp[];
  readonly hasNot: readonly RegExp[];
  /** It begins with flows that are bound to another way than the open one. */
  readonly isTorn?: boolean;
  /** What the agent does by itself after a failure; default: it enforces the policy again. */
  again?(stage: Stage): Promise<void>;
}

const PEER = '203.0.113.9';
/** In a range of the profile that teaches UDP ports. */
const SUPERNODE = '111.221.74.20';
const caps = { ...profile.caps, peers: 128 };

const TABLE = /^table inet whp \{/m;
const VIA_A = /^route v4 default dev whp-a /m;
const VIA_B = /^route v4 default dev whp-b /m;
const REFUSED = /set skype_blocked \{[^}]*elements/;
const DIRECT = /set skype_direct \{[^}]*elements/;
const FLOW = /^flow /m;
/** What an agent that has ended leaves nothing of. */
const OURS = [/^table/m, /^r(?:ule|oute) /m];

/** Enforces a policy; throws if that fails. */
async function enforced(stage: Stage, policy = policyOf()): Promise<void> {
  stage.wanted = policy;
  const wrong = await enforce(stage.agent, policy);
  if (wrong !== null) throw new Error(errorText(wrong));
}

/** Enforces the first policy of a scenario. */
async function started(stage: Stage): Promise<Agent> {
  await enforced(stage);
  // Lists are read one after the other: those of the first search have ended with this one.
  await stage.kernel.conntrack.list([], () => {});
  stage.hasBegun();
  return stage.agent;
}

/** Closes the sockets of an agent, as the end of its process does; tables, routes and rules stay. */
export function endProcess(agent: Agent): void {
  closeFeeds(agent.feeds);
  for (const piece of guardPieces(agent.guard)) applyGuard(agent, { op: 'delete', piece });
}

/** Chooses a way as the probes would. */
export function choose({ failover }: Agent, way: Way): void {
  const { choices } = failover.steering;
  choices.set('skype', { ...choices.get('skype')!, way });
}

/** Adds two marked flows that are bound to the tunnel of proxy a. */
async function callOn(stage: Stage, { policy }: Agent, inner: string): Promise<void> {
  const mark = markOf(policy.globals.mask, 1);
  for (const port of [13021, 13022]) {
    await stage.addFlow({ from: DEVICE, port, to: PEER, toPort: 4000 + port, mark, inner });
  }
}

/** Runs `during` while repair watches, until `repairs` repairs were made. */
async function kept(stage: Stage, repairs: number, during: () => Promise<void>): Promise<void> {
  const { agent } = stage;
  const keeping = startKeeping(agent);
  if (!keeping.ok) throw new Error(keeping.error.operation);
  await during();
  // Where a call has failed it may have been the repair's: then the agent's next try is what a scenario does again.
  const began = now();
  const isOver = (): boolean => stage.hasFailed() && now() - began > 1500;
  await until(() => agent.repairs.count >= repairs || isOver());
  await agent.turns.last;
  keeping.value();
}

/** The device asks for a name of the application, and is answered PEER. */
function resolve({ effects, state }: Agent): void {
  const message = answerTo('ui.skype.com', [
    { name: '@12', type: 1, ttl: 600, rdata: [203, 0, 113, 9] },
  ]);
  const packet = udp4(ROUTER, 53, PHONE, 40000, message);
  for (const event of askedEvents(packet)) effects.run(step(state, event, now()));
}

function movedPolicy(): Policy {
  const policy = policyOf();
  return {
    ...policy,
    globals: { ...policy.globals, mask: 0x00f00000, preference: 16000, table: 16000 },
  };
}

async function moved({ agent }: Stage): Promise<void> {
  const error = await settle(agent.failover);
  if (error !== null) log('error', errorText(error));
}

async function room({ agent, kernel }: Stage): Promise<void> {
  // The sets are read when an element finds no room.
  if (kernel.sets.count(setName('skype', 'peer', 4)) < caps.peers) return;
  await makeRoom(agent.effects, 'skype', (error) => {
    if (error !== null) log('error', errorText(error));
  });
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'enforce: a first policy',
    has: [TABLE, /^rule v4 15001: .* lookup 15001$/m, VIA_A],
    hasNot: [VIA_B],
    play: (stage) => enforced(stage),
  },
  {
    name: 'enforce: another list of devices, and back',
    has: [TABLE, VIA_A],
    hasNot: [/ip saddr @skype_device4/],
    play: async (stage) => {
      await started(stage);
      await enforced(stage, policyOf({ devices: [DEVICE] }));
      await enforced(stage);
    },
    again: (stage) => enforced(stage),
  },
  {
    name: 'enforce: a proxy less',
    has: [TABLE, VIA_B],
    hasNot: [VIA_A],
    play: async (stage) => {
      await started(stage);
      await enforced(stage, policyOf({}, PROXIES.slice(1)));
    },
  },
  {
    name: 'enforce: other marks, rules and tables while a call runs',
    has: [TABLE, /^rule v4 16001: .* fwmark 0x100000\/0xf00000 lookup 16001$/m],
    hasNot: [/15001/, FLOW],
    play: async (stage) => {
      const agent = await started(stage);
      await callOn(stage, agent, PROXIES[0]!.local);
      await enforced(stage, movedPolicy());
    },
  },
  {
    name: 'enforce: a pause, an end of it',
    has: [TABLE, VIA_A],
    hasNot: [/set skype_paused \{[^}]*elements/],
    play: async (stage) => {
      await started(stage);
      await enforced(stage, policyOf({ direct: 'paused' }));
      await enforced(stage);
    },
  },
  {
    name: 'enforce: no application any more',
    has: [TABLE],
    hasNot: [/^r(?:ule|oute) /m, /chain skype_/],
    play: async (stage) => {
      await started(stage);
      await enforced(stage, { ...policyOf(), apps: [] });
    },
  },
  {
    name: 'enforce: no application any more, while it was refused',
    has: [TABLE],
    hasNot: [/^r(?:ule|oute) /m, /chain skype_/],
    play: async (stage) => {
      const agent = await started(stage);
      choose(agent, { kind: 'blocked' });
      await moved(stage);
      await enforced(stage, { ...policyOf(), apps: [] });
    },
  },
  {
    name: 'repair: the ruleset is flushed',
    has: [TABLE, VIA_A],
    hasNot: [],
    play: async (stage) => {
      await started(stage);
      await kept(stage, 1, () => stage.flush());
    },
  },
  {
    name: 'repair: a rule is deleted',
    has: [/^rule v4 15001: /m],
    hasNot: [],
    play: async (stage) => {
      await started(stage);
      await kept(stage, 1, () => stage.deleteRule(15001, '0x1000000/0xf000000', 15001));
    },
  },
  ...(
    [
      ['another proxy', { kind: 'tunnel', proxy: 'b' }, [VIA_B], [VIA_A]],
      ['none, refused', { kind: 'blocked' }, [REFUSED, /^route v4 prohibit/m], [VIA_A]],
      ['none, direct', { kind: 'direct' }, [DIRECT], [/^route /m]],
    ] as const
  ).map(
    ([name, way, has, hasNot]): Scenario => ({
      // Device and peer of the call were added to the peer sets.
      has: [...has, /192\.168\.1\.11 \. 203\.0\.113\.9/],
      hasNot: [...hasNot, FLOW],
      name: `failover: to ${name} while a call runs`,
      play: async (stage) => {
        const agent = await started(stage);
        await callOn(stage, agent, PROXIES[0]!.local);
        choose(agent, way);
        await moved(stage);
      },
      again: moved,
    }),
  ),
  {
    name: 'failover: from direct to a proxy again',
    has: [VIA_B, /^route v4 prohibit/m],
    hasNot: [/set skype_direct \{[^}]*elements/],
    play: async (stage) => {
      await enforced(stage);
      choose(stage.agent, { kind: 'direct' });
      await moved(stage);
      stage.hasBegun();
      choose(stage.agent, { kind: 'tunnel', proxy: 'b' });
      await moved(stage);
    },
    again: moved,
  },
  {
    name: 'eviction: a full set of peers',
    has: [/90\.0\.0\.127/],
    hasNot: [/90\.0\.0\.0\b/],
    play: async (stage) => {
      await enforced(stage, policyOf({}, PROXIES, { caps }));
      const set = setName('skype', 'peer', 4);
      const elements = Array.from({ length: caps.peers }, (_, i) => ({
        key: pairKey(DEVICE, `90.0.0.${i}`)!,
        timeout: 1_000_000 + i * 1000,
      }));
      stage.kernel.sets.change([{ operation: 'add', set, elements }]);
      stage.hasBegun();
      await room(stage);
    },
    again: room,
  },
  {
    name: 'takeover: the next agent finds what one left, with what it had learned',
    has: [TABLE, VIA_A, /203\.0\.113\.9 timeout/],
    hasNot: [],
    play: async (stage) => {
      await enforced(stage);
      const set = setName('skype', 'addr', 4);
      const elements = [{ key: addressKey(PEER)!, timeout: 3_600_000 }];
      stage.kernel.sets.change([{ operation: 'add', set, elements }]);
      stage.hasBegun();
      endProcess(stage.agent);
      stage.agent = agentOn(stage, policyOf());
      await adopt(stage.agent, policyOf(), leftBehind(stage.kernel, stage.file));
      await enforced(stage);
    },
  },
  {
    name: 'takeover: in the middle of a failover',
    isTorn: true,
    has: [TABLE, VIA_A],
    hasNot: [FLOW],
    play: async (stage) => {
      const agent = await started(stage);
      // The agent before has opened the way by a, and not deleted the flows on b.
      await callOn(stage, agent, PROXIES[1]!.local);
      endProcess(agent);
      stage.agent = agentOn(stage, policyOf());
      await adopt(stage.agent, policyOf(), leftBehind(stage.kernel, stage.file));
      await enforced(stage);
    },
  },
  {
    name: 'takeover: other marks, rules and tables, while a call runs',
    has: [TABLE, /^rule v4 16001: .* fwmark 0x100000\/0xf00000 lookup 16001$/m],
    hasNot: [/15001/, FLOW],
    play: async (stage) => {
      const agent = await started(stage);
      await callOn(stage, agent, PROXIES[0]!.local);
      endProcess(agent);
      stage.agent = agentOn(stage, movedPolicy());
      await adopt(stage.agent, movedPolicy(), leftBehind(stage.kernel, stage.file));
      await enforced(stage, movedPolicy());
    },
  },
  {
    name: 'takeover: the same where the table is gone',
    has: [TABLE, /^rule v4 16001: .* fwmark 0x100000\/0xf00000 lookup 16001$/m],
    hasNot: [/15001/, FLOW],
    play: async (stage) => {
      const agent = await started(stage);
      await callOn(stage, agent, PROXIES[0]!.local);
      endProcess(agent);
      await stage.flush();
      stage.agent = agentOn(stage, movedPolicy());
      await adopt(stage.agent, movedPolicy(), leftBehind(stage.kernel, stage.file));
      await enforced(stage, movedPolicy());
    },
  },
  {
    name: 'enforce: other marks, rules and tables, where the table is gone',
    has: [TABLE, /^rule v4 16001: .* fwmark 0x100000\/0xf00000 lookup 16001$/m],
    hasNot: [/15001/, FLOW],
    play: async (stage) => {
      const agent = await started(stage);
      await callOn(stage, agent, PROXIES[0]!.local);
      await stage.flush();
      noteGone(agent.table);
      await enforced(stage, movedPolicy());
    },
  },
  {
    name: 'late flows: DNS of a device that is older than the table',
    has: [/^flow .* > 203\.0\.113\.10:443/m],
    hasNot: [/^flow .*:53 /m],
    play: async (stage) => {
      await stage.addFlow({ from: DEVICE, port: 13021, to: '203.0.113.53', toPort: 53, mark: 0 });
      await stage.addFlow({ from: DEVICE, port: 13022, to: '203.0.113.10', toPort: 443, mark: 0 });
      const { agent } = stage;
      await enforced(stage);
      await until(() => agent.effects.late.cut > 0 || stage.hasFailed());
    },
    again: async (stage) => {
      await enforced(stage);
      await until(() => stage.agent.effects.late.cut > 0);
    },
  },
  {
    name: 'late flows: evidence for a flow that is direct',
    has: [/^flow .* > 203\.0\.113\.10:443/m],
    hasNot: [/^flow .* > 203\.0\.113\.9:443/m],
    play: async (stage) => {
      const agent = await started(stage);
      await stage.addFlow({ from: DEVICE, port: 13021, to: PEER, toPort: 443, mark: 0 });
      await stage.addFlow({ from: DEVICE, port: 13022, to: '203.0.113.10', toPort: 443, mark: 0 });
      resolve(agent);
      await until(() => agent.effects.late.cut > 0 || stage.hasFailed());
    },
    // runtime/late-flows tries again by itself.
    again: ({ agent }) => until(() => agent.effects.late.cut > 0),
  },
  {
    name: 'late flows: a port that a search shows, and another flow of that port',
    has: [/set skype_udp4 \{[^}]*elements/],
    hasNot: [FLOW],
    play: async (stage) => {
      const { agent } = stage;
      for (const [to, toPort] of [
        [PEER, 4000],
        [SUPERNODE, 33033],
      ] as const)
        await stage.addFlow({ from: DEVICE, port: 13021, to, toPort, mark: 0 });
      await enforced(stage);
      await until(() => agent.effects.late.cut >= 2 || stage.hasFailed());
    },
    again: async (stage) => {
      await enforced(stage);
      await until(() => stage.agent.effects.late.cut >= 2);
    },
  },
  {
    name: 'stop: nothing is left',
    has: [],
    hasNot: OURS,
    play: async (stage) => {
      await started(stage);
      await withdraw(stage.agent);
    },
    again: (stage) => withdraw(stage.agent),
  },
  {
    name: 'stop: a repair that becomes due meanwhile is not made',
    has: [],
    hasNot: OURS,
    play: async (stage) => {
      const agent = await started(stage);
      const stopping = withdraw(agent);
      run(agent, { kind: 'overrun' });
      await stopping;
      await new Promise<void>((done) => after(20, done));
    },
    again: (stage) => withdraw(stage.agent),
  },
  {
    name: 'stop: a move that runs ends before it',
    has: [],
    hasNot: OURS,
    play: async (stage) => {
      const agent = await started(stage);
      choose(agent, { kind: 'tunnel', proxy: 'b' });
      const moving = settle(agent.failover);
      await withdraw(agent);
      await moving;
      await new Promise<void>((done) => after(20, done));
    },
    again: (stage) => withdraw(stage.agent),
  },
];
