// pictures/terminal: what `whp` prints in the home of docs/install.md, by the agent's own functions: the
// configuration is the shipped one with the proxy that install.md sets, and its app. Pure: the files' texts are arguments.
import type { KernelView } from '../../agent/src/answers/flows.ts';
import { presentOf, statusAnswer } from '../../agent/src/answers/status.ts';
import { whyAnswer } from '../../agent/src/answers/why.ts';
import { whyText } from '../../agent/src/cli/text.ts';
import { statusText } from '../../agent/src/cli/text-status.ts';
import { buildPolicy } from '../../agent/src/policy/build.ts';
import { markOf } from '../../agent/src/policy/marks.ts';
import { parseProfile } from '../../agent/src/profile/parse.ts';
import { pairKey, portKey } from '../../agent/src/ruleset/elements.ts';
import { createState, type State } from '../../agent/src/step/state.ts';
import { step } from '../../agent/src/step/step.ts';
import { ok, type Result } from '../../agent/src/syntax/result.ts';
import { parseUci } from '../../agent/src/syntax/uci.ts';
import { byteString } from '../../agent/src/wire/hex.ts';
import { answerTo } from '../../test/fixtures/dns.ts';
import { askedEvents } from '../../test/fixtures/dns-events.ts';
import { udp } from '../../test/fixtures/packets.ts';
import { statusInput } from '../../test/fixtures/status-input.ts';
import { surroundings } from '../../test/fixtures/surroundings.ts';

export interface Files {
  /** docs/install.md, agent/uci/whp, agent/profiles/skype.json, and the version of package.json. */
  readonly install: string;
  readonly shipped: string;
  readonly profile: string;
  readonly version: string;
}

/** A command and its output. */
export interface Printed {
  readonly command: string;
  readonly text: string;
}

const LAPTOP = '192.168.1.11';
const SERVER = '198.51.100.7';
const NAME = 'api.skype.com';
const OTHER = '192.0.2.80';
const PORT = 13021;
const HOUR = 3_600_000;
const NOW = 3 * HOUR;
const CLOCK = { zone: null, wall: Date.UTC(2026, 10, 21) };

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.problems.map(({ what }) => what).join('\n'));
  return result.value;
}

/** The shipped configuration with the proxy of install.md (`set whp.cloud.OPTION='VALUE'`) and its app enabled. */
function configurationOf({ install, shipped }: Files): string {
  let text = shipped;
  const typed = [...install.matchAll(/^set whp\.(cloud)\.(\w+)='(.*)'$/gm)].map((found) =>
    found.slice(1),
  );
  for (const [section, option, wanted] of [...typed, ['skype', 'enabled', '1']]) {
    const own = new RegExp(`(config \\w+ '${section}'\\n(?:\\t.*\\n)*?\\t)#?(option ${option}) .*`);
    if (!own.test(text)) throw new Error(`agent/uci/whp has no ${section}.${option}`);
    text = text.replace(own, `$1$2 '${wanted}'`);
  }
  return text;
}

/** An hour ago the laptop resolved a name of the application. */
function learn(state: State): void {
  const rdata = SERVER.split('.').map(Number);
  const message = answerTo(NAME, [{ name: NAME, type: 1, ttl: 7200, rdata }]);
  const packet = udp({ src: '192.168.1.1', dst: LAPTOP, sport: 53, dport: 5000 }, message);
  for (const event of askedEvents(packet)) step(state, event, NOW - HOUR);
  Object.assign(state.counters, { answers: 204, matched: 14, queries: 189, evidence: 9 });
}

/** The sets have a port and a peer of the laptop; one flow is open. */
function kernelOf(mask: number, proxyEnd: string): KernelView {
  const sets = new Map([
    ['skype_udp4', [portKey(LAPTOP, PORT)!]],
    ['skype_peer4', [pairKey(LAPTOP, SERVER)!]],
  ]);
  const original = {
    family: 4,
    protocol: 17,
    source: LAPTOP,
    sourcePort: PORT,
    destination: SERVER,
    destinationPort: 40011,
  } as const;
  const reply = { ...original, source: SERVER, destination: proxyEnd };
  return {
    readSet: (set, _most, wanted) =>
      ok(
        (sets.get(set) ?? [])
          .filter((key) => wanted === null || wanted === undefined || wanted(byteString(key)))
          .map((key) => ({ key, expiration: 24 * HOUR })),
      ),
    countSet: (set) => sets.get(set)?.length ?? 0,
    connections: () => ok([{ original, reply, mark: markOf(mask, 1) }]),
  };
}

export function terminal(files: Files): readonly Printed[] {
  const profile = value(parseProfile(files.profile, 'skype.json'));
  const uci = value(parseUci(configurationOf(files), 'whp'));
  const policy = value(buildPolicy({ uci, profiles: new Map([['skype', profile]]), doh: [] }));
  const state = createState(policy, () => false);
  learn(state);
  const [proxy] = policy.proxies;
  if (proxy === undefined) throw new Error('docs/install.md enables no proxy');
  const { name, address } = proxy;
  const input = statusInput({ name, address }, { version: files.version, now: NOW });
  const kernel = kernelOf(policy.globals.mask, proxy.local);
  const around = surroundings({
    ...presentOf(input),
    isHome: (one) => one.startsWith('192.168.1.'),
  });
  const why = (query: string): Printed => {
    const answer = whyAnswer(state, kernel, query, around);
    if (!answer.ok) throw new Error(answer.what);
    return { command: `whp why ${query}`, text: whyText(answer.value) };
  };
  return [
    { command: 'whp status', text: statusText(statusAnswer(state, kernel, input), CLOCK) },
    why(SERVER),
    why(OTHER),
  ];
}
