// daemon/status: what `whp status` needs of the running agent: problems, feeds, links, memory. answers/status builds the
// answer.
import type { KernelView } from '../answers/flows.ts';
import { type StatusAnswer, statusAnswer } from '../answers/status.ts';
import { VERSION } from '../cli/version.ts';
import { errorText } from '../os/errno.ts';
import { residentBytes } from '../os/memory.ts';
import { problemsOf } from '../preflight/looks.ts';
import { notesOf } from '../preflight/traffic.ts';
import type { Agent } from '../runtime/agent.ts';
import { countGlanced } from '../runtime/feeds.ts';
import { keptAnswer } from '../runtime/kept.ts';
import { FAMILIES, type Family } from '../wire/address.ts';
import { largeLedger } from './kernel-view.ts';
import { knownProblems, noted } from './known-problems.ts';
import { decisive, earOf, meterNow, namesOf } from './surroundings.ts';

function withoutPackets(families: readonly Family[]): string {
  const which = families.map((family) => `IPv${family}`).join(' and ');
  return `elements are added by transactions, which other programs' nft waits for: packets to lo add none (${which}); lo is down, or another table drops them`;
}

/** The answer of `whp status`, from the agent and the kernel as they are now. */
export function status(agent: Agent, kernel: KernelView): StatusAnswer {
  const { failures } = agent.effects;
  const { answers, announced, watched } = agent.feeds;
  countGlanced(agent.feeds, agent.state);
  const links = agent.kernel.routing.links();
  const problems = knownProblems(agent.problems);
  problems.push(...problemsOf(agent.preflight.looks));
  if (!links.ok) problems.push(noted(errorText(links.error)));
  if (failures.count > 0) {
    problems.push(noted(`${failures.count} set updates failed, the last: ${failures.last}`));
  }
  const byPacket = agent.kernel.sets.byPacket();
  const refused = FAMILIES.filter((family) => byPacket[family] === false);
  if (refused.length > 0)
    problems.push(noted(withoutPackets(refused), 'ip link show lo; nft list hooks'));
  return statusAnswer(agent.state, kernel, {
    version: VERSION,
    ...decisive(agent, links.ok ? links.value : []),
    configured: agent.settings.configured.apps,
    names: namesOf(agent),
    since: agent.since,
    ear: earOf(agent),
    marks: largeLedger(agent)?.marks ?? null,
    lost: [answers, announced, ...watched].reduce(
      (sum, feed) => sum + (feed?.counters.overruns ?? 0),
      0,
    ),
    memory: residentBytes(),
    problems,
    ...notesOf(agent.preflight.looks),
    repairs: agent.repairs,
    kept: keptAnswer(agent),
    meter: meterNow(agent),
  });
}
