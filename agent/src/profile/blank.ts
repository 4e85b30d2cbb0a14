// profile/blank: the profile of an app that has no profile file. It holds no name, no range and no port;
// policy/build-rules adds those of the owner's rules.
import type { Profile } from './profile.ts';

/** The values of the smallest profile of docs/profiles.md; `name`: of the app. */
export function blankProfile(name: string): Profile {
  return {
    format: 1,
    name,
    title: name,
    version: '',
    dns: { names: [], suffixes: [], patterns: [], except: [] },
    ranges: [],
    portmap: { windowSeconds: 0, protocols: [] },
    ports: { leaseSeconds: 86_400 },
    peers: { enabled: false, leaseSeconds: 86_400 },
    request: {
      enabled: false,
      minimum: 1,
      maximum: 1,
      field: 'ip-length',
      windowMilliseconds: 200,
    },
    endpoints: { ttlMinimumSeconds: 300, ttlMaximumSeconds: 86_400 },
    caps: { endpoints: 1024, ports: 64, peers: 1024, devices: 256 },
  };
}
