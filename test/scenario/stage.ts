// Where a scenario is played: an agent's parts on a kernel, and what other programs do to that kernel. The kernel is
// the fake one (fakeStage) or that of a namespace (test/netlink/scenario-program).
import type { Settings } from '../../agent/src/config/settings.ts';
import type { Kernel } from '../../agent/src/kernel/kernel.ts';
import { after, now } from '../../agent/src/os/clock.ts';
import { NO_CHOICES } from '../../agent/src/policy/choices.ts';
import type { App, Proxy as CloudProxy, Policy } from '../../agent/src/policy/policy.ts';
import type { Profile } from '../../agent/src/profile/profile.ts';
import type { Agent } from '../../agent/src/runtime/agent.ts';
import { createAgent } from '../../agent/src/runtime/create.ts';
import { addFlow } from '../fake/conntrack.ts';
import { type FakeKernel, fakeKernel } from '../fake/kernel.ts';
import { expire } from '../fake/nft.ts';
import { addLink, dropRule } from '../fake/routing.ts';
import { globals, policyFrom, proxy } from '../fixtures/policies.ts';

/** A UDP flow, with the address that its source was translated to. */
export interface Flow {
  readonly from: string;
  readonly port: number;
  readonly to: string;
  readonly toPort: number;
  readonly mark: number;
  readonly inner?: string;
}

export interface Stage {
  readonly kernel: Kernel;
  /** The agent that plays, and the policy that it was given last. */
  agent: Agent;
  wanted: Policy;
  /** Where the agents of this stage leave what the next one finds. */
  readonly file: string;
  /** The policy that the scenario begins with is enforced. */
  hasBegun(): void;
  /** A change of the kernel has failed. */
  hasFailed(): boolean;
  /** `nft flush ruleset`. */
  flush(): Promise<void>;
  /** `ip rule del` of IPv4. */
  deleteRule(preference: number, mark: string, table: number): Promise<void>;
  addFlow(flow: Flow): Promise<void>;
  /** Tells the agent what a rtnetlink socket would; a kernel does by itself. */
  notice(): void;
  /** Everything of the agent's that stands: `table inet whp` as nft lists it, routes and rules as ip does, and the
   * flows that carry a mark or were put there. */
  dump(): Promise<string>;
}

export const DEVICE = '192.168.1.11';
export const PROXIES: readonly CloudProxy[] = ['a', 'b'].map((name, at) => ({
  ...proxy,
  name,
  address: `198.51.100.${at + 1}`,
  local: `10.200.${at}.1`,
  remote: `10.200.${at}.2`,
}));

/** A policy of one app on both proxies. Nothing is held: the kernel of a namespace may have no NFQUEUE. */
export function policyOf(
  change: Partial<App> = {},
  proxies = PROXIES,
  profile: Partial<Profile> = {},
): Policy {
  const app = { proxies: proxies.map(({ name }) => name), ...change };
  const base = policyFrom({ app, profile });
  return { ...base, globals: { ...globals, dnsmasq: false }, proxies };
}

export function agentOn({ kernel, file }: Pick<Stage, 'kernel' | 'file'>, policy: Policy): Agent {
  const settings = {
    sources: { config: '/nonexistent', profiles: '/nonexistent', state: '/nonexistent' },
    configured: policy,
    choices: NO_CHOICES,
    hosts: [],
  };
  return createAgent(settings as unknown as Settings, policy, kernel, file);
}

/** Waits until `is` holds, at most `milliseconds`. */
export async function until(is: () => boolean, milliseconds = 5000): Promise<void> {
  const began = now();
  while (!is()) {
    if (now() - began > milliseconds) throw new Error(`not within ${milliseconds} ms: ${is}`);
    await new Promise<void>((done) => after(1, done));
  }
}

/** What a home's router has before the agent begins. The devices of the tunnels are there: where a kernel has no GRE
 * they are devices of another kind, which the agent leaves as they are. */
export const DEVICES = ['lo', 'br-lan', 'wan', 'whp-a', 'whp-b'];

export interface FakeStage extends Stage {
  readonly fake: FakeKernel;
  /** Calls of the kernel before the scenario began. */
  begun: number;
}

export function fakeStage(file: string, devices = DEVICES): FakeStage {
  const fake = fakeKernel();
  const { kernel } = fake;
  for (const name of devices) addLink(fake.routing, name);
  const stage: FakeStage = {
    fake,
    begun: 0,
    kernel,
    file,
    agent: agentOn({ kernel, file }, policyOf()),
    wanted: policyOf(),
    hasBegun: () => {
      stage.begun = fake.calls.length;
    },
    hasFailed: () => Array.from(fake.failing).some((number) => number < fake.calls.length),
    flush: async () => {
      for (const [name, { isOwned }] of fake.nft.tables) if (!isOwned) fake.nft.tables.delete(name);
      fake.nft.generation += 1;
    },
    deleteRule: async (preference) => {
      const rule = dropRule(fake.routing, preference);
      if (rule !== null) fake.announce({ kind: 'rule', gone: true, rule });
    },
    addFlow: async ({ from, port, to, toPort, mark, inner }) => {
      const ends = { source: from, sourcePort: port, destination: to, destinationPort: toPort };
      addFlow(fake.conntrack, ends, inner === undefined ? { mark } : { mark, inner });
    },
    notice: () => fake.announce(null),
    dump: async () => {
      expire(fake.nft, Number.NEGATIVE_INFINITY);
      return fake.dump();
    },
  };
  return stage;
}
