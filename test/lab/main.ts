// The lab's main job: boots the router with the agent on it and the world around it, plays the
// sessions, prints flow by flow what went where and why, and judges by the ISP wire. With --compare
// the same sessions are played again without holding and with dnsmasq's nftset alone. Its exit
// status is the verdict of the run with the agent as it ships.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { keepFigures } from './keep.ts';
import { startLab } from './machine/lab.ts';
import { leave } from './machine/leave.ts';
import type { Machine } from './machine/machine.ts';
import { type Mode, startAgent } from './mode.ts';
import { runSessions, type SessionsOutcome } from './session/run.ts';

const { values } = parseArgs({
  options: {
    router: { type: 'string', default: 'mipsel' },
    sessions: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    mode: { type: 'string', default: 'hold' },
    out: { type: 'string', default: 'out/lab' },
    compare: { type: 'boolean', default: false },
    'no-adversary': { type: 'boolean', default: false },
    flows: { type: 'boolean', default: false },
    // With --compare, for the documents: docs/figures/sessions.json.
    keep: { type: 'boolean', default: false },
  },
});

const say = (line: string): void => console.error(`lab: ${line}`);

function routerKind(text: string): 'mipsel' | 'x86_64' {
  if (text === 'mipsel' || text === 'x86_64') return text;
  throw new Error(`--router ${text}: known are mipsel and x86_64 (big-endian: test.sh --full)`);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} ${text}: a whole number above 0`);
}

function modeOf(text: string): Mode {
  if (text === 'hold' || text === 'watch' || text === 'nftset') return text;
  throw new Error(`--mode ${text}: known are hold, watch and nftset`);
}

/** One run from boot to verdict. */
async function play(mode: Mode, out: string): Promise<SessionsOutcome> {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const router = routerKind(values.router);
  const lab = await startLab({ router, out, say });
  try {
    const agent = await startAgent(lab.router, mode, say);
    return await runSessions(
      { world: lab.world, out, routerKind: router, capturesOutside: true, say },
      {
        seed: positive('seed', values.seed),
        sessionsPerDevice: positive('sessions', values.sessions),
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

/** What the router says for itself, beside the captures. */
async function keepLogs(router: Machine, out: string): Promise<void> {
  const state = await router.run(
    'cat /tmp/whp.log; echo; nft list ruleset; ip rule; ip -6 rule; ip route show table all; cat /proc/meminfo',
  );
  writeFileSync(join(out, 'router-state.txt'), state.stdout);
}

type Outcomes = readonly (readonly [Mode, SessionsOutcome])[];

/** A row a mode: the reason for holding, in numbers. */
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
  const first = modeOf(values.mode);
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
  for (const mode of (['hold', 'watch', 'nftset'] as const).filter((one) => one !== first)) {
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
