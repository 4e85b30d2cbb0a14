// The profile that the fuzz targets start from: the policy tests' own, with wider names.
import type { Profile } from '../../agent/src/profile/profile.ts';
import { PROFILE as BASE } from '../unit/profile/profile-text.ts';

export const PROFILE = {
  ...BASE,
  dns: {
    ...BASE.dns,
    suffixes: [
      { value: 'skype.com', evidence: 'capture' },
      { value: 'prd.skypedata.akadns.net', evidence: 'capture' },
    ],
  },
  caps: { endpoints: 16, ports: 8, peers: 16, devices: 8 },
} as unknown as Profile;
