// preflight/configuration: reports lines of the configuration file without effect: OpenWrt reads them the
// same way, but their author may have meant something else. Pure.

import { counted } from '../syntax/words.ts';
import type { Look } from './look.ts';
import type { LookedAt } from './seen.ts';

export function configurationLook({ uci }: LookedAt): Look {
  const { file, sections, notes } = uci;
  return {
    subject: 'configuration',
    seen: `${file}: ${counted(sections.length, 'section')} as OpenWrt reads them`,
    problems: [],
    notes,
  };
}
