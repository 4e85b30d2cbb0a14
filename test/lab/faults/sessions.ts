// The fault sessions in the order in which they are played.
import { agentFaults } from './agent-faults.ts';
import { asleep } from './asleep.ts';
import { boots } from './boot.ts';
import { busy, commands } from './commands.ts';
import { elsewhere } from './elsewhere.ts';
import { families } from './families.ts';
import type { Fault } from './fault.ts';
import { floodAndCall } from './flood-and-call.ts';
import { floods } from './floods.ts';
import { flushes } from './flushes.ts';
import { foreign } from './foreign.ts';
import { forged } from './forged.ts';
import { hello } from './hello.ts';
import { history } from './history.ts';
import { incoming } from './incoming.ts';
import { killed } from './killed.ts';
import { neighbours } from './neighbours.ts';
import { offload } from './offload.ts';
import { others } from './others.ts';
import { devicesOnly, hours, mistake, paused } from './owner.ts';
import { flapping, poor } from './proxies.ts';
import { reloads } from './reloads.ts';
import { resolvers } from './resolvers.ts';
import { six, sixTunnelled } from './six.ts';
import { blocked, direct, failover, late } from './states.ts';
import { steady } from './steady.ts';
import { tested } from './tested.ts';
import { twoApps } from './two-apps.ts';
import { wan } from './wan.ts';

export const FAULTS: readonly Fault[] = [
  steady,
  killed,
  ...others,
  flushes,
  ...wan,
  neighbours,
  foreign,
  ...agentFaults,
  reloads,
  failover,
  poor,
  flapping,
  blocked,
  direct,
  late,
  resolvers,
  six,
  sixTunnelled,
  offload,
  ...boots,
  asleep,
  elsewhere,
  families,
  twoApps,
  incoming,
  forged,
  floodAndCall,
  ...floods,
  devicesOnly,
  paused,
  hours,
  mistake,
  history,
  commands,
  tested,
  busy,
  // Last: its server goes on sending to a flow that was cut.
  hello,
];
