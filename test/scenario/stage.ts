// A stage: an agent on a kernel, and the actions of other programs on that kernel. fakeStage has the fake kernel;
// test/netlink/scenario-program has one on the kernel of a namespace.
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

/** A UDP flow. `inner`: the address that its source was translated to. */
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
  /** The agent, and the policy that it enforced last. */
  agent: Agent;
  wanted: Policy;
  /** Path of the handover file. */
  readonly file: string;
  /** Call it after the first policy: changes fail only from here on. */
  hasBegun(): void;
  /** Whether a change has failed. */
  hasFailed(): boolean;
  /** `nft flush ruleset`. */
  flush(): Promise<void>;
  /** `ip -4 rule del`. */
  deleteRule(preference: number, mark: string, table: number): Promise<void>;
  addFlow(flow: Flow): Promise<void>;
  /** Lets the agent see lost rtnetlink notifications; a real kernel notifies by itself. */
  notice(): void;
  /** The agent's state in the kernel: tables as nft lists them, routes and rules as ip does, flows as conntrack
   * does. */
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

/** A policy of one app on both proxies. It holds nothing, since a namespace's kernel may have no NFQUEUE. */
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

/** Waits until `is` returns true; throws after `milliseconds`. */
export async function until(is: () => boolean, milliseconds = 5000): Promise<void> {
  const began = now();
  while (!is()) {
    if (now() - began > milliseconds) throw new Error(`not within ${milliseconds} ms: ${is}`);
    await new Promise<void>((done) => after(1, done));
  }
}

/** Devices of the router before the agent starts, including those of the tunnels: a kernel without GRE has devices
 * of another kind by these names, which the agent does not change. */
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
