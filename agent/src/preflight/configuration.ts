// preflight/configuration: reports lines of the configuration file without effect: OpenWrt reads them the
// same way, but their author may have meant something else. Pure.
import type { Look } from './look.ts';
import type { Subject } from './seen.ts';

export function configurationLook({ uci }: Subject): Look {
  const { file, sections, notes } = uci;
  return {
    subject: 'configuration',
    seen: `${file}: ${sections.length} sections as OpenWrt reads them`,
    problems: [],
    notes,
  };
}
