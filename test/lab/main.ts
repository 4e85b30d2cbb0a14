// The lab's main program: boots the router with the agent and the world, plays the sessions, prints the way of
// each flow with its reason, and judges by the ISP wire. --compare plays the same sessions again in watch mode
// and with dnsmasq's nftset. The exit status is the verdict of the first run.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { keepFigures } from './keep.ts';
import { startLab } from './machine/lab.ts';
import { leave } from './machine/leave.ts';
import type { Machine } from './machine/machine.ts';
import { labOptions, ROUTER } from './machine/options.ts';
import { type Mode, startAgent } from './mode.ts';
import { runSessions, type SessionsOutcome } from './session/run.ts';

const MODES = ['hold', 'watch', 'nftset'] as const;
const { values } = labOptions('', {
  router: ROUTER,
  sessions: { above: 0, otherwise: 2 },
  seed: { above: 0, otherwise: 1 },
  mode: { of: MODES, otherwise: 'hold' },
  out: { text: 'out/lab' },
  compare: false,
  'no-adversary': false,
  flows: false,
  // With --compare, for the documents: docs/figures/sessions.json.
  keep: false,
});

const say = (line: string): void => console.error(`lab: ${line}`);

/** One run from boot to verdict. */
async function play(mode: Mode, out: string): Promise<SessionsOutcome> {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const { router } = values;
  const lab = await startLab({ router, out, say });
  try {
    // The shipped profile, but that an answer counts for no longer than it says (profiles.ts).
    const agent = await startAgent(lab.router, mode, say, 'lab');
    return await runSessions(
      { world: lab.world, out, routerKind: router, capturesOutside: true, say },
      {
        seed: values.seed,
        sessionsPerDevice: values.sessions,
        noise: true,
        adversary: !values['no-adversary'],
        agentStatus: agent.status,
        explain: agent.explain,
        closeCaptures: async () => {
          await keepLogs(lab.router, out);
          await lab.stop();
        },
      },
    );
  } catch (error) {
    await keepLogs(lab.router, out).catch(() => {});
    throw error;
  } finally {
    await lab.stop();
  }
}

/** The router's own reports, beside the captures. */
async function keepLogs(router: Machine, out: string): Promise<void> {
  const state = await router.run(
    'cat /tmp/whp.log; echo; nft list ruleset; ip rule; ip -6 rule; ip route show table all; cat /proc/meminfo',
  );
  writeFileSync(join(out, 'router-state.txt'), state.stdout);
}

type Outcomes = readonly (readonly [Mode, SessionsOutcome])[];

/** One row a mode: the effect of holding answers. */
function compared(outcomes: Outcomes) {
  return outcomes.map(
    ([
      mode,
      {
        result: { sessions, totals },
      },
    ]) => ({
      mode,
      sessions: totals.sessions,
      leaking: sessions.filter(({ leaked }) => leaked > 0).length,
      leaked: totals.leaked,
      tunnel: totals.applicationTunnel,
      unrelatedProxied: totals.unrelatedProxied,
      homeSeen: totals.homeSeen,
    }),
  );
}

function comparison(outcomes: Outcomes): string {
  const names = { hold: 'whp, answers held', watch: 'whp, NFLOG only', nftset: "dnsmasq's nftset" };
  const head = ['', 'sessions', 'leaking', 'leaked', 'in tunnel', 'unrelated proxied', 'home seen'];
  const rows = compared(outcomes).map(({ mode, ...counts }) => [
    names[mode],
    ...Object.values(counts).map(String),
  ]);
  const widths = head.map((cell, at) =>
    Math.max(cell.length, ...rows.map((row) => row[at]!.length)),
  );
  return [head, ...rows]
    .map((row) => row.map((cell, at) => cell.padEnd(widths[at]!)).join('  '))
    .join('\n');
}

async function main(): Promise<boolean> {
  const out = resolve(values.out);
  const first = values.mode;
  const outcome = await play(first, out);
  if (values.flows || !values.compare) console.log(readFileSync(join(out, 'flows.txt'), 'utf8'));
  console.log(outcome.text);
  if (!values.compare) {
    const { sessionsOk, expectedSessions } = outcome.result.totals;
    const failed = Math.max(expectedSessions - sessionsOk, outcome.ok ? 0 : 1);
    console.log(`lab: ${sessionsOk} passed, ${failed} failed`);
    return outcome.ok;
  }
  const outcomes: (readonly [Mode, SessionsOutcome])[] = [[first, outcome]];
  for (const mode of MODES.filter((one) => one !== first)) {
    say(`the same sessions again: ${mode}`);
    outcomes.push([mode, await play(mode, join(out, mode))]);
  }
  console.log(`\n${comparison(outcomes)}`);
  if (values.keep) {
    const command = `./scripts/lab.sh --sessions ${values.sessions} --compare`;
    keepFigures('sessions', command, { router: values.router, rows: compared(outcomes) });
  }
  return outcome.ok;
}

leave(main());
