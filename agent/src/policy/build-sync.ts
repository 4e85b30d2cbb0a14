// policy/build-sync: checks the sync section (source, interval and key of a signed policy), so that what is
// written now stays valid. This version fetches no policy and reports a problem if the section is enabled.
import {
  checkInteger,
  type OptionSpec,
  readBoolean,
  readSection,
  type SectionPlace,
} from '../syntax/options.ts';
import type { Problem } from '../syntax/result.ts';

export const SYNC_OPTIONS: OptionSpec = {
  options: ['enabled', 'url', 'key', 'interval'],
  lists: [],
};

export function checkSync(sections: readonly SectionPlace[], problems: Problem[]): void {
  sections.forEach((placed, at) => {
    const read = readSection(placed, SYNC_OPTIONS, problems);
    if (at > 0) read.complain(null, 'there is a sync section already; join the two');
    const url = read.option('url');
    if (url !== null && !/^https?:\/\/[^\s/:]+(:\d+)?(\/\S*)?$/.test(url)) {
      read.complain('url', `"${url}" is no address such as http://10.254.1.1:8080/policy`);
    }
    const key = read.option('key');
    // An Ed25519 public key has 32 bytes (RFC 8032 section 5.1.5).
    if (key !== null && !/^[0-9a-f]{64}$/i.test(key)) {
      read.complain('key', 'is no Ed25519 public key: 64 hexadecimal digits');
    }
    checkInteger(read, 'interval', 60, 604800);
    if (readBoolean(read, 'enabled', false)) {
      read.complain('enabled', "this version fetches no policy; write: option enabled '0'");
    }
  });
}
