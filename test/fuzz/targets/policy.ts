// policy/build and ruleset/: a configuration is refused with a place and a fix, or compiles to a table that
// contains only words of nft: no option ends its string or statement.
import { buildPolicy } from '../../../agent/src/policy/build.ts';
import { markOf, slotOf } from '../../../agent/src/policy/marks.ts';
import type { Policy } from '../../../agent/src/policy/policy.ts';
import { compile } from '../../../agent/src/ruleset/compile/compile.ts';
import { renderLoad } from '../../../agent/src/ruleset/render.ts';
import { parseUci } from '../../../agent/src/syntax/uci.ts';
import { plan } from '../../../agent/src/tunnel/plan.ts';
import { wideProfile } from '../../fixtures/profile.ts';
import { UCI_SEEDS, UCI_WORDS } from '../../fixtures/uci-seeds.ts';
import { renderReload } from '../../lib/reload.ts';
import { bytesOf, kindOf, must, mustBeCanonical, type Target, textOf } from '../target.ts';

const profiles = new Map([['skype', wideProfile]]);
const base = read(UCI_SEEDS[0]!);
const before = base === null ? null : compile(base);

function read(text: string): Policy | null {
  const uci = parseUci(text, 'whp');
  if (!uci.ok) return null;
  const built = buildPolicy({ uci: uci.value, profiles });
  return built.ok ? built.value : null;
}

function check(policy: Policy): void {
  const { mask } = policy.globals;
  for (const { slot, proxies } of policy.apps) {
    must(slotOf(mask, markOf(mask, slot)) === slot, `slot ${slot} under mask ${mask}`);
    must(
      proxies.every((name) => policy.proxies.some((one) => one.name === name)),
      'a proxy of nobody',
    );
  }
  for (const { address, local, remote } of policy.proxies) {
    for (const one of [address, local, remote]) mustBeCanonical(one);
  }
  const ruleset = compile(policy);
  for (const text of [renderLoad(ruleset), before === null ? '' : renderReload(before, ruleset)]) {
    // Text outside of quoted strings, which contain no quote, line feed or backslash.
    const bare = text.replace(/"[^"\n\\]*"/g, '');
    const bad = /[^\n\t -~]|["'\\]|undefined|NaN|\[object/.exec(bare);
    must(bad === null, `the table holds ${JSON.stringify(bad?.[0])}`);
  }
  plan(policy);
}

export const policy: Target = {
  name: 'policy',
  weight: 1,
  seeds: UCI_SEEDS.map(bytesOf),
  words: UCI_WORDS,
  run(input) {
    const uci = parseUci(textOf(input), 'whp');
    if (!uci.ok) return 'not read';
    const built = buildPolicy({ uci: uci.value, profiles });
    if (built.ok) {
      check(built.value);
      const { proxies, apps } = built.value;
      return `${proxies.length} proxies, ${apps.map((app) => app.devices.length)} apps`;
    }
    must(built.problems.length > 0, 'refused without a reason');
    for (const { where, what } of built.problems)
      must(where !== '' && what !== '', 'no place or no fix');
    return kindOf(built.problems[0]!.what);
  },
};
