// The policy that the ruleset's tests start from: Skype-like, small enough to read, with every
// feature on. A test changes only what it is about.

import type { App, Globals, Policy, Proxy as ProxyEntry } from '../../agent/src/policy/policy.ts';
import type { Escape } from '../../agent/src/policy/resolver-bypass.ts';
import type { Profile } from '../../agent/src/profile/profile.ts';

export const profile: Profile = {
  format: 1,
  name: 'skype',
  title: 'Skype',
  version: '2026-01-01',
  dns: {
    names: [{ value: 'ui.skype.com', evidence: 'capture' }],
    suffixes: [],
    patterns: [],
    except: [],
  },
  ranges: [
    {
      addresses: ['111.221.74.0/24', '2a01:111:74::/64'],
      protocols: ['udp', 'tcp'],
      ports: [33033, [40001, 40047]],
      role: 'supernode',
      learn: ['udp'],
      source: 'test',
      evidence: 'capture',
      date: '2015-05-18',
      expires: '2030-01-01',
    },
    {
      addresses: ['91.190.216.0/21'],
      protocols: ['tcp'],
      ports: [12350],
      role: 'login',
      learn: [],
      source: 'test',
      evidence: 'capture',
      date: '2015-05-18',
      expires: '2030-01-01',
    },
  ],
  portmap: { windowSeconds: 4, protocols: ['nat-pmp', 'pcp'] },
  ports: { leaseSeconds: 7200 },
  peers: { enabled: true, leaseSeconds: 3600 },
  request: {
    enabled: true,
    minimum: 329,
    maximum: 339,
    field: 'ip-length',
    windowMilliseconds: 200,
  },
  endpoints: { ttlMinimumSeconds: 300, ttlMaximumSeconds: 86400 },
  caps: { endpoints: 1024, ports: 64, peers: 4096, devices: 256 },
};

export const globals: Globals = {
  lan: ['br-lan'],
  mask: 0x0f000000,
  preference: 15000,
  table: 15000,
  queue: 5300,
  group: 5300,
  hold: false,
};

export const proxy: ProxyEntry = {
  name: 'a',
  address: '198.51.100.7',
  key: 7,
  local: '10.200.0.2',
  remote: '10.200.0.1',
  mtu: 1400,
};

export const app: App = {
  name: 'skype',
  slot: 1,
  profile,
  devices: [],
  fallback: 'block',
  proxies: ['a'],
};

export const escape: Escape = {
  hello: 'off',
  redirect: false,
  rejectDot: false,
  rejectDoh: false,
  devices: [],
  doh: ['1.0.0.2', '2606:4700:4700::1111'],
};

export const policy: Policy = { globals, proxies: [proxy], apps: [app] };

/** What a golden case may change; arrays replace, `apps` and `proxies` are changes of the base one. */
export interface Change {
  readonly globals?: Partial<Globals>;
  readonly proxy?: Partial<ProxyEntry>;
  readonly app?: Partial<App>;
  readonly profile?: Partial<Profile>;
  readonly apps?: readonly Partial<App>[];
  readonly proxies?: readonly Partial<ProxyEntry>[];
  readonly escape?: Partial<Escape>;
}

export function policyFrom(change: Change): Policy {
  const base: App = { ...app, ...change.app, profile: { ...profile, ...change.profile } };
  const first: ProxyEntry = { ...proxy, ...change.proxy };
  return {
    globals: { ...globals, ...change.globals },
    proxies: (change.proxies ?? [{}]).map((one) => ({ ...first, ...one })),
    apps: (change.apps ?? [{}]).map((one) => ({ ...base, ...one })),
    ...(change.escape === undefined ? {} : { escape: { ...escape, ...change.escape } }),
  };
}
