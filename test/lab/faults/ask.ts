// What the sessions about names, ClientHellos and IPv6 have in common: one question from a device
// (world/probe.ts), and the configuration with more options.
import { configText } from '../mode.ts';
import type { FaultLab } from './fault.ts';
import { worldProgram } from './programs.ts';

const PROBE = worldProgram('probe');

export interface Probed {
  readonly ok: boolean;
  readonly ms: number;
  readonly errno?: string;
  readonly said?: 'reset' | 'closed' | 'silence' | 'data';
  readonly addresses?: readonly string[];
}

/** Runs probe.ts in the namespace of `device`. */
export async function probe(lab: FaultLab, device: string, words: string): Promise<Probed> {
  const text = await lab.inWorld(device, `${PROBE} ${words}`);
  const answer = JSON.parse(text.trim().split('\n').at(-1) ?? '{}') as Probed;
  lab.say(`${device}: ${words}: ${JSON.stringify(answer)}`);
  return answer;
}

/** The lab's configuration with more lines in its globals section. */
export function withGlobals(...lines: readonly string[]): string {
  const more = lines.map((line) => `\t${line}\n`).join('');
  return configText(true).replace("\tlist lan 'br-lan'\n", `\tlist lan 'br-lan'\n${more}`);
}

/** What was not as promised. */
interface Checks {
  readonly wrong: readonly string[];
  that(holds: boolean, what: string): void;
  /** The verdict: `text`, and what was wrong. */
  told(text: string): { readonly ok: boolean; readonly verdict: string };
}

export function checks(): Checks {
  const wrong: string[] = [];
  return {
    wrong,
    that: (holds, what) => {
      if (!holds) wrong.push(what);
    },
    told: (text) => ({
      ok: wrong.length === 0,
      verdict: wrong.length === 0 ? text : `${text}; WRONG: ${wrong.join('; ')}`,
    }),
  };
}
