// Looks at what the configuration's file says beside what it does: lines without effect, which OpenWrt
// reads as well and whose writer may have meant otherwise. Pure.
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
